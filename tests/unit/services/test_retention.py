"""Retention: what was kept long enough goes, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from fastapi.testclient import TestClient

from app.bootstrap.server import Application
from app.services.retention import RetentionService
from tests.builders import a_session


def test_what_is_older_than_is_kept_is_removed(client: TestClient) -> None:
    application: Application = client.app.state.application  # type: ignore[attr-defined]
    for name in ("t-1", "t-2"):
        client.post("/traces", json=a_session(trace_id=name)).raise_for_status()

    def sweep(days_from_now: int) -> int:
        clock: Callable[[], datetime] = lambda: datetime.now(UTC) + timedelta(days=days_from_now)  # noqa: E731
        return RetentionService(application.queries, application.traces, timedelta(days=30), clock).sweep()

    assert sweep(29) == 0
    assert sweep(31) == 2
    assert sweep(31) == 0
    gone = client.get("/traces/t-1")
    assert gone.status_code == 410
    assert "kept for 30 days" in gone.json()["detail"]
    assert client.get("/traces").json()["traces"] == []


def test_a_server_that_keeps_traces_for_ever_has_nothing_to_do(make_client: Callable[..., TestClient]) -> None:
    client = make_client(retention_days=1)

    client.post("/traces", json=a_session()).raise_for_status()

    assert client.get("/traces/t-1").status_code == 200
