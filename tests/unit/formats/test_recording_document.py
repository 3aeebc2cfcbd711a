"""Sessions in the shape of the recording API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.formats.errors import FormatError
from app.formats.recording_document import RecordingDocument
from app.models.trace import Repo
from tests.builders import a_session, a_thought, an_edit, an_event
from tests.unit.formats.reading import lost, of_document, read_all


def a_recording(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "trace_version": "1.0",
        "session": {"trace_id": "r-1", "participant_id": "p-1", "start_time": "2026-03-02T12:00:00Z"},
        "task": {"task_id": "BUG-1", "task_title": "Off by a cent"},
        "repo": {"origin": "https://example.org/till.git", "start_commit": "8f0f4d5"},
        "events": list(events),
        **more,
    }


def read(document: Any, **options: Any) -> Any:
    (session,) = read_all(RecordingDocument(), of_document(document), **options)
    return session


def test_a_finalized_trace_comes_back_as_it_was(client: TestClient) -> None:
    events = [
        a_thought("why?", plan="look", event_id="e1"),
        an_edit(event_id="e2", minute=1, hash_before="0" * 64),
        an_event("terminal_command", 2, event_id="e3", command="make", exit_code=0, output="ok", duration_ms=5),
        an_event("test_result", 3, event_id="e4", tests_passed=False, test_command="pytest", summary="1 failed", num_failed=1),
        an_event("commit", 4, event_id="e5", sha="8f0f4d5", message="Fix"),
        an_event("file_open", 5, event_id="e6", file_path="a.py"),
    ]
    client.post("/traces", json=a_session(events=events, bug_id="B-1", task={"title": "T", "known_failing_tests": ["t::a"]}))
    stored = client.post("/traces/t-1/finalize", json={}).json()

    session = read(client.get("/v1/traces/t-1").json())

    trace = session.trace.model_dump(mode="json", exclude_none=True)
    assert [event.data.model_dump(mode="json", exclude_unset=True) for event in session.trace.events] == [
        event["data"] | {"extra": {"client_seq": event["seq"]}} for event in stored["events"]
    ]
    assert (trace["trace_id"], trace["developer_id"], trace["bug_id"]) == ("t-1", "dev-1", "B-1")
    assert {name: trace["repo"][name] for name in ("name", "url", "branch", "commit_before")} == {
        name: stored["repo"][name] for name in ("name", "url", "branch", "commit_before")
    }
    assert set(lost(session)) == {"qa", "integrity"}
    assert session.missing == ()


def test_times_that_count_from_the_beginning_are_placed_there() -> None:
    session = read(a_recording({"id": "e1", "type": "cmd_run", "ts_client_s": 12.5, "cmd": "ls"}))

    (event,) = session.trace.events
    assert event.timestamp.isoformat() == "2026-03-02T12:00:12.500000+00:00"
    assert event.data.exit_code is None


def test_facts_that_a_document_lacks_come_from_the_options() -> None:
    session = read(a_recording(), repo=Repo(branch="main"), developer_id="dev-9")

    assert session.missing == ("name", "commit_after", "test_command")
    assert (session.trace.repo.branch, session.trace.developer_id) == ("main", "dev-9")


@pytest.mark.parametrize(
    ("event", "place"),
    [
        ({"id": "e1", "type": "coffee_break"}, "events.0"),
        ({"id": "e1", "type": "file_open", "file_path": "../a"}, "Invalid file path"),
        ({"id": "e1", "type": "cmd_run", "cmd": "ls", "ts_client_s": 1e300}, "is no time"),
    ],
)
def test_an_event_that_is_none_is_refused_with_its_place(event: dict[str, Any], place: str) -> None:
    with pytest.raises(FormatError, match=place):
        read(a_recording(event))


def test_a_document_that_is_no_trace_is_refused() -> None:
    with pytest.raises(FormatError, match="developer_id"):
        read({**a_recording(), "session": {"start_time": "2026-03-02T12:00:00Z"}})


def test_the_same_document_is_the_same_trace() -> None:
    document = a_recording({"id": "e1", "type": "rationale_note", "freeform": "Hm."})
    del document["session"]["trace_id"]

    assert json.loads(read(document).trace.model_dump_json()) == json.loads(read(document).trace.model_dump_json())
    assert read(document).trace.trace_id.startswith("recording-")
