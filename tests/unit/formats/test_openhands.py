"""Conversations of OpenHands V1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.formats.errors import UnreadableSourceError
from app.formats.openhands import OpenHands
from app.formats.pieces.folders import join_conversation
from app.rules.diffs import apply_diff
from app.rules.ledger import sha256_of
from tests.unit.formats.reading import counts, event, extra, lost, of_lines, read_all, read_sample

FOLDER = "openhands/v1.58-conversation"
EDIT = "43fb665d-310e-4c2f-ae15-5b6d2017c44e"


def test_the_samples_have_their_events() -> None:
    assert counts(read_sample("openhands/v1-events.jsonl")) == {"reasoning_step": 3, "terminal_command": 2}
    assert counts(read_sample(FOLDER)) == {
        "reasoning_step": 5, "terminal_command": 2, "test_result": 2, "file_open": 1, "code_edit": 1,
    }  # fmt: skip


def test_what_is_lost_is_counted() -> None:
    assert lost(read_sample(FOLDER)) == {"SystemPromptEvent": 1}
    assert lost(read_sample("openhands/v1-events.jsonl")) == {"ConversationStateUpdateEvent": 5, "observation": 1}


def test_the_state_names_session_model_and_folder() -> None:
    trace = read_sample(FOLDER).trace

    assert trace.trace_id == "openhands-f7f3b1dd-1bd6-4a7a-b6ae-8a3382e9ae72"
    assert trace.session is not None
    assert trace.session.agent is not None
    assert trace.session.agent.model == "openai/gpt-4o"
    assert trace.start_time.tzinfo is None  # the source has none; the server notes that it assumed one


def test_an_edit_has_both_hashes() -> None:
    before, after = b"def mean(xs):\n    return sum(xs) / (len(xs) - 1)\n", b"def mean(xs):\n    return sum(xs) / len(xs)\n"

    edit = event(read_sample(FOLDER), EDIT)

    assert apply_diff(before, edit.diff) == after
    assert (edit.hash_before, edit.hash_after) == (sha256_of(before), sha256_of(after))


def test_a_command_that_was_not_carried_out_has_no_exit_code() -> None:
    session = read_sample("openhands/v1-events.jsonl")

    assert event(session, "e54cbba2-3be2-4494-aa13-83af6044c5a7").exit_code is None
    assert extra(session, "e54cbba2-3be2-4494-aa13-83af6044c5a7")["is_error"] is True
    assert event(session, "1eb65bb3-22e7-473f-855c-2dcf26ae8e08").exit_code == 1


def an_action(identity: str, kind: str = "TerminalAction", **action: Any) -> dict[str, Any]:
    fields = {"kind": kind, **(action or {"command": "make"})}
    return {"id": identity, "kind": "ActionEvent", "timestamp": "2026-03-02T12:00:00", "tool_name": "tool", "action": fields}


def an_answer(identity: str, kind: str = "ObservationEvent", **observation: Any) -> dict[str, Any]:
    return {"id": f"{identity}-o", "kind": kind, "action_id": identity, "observation": observation}


def read(*records: dict[str, Any]) -> Any:
    (session,) = read_all(OpenHands(), of_lines(records))
    return session


def test_what_the_user_rejected_was_not_done() -> None:
    session = read(an_action("a1"), an_answer("a1", "UserRejectObservation"))

    assert counts(session) == {"reasoning_step": 1}
    assert extra(session, "a1")["refused"] is True


def test_a_command_that_is_still_running_has_no_exit_code() -> None:
    assert event(read(an_action("a1"), an_answer("a1", exit_code=-1, content=[])), "a1").exit_code is None


def test_what_failed_before_it_began_is_counted() -> None:
    session = read(an_action("a1"), an_answer("a1", "AgentErrorEvent"), an_action("a2"), an_answer("a2", exit_code=0))

    assert [found.event_id for found in session.trace.events] == ["a2"]
    assert lost(session) == {"call of tool": 1}


def test_reasoning_that_stands_twice_is_told_once() -> None:
    action = {**an_action("a1"), "reasoning_content": "Hm.", "thought": [{"type": "text", "text": "<think>Hm.</think>\n"}]}

    assert counts(read(action, an_answer("a1", exit_code=0))) == {"reasoning_step": 1, "terminal_command": 1}


def test_a_link_in_a_conversation_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "base_state.json").write_text("{}")
    secret = tmp_path / "secret.json"
    secret.write_text('{"password": "x"}')
    (tmp_path / "events" / "event-00000-x.json").symlink_to(secret)

    with join_conversation(tmp_path) as file:
        file.seek(0)
        assert file.read() == b"{}\n"


def test_a_conversation_with_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "base_state.json").write_text("{")

    with pytest.raises(UnreadableSourceError, match=r"base_state\.json"):
        join_conversation(tmp_path)
