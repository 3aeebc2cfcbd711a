"""Rows for supervised fine-tuning."""

from __future__ import annotations

from app.formats.writing.base import Context, Item, Tally
from app.formats.writing.messages import Messages
from app.formats.writing.pieces.conversation import TOOLS
from app.formats.writing.pieces.facts import FACTS
from tests.unit.formats.writing.sessions import a_claim, a_finalized, a_session_of, chosen_of, read_out, written


def test_a_row_is_the_conversation_with_its_facts() -> None:
    claims = (a_claim("e3"), a_claim("e4", "refuted"), a_claim("e5", "unverifiable"))

    (row,) = written(Messages(), a_session_of(a_finalized(claims=claims))).rows()

    assert [message["role"] for message in row.pop("messages")] == ["user", *["assistant", "tool"] * 3, "assistant"]
    assert row.pop("tools") == list(TOOLS)
    assert row == {
        "trace_id": "t-1",
        "bug_id": "BUG-1",
        "repo": "https://example.org/shop/till.git",
        "base_commit": "8f0f4d5",
        "verdict": "fixed",
        "score": 4.0,
        "judge_kind": "heuristic",
        "rubric": "reasoning-5",
        "claims": {"confirmed": 1, "refuted": 1, "unverifiable": 1},
        "role": "ai_agent",
        "agent": "fixer",
        "model": "m-1",
    }
    assert list(row) == list(FACTS)


def test_a_trace_that_is_gone_leaves_no_empty_line() -> None:
    here, gone = a_session_of(a_finalized("a")), a_session_of(a_finalized("b"))
    context = Context(lambda chosen: here if chosen.trace_id == "a" else None, Tally())

    found = read_out(Messages(), [Item((chosen_of(here),)), Item((chosen_of(gone),))], context)

    assert found.tally.rows["train"] == 1
    assert found.files["data/train-00000-of-00001.jsonl"].count(b"\n") == 1
