"""Pairs of attempts."""

from __future__ import annotations

import pytest

from app.formats.writing.base import NO_COUNTERPART, Options
from app.formats.writing.preference import MOST_PAIRS_OF_A_BUG, Preference
from tests.unit.formats.writing.sessions import a_finalized, a_session_of, written


def pairs(*traces: object, margin: float = 1.0) -> list[tuple[str, str, str]]:
    sessions = [a_session_of(trace) for trace in traces]  # type: ignore[arg-type]  # traces of this module's own making
    rows = written(Preference(), *sessions, options=Options(score_margin=margin)).rows()
    return [(row["chosen_trace_id"], row["rejected_trace_id"], row["because"]) for row in rows]


def test_a_fix_that_held_is_set_against_attempts_that_did_not() -> None:
    found = pairs(a_finalized("a"), a_finalized("b", "not_fixed"), a_finalized("c", "regressed"), a_finalized("d", "tampered"))

    assert found == [("a", "b", "verdict"), ("a", "c", "verdict"), ("a", "d", "verdict")]


def test_of_two_fixes_the_one_with_a_lower_score_is_worse() -> None:
    traces = a_finalized("a", score=2.0), a_finalized("b", score=4.5), a_finalized("c", score=None)

    assert pairs(*traces) == [("b", "a", "score")]
    assert pairs(*traces, margin=3.0) == []


def test_no_attempt_is_set_against_itself() -> None:
    assert pairs(a_finalized("a"), a_finalized("b"), margin=0.0) == []


@pytest.mark.parametrize("bugs", [("BUG-1", "BUG-2"), (None, None)])
def test_attempts_at_other_bugs_are_no_pair_and_are_counted(bugs: tuple[str | None, str | None]) -> None:
    sessions = [
        a_session_of(a_finalized("a", bug_id=bugs[0])),
        a_session_of(a_finalized("b", "not_fixed", bug_id=bugs[1])),
    ]

    found = written(Preference(), *sessions)

    assert found.rows() == []
    assert found.tally.left_out == {NO_COUNTERPART: 2}


def test_a_bug_with_many_attempts_does_not_outweigh_the_others() -> None:
    good = [a_session_of(a_finalized(f"g{number}")) for number in range(20)]
    bad = [a_session_of(a_finalized(f"b{number}", "not_fixed")) for number in range(20)]

    found = written(Preference(), *good, *bad)

    assert len(found.rows()) == MOST_PAIRS_OF_A_BUG
    assert found.losses()["pair"] == 20 * 20 - MOST_PAIRS_OF_A_BUG


def test_a_row_has_one_prompt_and_two_continuations() -> None:
    (row,) = written(Preference(), a_session_of(a_finalized("a")), a_session_of(a_finalized("b", "not_fixed"))).rows()

    assert [message["role"] for message in row["prompt"]] == ["user"]
    assert row["chosen"][0]["role"] == row["rejected"][0]["role"] == "assistant"
    assert (row["chosen_verdict"], row["rejected_verdict"], row["bug_id"]) == ("fixed", "not_fixed", "BUG-1")
