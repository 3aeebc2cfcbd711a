"""Traces of PR Telemetry itself, as documents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.formats.errors import FormatError
from app.formats.trace_document import TraceDocument
from app.models.trace import NewTrace, Repo
from tests.builders import a_session, a_thought, an_edit
from tests.unit.formats.reading import counts, lost, of_document, of_lines, read_all

ROOT = Path(__file__).resolve().parents[3]
STORED = sorted((ROOT / "tests/data/stored-1.0").rglob("*.json"))


def read(document: Any, **options: Any) -> Any:
    (session,) = read_all(TraceDocument(), of_document(document), **options)
    return session


@pytest.mark.parametrize("name", ["careless-success", "failed-attempt", "thoughtful-fix"])
def test_a_session_as_it_is_sent_stays_as_it_is(name: str) -> None:
    content = (ROOT / "sample_repo/sessions" / f"{name}.json").read_bytes()

    session = read(json.loads(content))

    assert session.trace.model_dump() == {
        name: value
        for name, value in NewTrace.model_validate_json(content).model_dump().items()
        if name in type(session.trace).model_fields
    }
    assert (session.losses, session.missing) == ((), ())


def test_what_belongs_to_the_server_is_left_behind() -> None:
    document = a_session(
        events=[
            {**a_thought("second", event_id="e2"), "seq": 2, "received_at": "2026-03-02T12:00:00Z", "hash": "0" * 64},
            {**a_thought("first", event_id="e1"), "seq": 1, "received_at": "2026-03-02T12:00:00Z", "hash": "0" * 64},
        ],
        status="finalized", revision=3, qa_results={"tests_passed": True}, integrity={"count": 2},
        artifacts={"workspace": {}, "final_workspace": {}}, created_at="2026-03-02T12:00:00Z", request_sha256="0" * 64,
    )  # fmt: skip

    session = read(document)

    assert [event.event_id for event in session.trace.events] == ["e1", "e2"]
    assert all(event.seq is None and event.hash is None for event in session.trace.events)
    assert lost(session) == {"artifacts": 2, "integrity": 1, "qa_results": 1}


def test_facts_that_a_document_lacks_come_from_the_options() -> None:
    document = a_session(repo={"name": "till", "url": None})

    alone, helped = read(document), read(document, repo=Repo(url="https://example.org/t.git", name="other"))

    assert alone.missing == ("url", "branch", "commit_before", "commit_after", "test_command")
    assert (helped.trace.repo.name, helped.trace.repo.url) == ("till", "https://example.org/t.git")


def test_every_fault_is_named() -> None:
    broken = a_session(developer_id="", events=[{"event_type": "coffee_break", "data": {}}])

    with pytest.raises(FormatError) as found:
        read(broken)

    assert {fault.loc[0] for fault in found.value.faults} == {"developer_id", "events"}


def test_a_dangerous_path_is_refused() -> None:
    with pytest.raises(FormatError, match="Invalid file path"):
        read(a_session(events=[an_edit("../a.py")]))


def test_several_traces_may_stand_in_a_file_of_lines() -> None:
    sessions = read_all(TraceDocument(), of_lines([a_session(trace_id="a"), a_session(trace_id="b", events=[a_thought()])]))

    assert [(session.trace.trace_id, counts(session)) for session in sessions] == [("a", {}), ("b", {"reasoning_step": 1})]


@pytest.mark.parametrize(
    "path", [path for path in STORED if b'"developer_id"' in path.read_bytes()], ids=lambda path: path.name
)
def test_every_document_that_was_ever_stored_is_read(path: Path) -> None:
    document = json.loads(path.read_bytes())

    assert len(read(document).trace.events) == len(document["events"])
