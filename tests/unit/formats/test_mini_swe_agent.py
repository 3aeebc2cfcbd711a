"""Trajectories of mini-swe-agent."""

from __future__ import annotations

from typing import Any

import pytest

from app.formats.mini_swe_agent import MiniSweAgent
from tests.unit.formats.reading import counts, event, extra, lost, of_document, read_all, read_sample

FIXED = {"reasoning_step": 5, "terminal_command": 5, "test_result": 2}
GOLDEN = {
    "mini-2.4.6-text.traj": FIXED,
    "mini-2.4.6-tool.traj": FIXED,
    "mini-2.4.6-resp.traj": FIXED,
    "v0-message-list-local.traj": {"reasoning_step": 2, "terminal_command": 2},
    "v1.13.4-mini-swe-agent-trajectory": {"reasoning_step": 3, "terminal_command": 3},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_sample_has_its_events(name: str) -> None:
    assert counts(read_sample(f"mini-swe-agent/{name}.json")) == GOLDEN[name]


@pytest.mark.parametrize("dialect", ["text", "tool", "resp"])
def test_every_dialect_says_the_same(dialect: str) -> None:
    session = read_sample(f"mini-swe-agent/mini-2.4.6-{dialect}.traj.json")

    commands = [found for found in session.trace.events if found.event_type == "terminal_command"]

    assert [(found.data.command, found.data.exit_code) for found in commands] == [
        ("python3 -m pytest -q -p no:cacheprovider", 1),
        ("cat calc.py", 0),
        ("sed -i 's/(len(xs) - 1)/len(xs)/' calc.py && git diff", 0),
        ("python3 -m pytest -q -p no:cacheprovider", 0),
        ("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git diff", None),
    ]
    assert session.trace.task is not None
    assert session.trace.task.description == "mean([1,2,3]) returns 3.0; it should return 2. Fix the bug."
    assert [artifact.name for artifact in session.artifacts] == ["final.patch"]
    assert lost(session) == {"message": 2}


def test_a_thought_is_not_told_with_its_command() -> None:
    session = read_sample("mini-swe-agent/mini-2.4.6-text.traj.json")

    assert event(session, "message-3").content == "THOUGHT: I should reproduce the failure first."
    assert event(session, "message-3/action").output.startswith("F    ")
    assert "ended_at" in extra(session, "message-3/action")


def test_the_oldest_form_has_its_answers_in_the_text() -> None:
    session = read_sample("mini-swe-agent/v0-message-list-local.traj.json")

    command = event(session, "message-3/action")

    assert (command.command, command.exit_code, command.output) == ("echo 'hello world'", 0, "hello world\n")


def read(*messages: dict[str, Any]) -> Any:
    document = {"trajectory_format": "mini-swe-agent-1.1", "info": {}, "messages": list(messages)}
    (session,) = read_all(MiniSweAgent(), of_document(document))
    return session


def test_answers_are_joined_by_their_call_whatever_their_order() -> None:
    actions = [{"command": "one", "tool_call_id": "c1"}, {"command": "two", "tool_call_id": "c2"}]

    session = read(
        {"role": "assistant", "content": "", "extra": {"actions": actions}},
        {"role": "tool", "tool_call_id": "c2", "content": "", "extra": {"raw_output": "second", "returncode": 2}},
        {"role": "tool", "tool_call_id": "c1", "content": "", "extra": {"raw_output": "first", "returncode": 1}},
    )

    assert (event(session, "c1").output, event(session, "c2").exit_code) == ("first", 2)


def test_a_complaint_about_the_form_is_no_answer() -> None:
    session = read(
        {"role": "assistant", "content": "No command here."},
        {"role": "user", "content": "Please always provide EXACTLY ONE action in triple backticks."},
        {"role": "assistant", "content": "```bash\nls\n```"},
        {"role": "user", "content": "<returncode>0</returncode>\n<output>\na\n</output>"},
    )

    assert counts(session) == {"reasoning_step": 1, "terminal_command": 1}
    assert lost(session) == {"message": 1}


def test_a_command_that_was_killed_has_no_exit_code_of_its_own() -> None:
    session = read(
        {"role": "assistant", "content": "", "extra": {"actions": [{"command": "sleep 99"}]}},
        {"role": "user", "content": "", "extra": {"raw_output": "", "returncode": None, "exception_info": "timed out"}},
        {"role": "assistant", "content": "Hm."},
    )

    assert event(session, "message-1/action").exit_code is None
    assert extra(session, "message-1/action")["exception"] == "timed out"
