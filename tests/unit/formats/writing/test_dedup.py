"""When two sessions are the same."""

from __future__ import annotations

from typing import Any

import pytest

from app.formats.writing.dedup import content_hash
from app.models.trace import Task
from tests.builders import a_thought, a_trace, an_edit
from tests.unit.formats.writing.sessions import DIFF, a_command, stored

TASK = Task(title="Wrong totals", description="The till is off.")


def hashed(*documents: dict[str, Any], task: Task | None = TASK, repository: str = "till") -> str | None:
    return content_hash(a_trace(task=task), stored(*documents), repository)


@pytest.mark.parametrize(
    "documents",
    [
        [an_edit("till.py", DIFF), a_thought("Other words.")],
        [a_command("ls"), an_edit("till.py", DIFF.replace("@@ -1,2 +1,2 @@", "@@ -7,2 +9,2 @@"))],
        [an_edit("till.py", "--- a/till.py\n+++ b/till.py\n" + DIFF.replace("return 0", "return 0  "))],
    ],
)
def test_the_same_edits_at_the_same_task_are_the_same(documents: list[dict[str, Any]]) -> None:
    assert hashed(*documents) == hashed(an_edit("till.py", DIFF))


def test_space_and_case_of_the_task_play_no_part() -> None:
    other = Task(title="wrong  TOTALS", description="The till\nis off.")

    assert hashed(an_edit("till.py", DIFF), task=other) == hashed(an_edit("till.py", DIFF))


@pytest.mark.parametrize(
    "other",
    [
        hashed(an_edit("shop.py", DIFF)),
        hashed(an_edit("till.py", DIFF.replace("sum", "max"))),
        hashed(an_edit("till.py", DIFF), an_edit("a.py", "@@ -1 +1 @@\n-a\n+b\n")),
        hashed(an_edit("till.py", DIFF, snapshot_after="something else")),
        hashed(an_edit("till.py", DIFF), task=Task(title="Something else")),
        hashed(an_edit("till.py", DIFF), repository="shop"),
    ],
)
def test_what_differs_is_not_the_same(other: str | None) -> None:
    assert other != hashed(an_edit("till.py", DIFF))


def test_a_session_without_edits_is_like_no_other() -> None:
    assert hashed(a_thought()) is None
