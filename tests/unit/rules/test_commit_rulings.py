"""Is a commit's diff what the edits made?"""

from __future__ import annotations

from typing import Any

import pytest

from app.models.events import CodeEdit, Commit
from app.rules.commit_rulings import CommitRuler, CommitRuling
from app.rules.edit_rulings import EditRuler
from app.rules.history import FileVersion, History, mark_of
from tests.builders import an_edit, an_event, events

BASE = {"a.py": b"a\n", "b.py": b"x\n"}
EDIT = an_edit("a.py", "@@ -1 +1 @@\n-a\n+b\n")
DIFF = "diff --git a/a.py b/a.py\nindex 1..2 100644\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+b\n"


def a_commit(diff: str | None = DIFF, parent: str = "8f0f4d5", **more: Any) -> dict[str, Any]:
    return an_event("commit", sha="c1d2e3f", message="x", parent_sha=parent, diff=diff, **more)


def ruled(*session: dict[str, Any]) -> tuple[list[CommitRuling], CommitRuler, History]:
    """What becomes of the commits of a session."""
    history = History({path: FileVersion(content) for path, content in BASE.items()})
    edits, commits = EditRuler(history), CommitRuler(history, "8f0f4d5")
    rulings = []
    for index, event in enumerate(events(*session)):
        if isinstance(event, CodeEdit):
            edits.rule(mark_of(index, event), event)
        elif isinstance(event, Commit):
            rulings.append(commits.rule(mark_of(index, event), event))
    return rulings, commits, history


def status(*session: dict[str, Any]) -> str:
    rulings, _, _ = ruled(*session)
    return rulings[-1].status


def test_a_commit_of_what_was_edited_is_confirmed() -> None:
    assert status(EDIT, a_commit()) == "confirmed"


def test_a_commit_of_something_else_is_refuted_and_shows_a_gap() -> None:
    rulings, commits, history = ruled(a_commit())

    assert rulings[0].status == "refuted"
    assert [(gap.path, gap.found) for gap in history.gaps] == [("a.py", FileVersion(b"b\n"))]
    assert commits.end() == ["a.py"]


def test_the_diff_may_be_written_in_another_way() -> None:
    assert status(EDIT, a_commit("--- a.py\n+++ a.py\n@@ -1,1 +1,1 @@\n-a\n+b\n")) == "confirmed"


def test_not_everything_needs_to_be_committed() -> None:
    assert status(EDIT, an_edit("b.py", "@@ -1 +1 @@\n-x\n+y\n"), a_commit()) == "confirmed"


def test_an_earlier_state_of_a_file_may_be_committed() -> None:
    assert status(EDIT, an_edit("a.py", "@@ -1 +1 @@\n-b\n+c\n"), a_commit()) == "confirmed"


def test_a_second_commit_stands_on_the_first() -> None:
    more = an_edit("a.py", "@@ -1 +1 @@\n-b\n+c\n")

    assert status(EDIT, a_commit(), more, a_commit(DIFF.replace("-a\n+b", "-b\n+c"), parent="c1d2e3f")) == "confirmed"


def test_a_diff_that_does_not_fit_its_parent_is_refuted() -> None:
    assert status(EDIT, a_commit(DIFF.replace("-a\n", "-z\n"))) == "refuted"


def test_a_diff_from_an_unknown_parent_is_unverifiable() -> None:
    assert status(EDIT, a_commit(DIFF.replace("-a\n", "-z\n"), parent="0000000")) == "unverifiable"


@pytest.mark.parametrize(
    "commit",
    [
        a_commit(None),
        a_commit(""),
        a_commit("diff --git a/a.py b/a.py\nindex 1..2\nBinary files a/a.py and b/a.py differ\n"),
        a_commit(DIFF.replace("+b", "+[REDACTED:email]")),
        a_commit("--- a/a.py\n+++ b/a.py\n@@ -1,9 +1,9 @@\n a\n"),
        a_commit("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n"),
    ],
)
def test_what_cannot_be_compared_is_unverifiable(commit: dict[str, Any]) -> None:
    assert status(EDIT, commit) == "unverifiable"


def test_a_commit_rests_on_an_edit_that_does_not_fit() -> None:
    assert status(an_edit("a.py", "@@ -1 +1 @@\n-q\n+b\n"), a_commit()) == "unverifiable"
