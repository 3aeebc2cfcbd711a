"""Trajectories of OpenHands V0."""

from __future__ import annotations

from typing import Any

from app.formats.openhands_v0 import OpenHandsV0
from app.rules.diffs import apply_diff
from tests.unit.formats.reading import counts, event, extra, lost, of_document, of_lines, read_all, read_sample

SAMPLE = "openhands/v0-trajs-basic.json"


def test_the_sample_has_its_events() -> None:
    assert counts(read_sample(SAMPLE)) == {"reasoning_step": 2, "terminal_command": 1}
    assert counts(read_sample(SAMPLE, folder="/workspace")) == {"reasoning_step": 2, "code_edit": 1}
    assert read_sample(SAMPLE).outside == 1


def test_a_file_that_was_not_there_is_created() -> None:
    edit = event(read_sample(SAMPLE, folder="/workspace"), "event-3")

    created = apply_diff(None, edit.diff)

    assert created is not None
    assert created.startswith(b"import random\nimport keyboard\n\nclass Game2048:\n")
    assert len(created) == 3409


def an_action(identity: int, name: str, **arguments: Any) -> dict[str, Any]:
    return {"id": identity, "timestamp": "2026-03-02T12:00:00", "source": "agent", "action": name, "args": arguments}


def an_answer(cause: int, name: str, content: str = "", **more: Any) -> dict[str, Any]:
    return {"id": cause + 100, "cause": cause, "observation": name, "content": content, **more}


def read(*history: dict[str, Any]) -> Any:
    (session,) = read_all(OpenHandsV0(), of_document(list(history)))
    return session


def test_an_exit_code_stands_in_one_of_three_places() -> None:
    session = read(
        an_action(1, "run", command="a"),
        an_answer(1, "run", extras={"metadata": {"exit_code": 1, "working_dir": "/repo"}}),
        an_action(2, "run", command="b"),
        an_answer(2, "run", extras={"exit_code": 2}),
        an_action(3, "run", command="c"),
        an_answer(3, "run", exit_code=-1),
    )

    assert [event(session, f"event-{number}").exit_code for number in (1, 2, 3)] == [1, 2, None]
    assert event(session, "event-1").cwd == "/repo"


def test_an_edit_that_ended_in_an_error_is_none() -> None:
    session = read(an_action(1, "edit", path="a.py", content="x"), an_answer(1, "error", "no such file"))

    assert counts(session) == {"terminal_command": 1}
    assert extra(session, "event-1")["failed"] is True


def test_what_has_no_place_in_a_trace_is_counted() -> None:
    session = read(an_action(1, "think", thought="Hm."), an_action(2, "browse", url="https://example.org"))

    assert counts(session) == {"reasoning_step": 1}
    assert lost(session) == {"action browse": 1}


def test_an_evaluation_is_a_session_a_line() -> None:
    def record(name: str) -> dict[str, Any]:
        return {
            "instance_id": name,
            "instance": {"repo": "till", "base_commit": "8f0f4d5"},
            "test_result": {"git_patch": "diff --git a/a b/a\r\n--- a/a\r\n+++ b/a\r\n"},
            "history": [[an_action(1, "run", command="ls"), an_answer(1, "run", exit_code=0)]],
        }

    first, second = read_all(OpenHandsV0(), of_lines([record("one"), record("two")]))

    assert (first.trace.bug_id, second.trace.bug_id) == ("one", "two")
    assert first.trace.trace_id != second.trace.trace_id
    assert (first.trace.repo.name, first.trace.repo.commit_before) == ("till", "8f0f4d5")
    assert first.artifacts[0].content == "diff --git a/a b/a\n--- a/a\n+++ b/a\n"
