"""The generator of the benchmarks: always the same, and what the server takes."""

from __future__ import annotations

from app.models.trace import NewEvents, NewTrace
from benchmarks.sessions import Sessions, chunk_body, trace_body


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert chunk_body(Sessions(7), 20).content == chunk_body(Sessions(7), 20).content
    assert chunk_body(Sessions(7), 20).content != chunk_body(Sessions(8), 20).content


def test_bodies_are_valid() -> None:
    chunk, whole = chunk_body(Sessions(), 200), trace_body(Sessions(), 50)

    assert len(NewEvents.model_validate_json(chunk.content).events) == chunk.events == 200
    assert len(NewTrace.model_validate_json(whole.content).events) == whole.events == 50


def test_every_kind_of_event_comes() -> None:
    kinds = {event["event_type"] for event in Sessions().events(200)}

    assert kinds == {"code_edit", "terminal_command", "test_result", "reasoning_step", "file_open"}


def test_diffs_and_outputs_have_the_sizes_of_the_workload() -> None:
    events = Sessions().events(500)

    diffs = [len(event["data"]["diff"]) for event in events if event["event_type"] == "code_edit"]
    outputs = [len(event["data"]["output"]) for event in events if event["event_type"] == "terminal_command"]
    assert min(diffs) >= 500
    assert max(diffs) <= 4000
    assert min(outputs) >= 200
    assert max(outputs) <= 8000
