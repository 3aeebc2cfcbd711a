"""Sessions as conversations."""

from __future__ import annotations

from app.formats.writing.base import Tally
from app.formats.writing.pieces.conversation import NOT_RECORDED, TOOLS, messages_of, turns_of
from tests.builders import a_thought, an_edit, an_event
from tests.unit.formats.writing.sessions import (
    BUGGY,
    DIFF,
    MENDED,
    a_command,
    a_finalized,
    a_sample,
    a_session_of,
    a_test_run,
    some_code,
    stored,
)


def test_a_session_is_told_turn_by_turn() -> None:
    messages = messages_of(a_session_of(a_finalized()), Tally())

    assert messages == [
        {
            "role": "user",
            "content": "Wrong totals\n\nThe till is off.\n\nThese tests fail:\n- tests/test_till.py::test_total\n\n"
            "The tests run with: python -m pytest -q",
        },
        {"role": "assistant", "content": "", "tool_calls": [a_call(1, "open_file", file_path="till.py")]},
        {"role": "tool", "tool_call_id": "call_1", "name": "open_file", "content": BUGGY},
        {
            "role": "assistant",
            "content": "",
            "reasoning_content": "The sum is missing.\nHypothesis: It returns 0 always.",
            "tool_calls": [a_call(2, "edit_file", file_path="till.py", diff=DIFF)],
        },
        {"role": "tool", "tool_call_id": "call_2", "name": "edit_file", "content": "done"},
        {"role": "assistant", "content": "", "tool_calls": [a_call(3, "run_command", command="pytest -q")]},
        {"role": "tool", "tool_call_id": "call_3", "name": "run_command", "content": "1 passed\n[exit status 0]"},
        {"role": "assistant", "content": "Done."},
    ]


def a_call(number: int, name: str, **arguments: str) -> dict[str, object]:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def test_an_opened_file_is_as_the_edits_before_it_left_it() -> None:
    opened = an_event("file_open", file_path="till.py")
    session = a_session_of(a_finalized(events=stored(opened, an_edit("till.py", DIFF), opened)))

    results = [message["content"] for message in messages_of(session, Tally()) if message["role"] == "tool"]

    assert results == [BUGGY, "done", MENDED]


def test_what_a_file_became_is_believed_where_the_edit_says_it() -> None:
    became = an_edit("till.py", "", snapshot_after="whole\n")
    session = a_session_of(a_finalized(events=stored(became, an_event("file_open", file_path="till.py"))))

    assert messages_of(session, Tally())[-1]["content"] == "whole\n"


def test_what_a_file_held_is_not_made_up() -> None:
    opened = an_event("file_open", file_path="till.py")
    unfitting = an_edit("till.py", "@@ -1 +1 @@\n-nothing like it\n+b\n")
    without_code = a_session_of(a_finalized(events=stored(opened)), "no workspace")
    with_unfitting_edit = a_session_of(a_finalized(events=stored(unfitting, opened)))

    assert messages_of(without_code, Tally())[-1]["content"] == NOT_RECORDED
    assert messages_of(with_unfitting_edit, Tally())[-1]["content"] == NOT_RECORDED


def test_an_unknown_exit_status_is_not_guessed() -> None:
    session = a_session_of(a_finalized(events=stored(a_command("ls", "a.py", None))))

    assert messages_of(session, Tally())[-1]["content"] == "a.py\n[exit status not recorded]"


def test_what_says_a_command_again_is_left_out_and_counted() -> None:
    tally = Tally()
    events = stored(
        a_command("pytest -q"),
        a_test_run("pytest -q"),
        a_command("git commit -am x"),
        an_event("commit", sha="c1d2e3f", message="x"),
        a_test_run("pytest tests"),
        an_event("file_close", file_path="till.py"),
    )

    turns = list(turns_of(a_session_of(a_finalized(events=events)), tally))

    assert [turn.action.name for turn in turns if turn.action] == ["run_command", "run_command", "run_tests"]
    assert [turn.event_ids for turn in turns] == [("e1", "e2"), ("e3", "e4"), ("e5",)]
    assert {(loss.kind, loss.count) for loss in tally.losses.losses()} == {("test_result", 1), ("commit", 1), ("file_close", 1)}


def test_thoughts_one_after_the_other_belong_to_what_follows() -> None:
    events = stored(a_thought("One."), a_thought("Two.", plan="Two."), a_command("ls"))

    (turn,) = turns_of(a_session_of(a_finalized(events=events)), Tally())

    assert turn.reasoning == "One.\n\nTwo."


def test_every_call_of_a_bundled_session_is_one_of_the_tools() -> None:
    known = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    messages = messages_of(a_session_of(a_sample("thoughtful-fix"), some_code()), Tally())

    calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]

    assert len(calls) == 4 + 10 + 4 + 1, "files opened, commands, edits, tests run by themselves"
    for call in calls:
        properties = known[call["name"]]["properties"]
        assert set(known[call["name"]]["required"]) <= set(call["arguments"]) <= set(properties)
