"""The references run as the server does, and do what their names say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.api.connections import GuardedProtocol
from app.cli import serve
from app.models.trace import NewEvents
from app.settings import Settings
from benchmarks.references import REFERENCES, uvicorn_options
from benchmarks.sessions import Sessions, chunk_body, trace_body


def test_references_have_the_options_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(serve, "build_application", lambda _: None)
    monkeypatch.setattr("app.cli.serve.uvicorn.Config", lambda _, **options: seen.update(options))

    serve.server_config(Settings(data_dir=tmp_path, allow_open_loopback=True))

    theirs = uvicorn_options()
    assert issubclass(seen.pop("http"), GuardedProtocol)
    assert issubclass(theirs.pop("http"), GuardedProtocol)
    assert theirs == seen


def test_what_validates_from_bytes_refuses_what_is_no_event(tmp_path: Path) -> None:
    client = TestClient(REFERENCES["bare-validate-bytes"](tmp_path))

    with pytest.raises(ValueError, match="event_type"):
        client.post("/traces/t-1/events", content=b'{"events":[{"event_type":"nothing"}]}')


def test_what_fastapi_validates_by_itself_refuses_what_is_no_event(tmp_path: Path) -> None:
    client = TestClient(REFERENCES["bare-validate"](tmp_path))

    answer = client.post("/traces/t-1/events", json={"events": [{"event_type": "nothing"}]})

    assert answer.status_code == 422


@pytest.mark.parametrize("name", ["bare-validate", "bare-validate-bytes"])
def test_references_answer_as_the_server_does(name: str, tmp_path: Path) -> None:
    client = TestClient(REFERENCES[name](tmp_path), headers={"Content-Type": "application/json"})

    appended = client.post("/traces/t-1/events", content=chunk_body(Sessions(), 3).content)
    created = client.post("/traces", content=trace_body(Sessions(), 2).content)

    assert appended.json() == {"trace_id": "t-1", "appended_events": 3}
    assert (created.status_code, created.json()["status"]) == (201, "stored")
    assert "location" in created.headers


def test_the_models_of_the_application_stay_strict(tmp_path: Path) -> None:
    REFERENCES["bare-validate"](tmp_path)

    assert sys.modules["app.models.trace"].__dict__["NewEvents"] is NewEvents
    assert NewEvents.model_config["strict"] is True


@pytest.mark.parametrize("name", ["bare-fsync", "bare-group"])
def test_what_is_acknowledged_is_in_the_file(name: str, tmp_path: Path) -> None:
    client = TestClient(REFERENCES[name](tmp_path))

    for body in (b"one", b"two"):
        assert client.post("/traces/t-1/events", content=body).status_code == 200

    assert (tmp_path / "bodies.log").read_bytes() == b"onetwo"
