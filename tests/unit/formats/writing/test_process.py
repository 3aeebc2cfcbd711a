"""Labels step by step."""

from __future__ import annotations

from app.formats.writing.process import Process
from tests.builders import a_thought, an_edit
from tests.unit.formats.writing.sessions import (
    DIFF,
    a_claim,
    a_command,
    a_finalized,
    a_session_of,
    a_test_run,
    stored,
    written,
)

EVENTS = stored(
    a_thought("Look first."),
    a_command("ls", "till.py"),
    an_edit("till.py", DIFF),
    a_command("pytest -q", "1 passed"),
    a_test_run("pytest -q"),
    a_command("git status"),
)


def test_each_step_ends_with_a_claim_that_was_settled() -> None:
    claims = (a_claim("e2", "unverifiable"), a_claim("e3"), a_claim("e4", kind="command"), a_claim("e6", "unverifiable"))

    found = written(Process(), a_session_of(a_finalized(events=EVENTS, claims=claims)))

    (row,) = found.rows()
    assert row["labels"] == [True, True]
    assert row["kinds"] == ["edit", "command"]
    assert row["event_ids"] == ["e3", "e4"]
    assert row["completions"] == [
        f"Look first.\n\n$ ls\ntill.py\n[exit status 0]\n\nEdit till.py:\n{DIFF}",
        "$ pytest -q\n1 passed\n[exit status 0]",
    ]
    assert found.losses() == {"turn": 1, "test_result": 1}


def test_a_refuted_claim_of_what_repeats_a_command_is_not_lost() -> None:
    claims = (a_claim("e3"), a_claim("e4", kind="command"), a_claim("e5", "refuted", kind="test_run"))

    (row,) = written(Process(), a_session_of(a_finalized(events=EVENTS, claims=claims))).rows()

    assert row["labels"] == [True, False]
    assert row["reasons"][1] == "it is refuted"


def test_a_session_without_a_settled_claim_gives_no_row() -> None:
    claims = (a_claim("e3", "unverifiable"), a_claim(None, kind="final_workspace"))

    found = written(Process(), a_session_of(a_finalized(claims=claims)))

    assert found.rows() == []
    assert found.tally.rows["train"] == 0
    assert found.losses()["session without a step that could be checked"] == 1
    assert found.losses()["claim"] == 1
