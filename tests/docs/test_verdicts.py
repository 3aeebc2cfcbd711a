"""The words of verification in the documentation against the types."""

from __future__ import annotations

from typing import get_args

from app.models.qa import RunOutcome, SuspicionKind, TestOutcome, Verdict
from tests.docs.markdown import read, rows, section

PAGE = read("docs/reference/verdicts.md")


def words(text: str) -> set[str]:
    return {row[0] for row in rows(text)}


def test_the_reference_names_the_verdicts() -> None:
    assert words(section(PAGE, "Rules")) == set(get_args(Verdict))


def test_the_readme_names_the_verdicts() -> None:
    assert words(section(read("README.md"), "Verdicts")) == set(get_args(Verdict))


def test_the_reference_names_the_outcomes_of_runs_and_tests() -> None:
    outcomes = section(PAGE, "Outcomes")

    assert words(outcomes) == set(get_args(RunOutcome))
    assert all(f"`{outcome}`" in outcomes for outcome in get_args(TestOutcome))


def test_the_reference_names_the_kinds_of_suspicions() -> None:
    assert words(section(PAGE, "Suspicions")) == set(get_args(SuspicionKind))
