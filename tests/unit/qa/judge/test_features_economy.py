"""F20, F21: edits and commands that bring something new."""

from __future__ import annotations

import pytest

from tests.unit.qa.judge.sessions import (
    FAILS,
    GUESS,
    PASSES,
    Draft,
    committed,
    edit,
    good_session,
    measure,
    opened,
    ran,
    thought,
)

CASES: list[tuple[str, list[Draft], float | None]] = [
    ("F20", [edit(), edit()], 0.5),
    ("F20", [edit(), edit(), edit(), edit("stats/mode.py")], 0.5),
    ("F20", [edit(), edit("stats/mode.py")], 1.0),
    ("F20", [edit(), PASSES, edit()], 1.0),
    ("F20", [edit(), ran("git status"), edit()], 1.0),
    ("F20", [edit(), opened("stats/mode.py"), edit()], 1.0),
    ("F20", [FAILS, edit(), GUESS, edit()], 1.0),
    ("F20", [FAILS, edit(), thought("Once more."), edit()], 0.5),
    ("F20", [edit(), edit("stats/mode.py"), PASSES, edit()], 1.0),
    ("F20", [PASSES], None),
    ("F21", [PASSES, PASSES], 0.5),
    ("F21", [PASSES, PASSES, PASSES, ran("ls")], 0.5),
    ("F21", [ran("pytest  -q"), ran("pytest -q")], 0.5),
    ("F21", [PASSES, FAILS], 1.0),
    ("F21", [PASSES, edit(), PASSES], 1.0),
    ("F21", [ran("git status"), committed(), ran("git status")], 1.0),
    ("F21", [ran("git status"), ran("git commit -am x"), ran("git status")], 1.0),
    ("F21", [PASSES, thought("Again."), opened(), PASSES], 0.5),
    ("F21", [edit()], None),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("feature", "planted"), [("F20", edit("tests/test_median.py")), ("F21", ran("pytest", 0, "12 passed"))]
)
def test_what_is_planted_in_a_good_session_is_found(feature: str, planted: Draft) -> None:
    drafts = good_session()
    drafts.insert(9 if feature == "F21" else 8, planted)
    whole, part = measure(feature, good_session()), measure(feature, drafts)

    assert whole.value == 1.0
    assert part.value is not None
    assert part.value < 1.0
    assert part.events == (("id-10",) if feature == "F21" else ("id-9",))


def test_a_command_elsewhere_is_another_command() -> None:
    here, there = ran("ls"), ran("ls")
    there["data"]["cwd"] = "stats"

    assert measure("F21", [here, there]).value == 1.0
