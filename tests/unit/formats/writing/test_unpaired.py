"""Attempts with a label."""

from __future__ import annotations

from app.formats.writing.unpaired import Unpaired
from app.models.qa import Verdict
from tests.unit.formats.writing.sessions import a_finalized, a_session_of, written


def test_the_label_is_whether_the_fix_held() -> None:
    verdicts: tuple[Verdict, ...] = ("fixed", "not_fixed", "regressed", "tampered")
    sessions = [a_session_of(a_finalized(verdict, verdict)) for verdict in verdicts]

    rows = written(Unpaired(), *sessions).rows()

    assert {row["trace_id"]: row["label"] for row in rows} == {
        "fixed": True,
        "not_fixed": False,
        "regressed": False,
        "tampered": False,
    }
    assert all(row["prompt"][0]["role"] == "user" and row["completion"][0]["role"] == "assistant" for row in rows)


def test_a_verdict_that_says_neither_gives_no_label() -> None:
    found = written(Unpaired(), a_session_of(a_finalized(verdict="flaky")), a_session_of(a_finalized("b", "inconclusive")))

    assert found.rows() == []
    assert found.tally.left_out == {"verdict": 2}
