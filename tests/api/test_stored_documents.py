"""Documents of every released schema version are readable for ever. The files in tests/data are never made anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.rules.integrity import verify_stream
from app.settings import Settings
from app.storage.keys import load_public_keys
from tests.api.test_documents import is_problem
from tests.builders import a_thought
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox

STORED = Path(__file__).resolve().parents[1] / "data" / "stored-1.0"


@pytest.fixture
def client(settings: Settings, sandbox: ScriptedSandbox) -> Iterator[TestClient]:
    """A server of today on a data directory of schema 1.0."""
    shutil.copytree(STORED, settings.data_dir)
    with a_server(settings, sandbox) as client:
        yield client


def test_every_trace_is_read_and_listed(client: TestClient) -> None:
    listed = {trace["trace_id"] for trace in client.get("/traces").json()["traces"]}

    assert listed == {path.stem for path in (STORED / "traces").glob("*.json")}
    for trace_id in listed:
        assert client.get(f"/traces/{trace_id}").json()["schema_version"] == "1.0"


def test_a_finalized_trace_is_still_proven(client: TestClient, settings: Settings) -> None:
    keys = load_public_keys(settings.data_dir / "keys")

    with (settings.data_dir / "traces" / "finalized-1.json").open("rb") as file:
        (report,) = verify_stream(file, keys)

    assert report.is_proven
    document = client.get("/traces/finalized-1").json()
    assert document["qa_results"]["verification"]["verdict"] == "fixed"
    assert len(document["qa_history"]) == 1
    assert {event["event_type"] for event in document["events"]} == {
        "reasoning_step", "code_edit", "file_open", "file_close", "terminal_command", "test_result", "commit",
    }  # fmt: skip


def test_an_open_trace_goes_on_where_it_was(client: TestClient) -> None:
    document = client.get("/traces/open-1").json()
    assert [event["seq"] for event in document["events"]] == [1, 2]
    assert document["redactions"] == {"email": 1}
    assert set(document["artifacts"]) == {"log"}

    other = client.post("/traces/open-1/events", json={"events": [a_thought()]}, headers={"Idempotency-Key": "k-1"})
    appended = client.post("/traces/open-1/events", json={"events": [a_thought()]})

    assert other.status_code in (200, 422)  # the key is forgotten a day after it was used
    assert appended.json()["appended_events"] == 1


def test_a_recorded_session_expects_its_next_chunk(client: TestClient) -> None:
    (recorded,) = (path.stem for path in (STORED / "traces").glob("*-*-*-*-*.json"))
    chunk = {"chunk_id": "c-9", "chunk_seq": 9, "events": []}

    is_problem(client.post(f"/v1/traces/{recorded}/events:ingest", json=chunk), 409, "expected is 3")
    assert client.post(f"/v1/traces/{recorded}/events:ingest", json={**chunk, "chunk_seq": 3}).status_code == 200


def test_a_deleted_trace_stays_deleted(client: TestClient) -> None:
    is_problem(client.get("/traces/deleted-1"), 410, "was deleted at")
