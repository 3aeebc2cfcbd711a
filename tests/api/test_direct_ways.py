"""The direct ways in answer as the framework's routes do, whatever is sent."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient

from app.api import documents
from app.errors import StorageFullError
from app.services.ingest import IngestService
from tests.builders import a_session, a_thought
from tests.conftest import TOKEN

APPEND = {"events": [a_thought("because", event_id="e-1")]}
BY_FRAMEWORK = {"Content-Encoding": "identity"}
"""Changes nothing, and is not the plainest form."""

REQUESTS: dict[str, tuple[str, bytes, dict[str, str]]] = {
    "events": ("/traces/t-1/events", json.dumps(APPEND).encode(), {}),
    "a trace": ("/traces", json.dumps(a_session(trace_id="t-2")).encode(), {}),
    "a trace again": ("/traces", json.dumps(a_session()).encode(), {}),
    "another trace with the id": ("/traces", json.dumps(a_session(developer_id="other")).encode(), {}),
    "no JSON": ("/traces/t-1/events", b"{", {}),
    "nothing": ("/traces/t-1/events", b"", {}),
    "no events": ("/traces/t-1/events", b'{"events": []}', {}),
    "faults": ("/traces/t-1/events", b'{"events": [{"event_type": "thought"}, {}]}', {}),
    "no trace": ("/traces/t-9/events", json.dumps(APPEND).encode(), {}),
    "no trace's id": ("/traces/%2e%2e/events", json.dumps(APPEND).encode(), {}),
    "a blank in the id": ("/traces/a%20b/events", json.dumps(APPEND).encode(), {}),
    "a wrong token": ("/traces/t-1/events", json.dumps(APPEND).encode(), {"Authorization": "Bearer wrong"}),
    "no token": ("/traces/t-1/events", json.dumps(APPEND).encode(), {"Authorization": ""}),
    "no token for a trace": ("/traces", json.dumps(a_session()).encode(), {"Authorization": ""}),
    "a form": ("/traces/t-1/events", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}),
    "too much": ("/traces/t-1/events", b" " * 5000, {}),
    "a key": ("/traces/t-1/events", json.dumps(APPEND).encode(), {"Idempotency-Key": "k-1"}),
    "a key that cannot be one": ("/traces/t-1/events", json.dumps(APPEND).encode(), {"Idempotency-Key": "k" * 256}),
    "a path that ends otherwise": ("/traces/t-1/events/", json.dumps(APPEND).encode(), {}),
    "a path within": ("/traces/t-1/x/events", json.dumps(APPEND).encode(), {}),
}


@pytest.fixture
def make_pair(make_client: Callable[..., TestClient], tmp_path: Any) -> Callable[[], tuple[TestClient, TestClient]]:
    """Two servers with the same trace: one to be asked directly, one through the framework."""

    def make() -> tuple[TestClient, TestClient]:
        pair = tuple(make_client(data_dir=tmp_path / name, max_body_bytes=4000) for name in ("direct", "framework"))
        for client in pair:
            assert client.post("/traces", json=a_session()).status_code == 201
        return pair[0], pair[1]

    return make


def sent(client: TestClient, path: str, content: bytes, headers: dict[str, str]) -> httpx2.Response:
    plain = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    return client.post(path, content=content, headers={**plain, **headers})


@pytest.mark.parametrize("name", REQUESTS)
def test_both_ways_answer_alike(make_pair: Callable[[], tuple[TestClient, TestClient]], name: str) -> None:
    direct, framework = make_pair()
    path, content, headers = REQUESTS[name]

    ours = sent(direct, path, content, headers)
    theirs = sent(framework, path, content, {**headers, **BY_FRAMEWORK})

    assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
    assert dict(ours.headers) == dict(theirs.headers)


def test_the_plainest_form_does_not_reach_the_framework(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    route = next(route for route in client.app.routes if getattr(route, "path", "") == "/traces/{trace_id}/events")  # type: ignore[attr-defined]
    answer = route.app

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope["method"])
        await answer(scope, receive, send)

    monkeypatch.setattr(route, "app", noted)
    client.post("/traces", json=a_session())

    client.post("/traces/t-1/events", json=APPEND)
    assert asked == []

    client.post("/traces/t-1/events", json={"events": [a_thought("more")]}, headers=BY_FRAMEWORK)
    packed = gzip.compress(json.dumps({"events": [a_thought("packed")]}).encode())
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    assert client.post("/traces/t-1/events", content=packed, headers=headers).status_code == 200
    assert asked == ["POST", "POST"]


@pytest.mark.parametrize("way", documents.DIRECT_WAYS, ids=lambda way: way.path.pattern)
def test_every_way_is_a_documented_route(client: TestClient, way: Any) -> None:
    paths = [path for path, methods in client.get("/openapi.json").json()["paths"].items() if "post" in methods]

    assert [path for path in paths if way.path.fullmatch(path)]


def test_a_full_disk_is_told(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/traces", json=a_session())

    def refuse(*_: object, **__: object) -> None:
        raise StorageFullError

    monkeypatch.setattr(IngestService, "write", refuse)

    answer = client.post("/traces/t-1/events", json=APPEND)

    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")


def test_a_fault_of_the_program_is_logged_and_not_told(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client.post("/traces", json=a_session())

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(IngestService, "write", fail)

    with caplog.at_level(logging.ERROR):
        answer = client.post("/traces/t-1/events", json=APPEND)

    assert (answer.status_code, answer.json()["code"], answer.headers["connection"]) == (500, "internal", "close")
    assert "a secret" not in answer.text
    assert any(record.message == "request failed unexpectedly" for record in caplog.records)
