"""What a list says of a trace, and the words it is found by."""

from __future__ import annotations

from typing import Any

from app.models.trace import Task
from app.rules.summaries import MAX_TEXT_CHARACTERS, SearchableText, describe, summarise
from tests.builders import NOON, a_thought, a_trace, an_edit, an_event, events


def a_command(command: str, minute: float = 0) -> dict[str, Any]:
    return an_event("terminal_command", minute, command=command, exit_code=0, output="secret output", duration_ms=1)


def a_test_run(minute: float = 0) -> dict[str, Any]:
    return an_event("test_result", minute, tests_passed=True, test_command="pytest -q", summary="1 passed")


def test_an_open_trace_has_no_results() -> None:
    summary = summarise(a_trace("t-9", bug_id="B-1", task=Task(title="Off by a cent")))

    assert (summary.trace_id, summary.bug_id, summary.repo, summary.task_title) == ("t-9", "B-1", "till", "Off by a cent")
    assert (summary.status, summary.created_at, summary.revision) == ("open", NOON, 1)
    assert (summary.verdict, summary.tests_passed, summary.reasoning_score, summary.judge_kind) == (None, None, None, None)
    assert (summary.num_events, summary.duration_s) == (0, 0.0)


def test_events_are_counted() -> None:
    recorded = events(an_edit("a.py", minute=4), an_edit("a.py", minute=1), an_edit("b.py", minute=2), a_test_run(3))

    summary = summarise(a_trace(events=recorded))

    assert (summary.num_events, summary.num_edits, summary.num_test_runs, summary.files_touched) == (4, 3, 1, 2)
    assert summary.duration_s == 180


def test_events_may_be_given_one_at_a_time() -> None:
    recorded = events(an_edit(), a_thought("why?"))

    assert describe(a_trace(), iter(recorded)) == describe(a_trace(events=recorded))


def test_reasoning_commands_and_task_are_searchable_and_outputs_are_not() -> None:
    thought = an_event("reasoning_step", content="a thought", hypothesis="a guess", decision="a choice")
    task = Task(title="a title", description="a description")

    text = describe(a_trace(task=task, events=events(thought, a_command("ls"), a_test_run(), an_edit()))).text

    assert text.split("\n") == ["a title", "a description", "a thought", "a guess", "a choice", "ls", "pytest -q"]


def test_kinds_of_events_are_named_once() -> None:
    described = describe(a_trace(events=events(a_command("ls"), a_command("pwd"), a_thought())))

    assert described.event_types == {"terminal_command", "reasoning_step"}


def test_text_is_bounded_and_what_stands_there_twice_is_kept_once() -> None:
    recorded = events(*(a_command("x" * 10_000 + str(n % 50)) for n in range(100)), a_thought("too late"))

    text = describe(a_trace(events=recorded)).text

    assert len(text) <= MAX_TEXT_CHARACTERS
    assert text.count("\n") == 26
    assert "too late" not in text


def test_a_piece_that_is_too_long_is_cut() -> None:
    text = SearchableText(limit=10)
    for piece in ("12345678", "abc", "more"):
        text.add(piece)

    assert text.joined() == "12345678\na"
