"""Which rubrics were changed without a new version."""

from __future__ import annotations

from app.rules.rubric_contents import changed_rubrics
from app.rules.vouching import NamedRubric

ONE, OTHER = "a" * 64, "b" * 64


def test_two_contents_of_one_version_are_told_with_their_judgements() -> None:
    (changed,) = changed_rubrics([NamedRubric("mine", "1", sha256) for sha256 in (OTHER, ONE, OTHER)])

    assert changed.contents == {ONE: 1, OTHER: 2}
    assert str(changed) == (
        "version 1 of mine stands for 2 contents: sha256 aaaaaaaaaaaa (1 judgement), sha256 bbbbbbbbbbbb (2 judgements)"
    )


def test_versions_rubrics_and_what_is_not_told_are_no_change() -> None:
    rubrics = [
        NamedRubric("mine", "1", ONE),
        NamedRubric("mine", "2", OTHER),
        NamedRubric("yours", "1", OTHER),
        NamedRubric("mine", "1"),
        NamedRubric("mine", None, OTHER),
    ]

    assert changed_rubrics(rubrics) == []
