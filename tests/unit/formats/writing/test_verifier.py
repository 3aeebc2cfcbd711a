"""Rows for learning to tell whether a fix holds."""

from __future__ import annotations

from typing import Any

import pytest

from app.formats.writing.base import Change
from app.formats.writing.verifier import KNOWN, Verifier
from tests.builders import an_edit
from tests.unit.formats.writing.sessions import DIFF, a_finalized, a_session_of, some_code, stored, written


def test_the_answer_stands_apart_from_the_question() -> None:
    (row,) = written(Verifier(), a_session_of(a_finalized())).rows()

    assert row["task"].startswith("Wrong totals")
    assert row["diff"].startswith("diff --git a/till.py b/till.py\n--- a/till.py\n+++ b/till.py\n@@ -1,2 +1,2 @@\n")
    assert row["evidence"] == [{"command": "pytest -q", "passed": True, "summary": "1 passed", "failed_tests": []}]
    assert row["verdict"] == "fixed"
    assert row["found"]["fail_to_pass"] == ["tests/test_till.py::test_total"]


def test_what_is_inconclusive_teaches_nothing() -> None:
    assert "inconclusive" not in KNOWN


def test_without_a_workspace_the_diffs_of_files_that_were_edited_once_are_the_change() -> None:
    session = a_session_of(a_finalized(), "no workspace was uploaded")

    (row,) = written(Verifier(), session).rows()

    assert row["diff"] == f"--- a/till.py\n+++ b/till.py\n{DIFF}"


@pytest.mark.parametrize("more", [{"extra": {"unanchored": True}}, {"extra": {"unknown": ["diff"]}}, {"diff": "-a\n+b\n"}])
def test_a_diff_that_does_not_say_where_it_belongs_is_no_patch(more: dict[str, Any]) -> None:
    edit = an_edit(**{"path": "till.py", "diff": DIFF, **more})

    found = written(Verifier(), a_session_of(a_finalized(events=stored(edit)), "no workspace"))

    assert found.rows() == []


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("no workspace was uploaded", "the code cannot be had: no workspace was uploaded"),
        (some_code(changes=()), "the session changed nothing"),
        (some_code(changes=(Change("a.py", None, b"key = 'hunter2'\n"),)), "it holds what looks like a secret"),
    ],
)
def test_an_attempt_without_a_change_that_can_be_told_is_counted(code: object, reason: str) -> None:
    twice = stored(an_edit("till.py", DIFF), an_edit("till.py", DIFF))

    found = written(Verifier(), a_session_of(a_finalized(events=twice), code))  # type: ignore[arg-type]  # one of the two

    assert found.rows() == []
    assert [loss.reason for loss in found.tally.losses.losses()] == [reason]
