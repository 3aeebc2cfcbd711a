"""F04, F05, F06: hypotheses before the edits, concrete and put to a test."""

from __future__ import annotations

import pytest

from tests.unit.qa.judge.sessions import (
    FAILS,
    GUESS,
    PASSES,
    Draft,
    edit,
    good_session,
    measure,
    opened,
    ran,
    thought,
    without,
)

CASES: list[tuple[str, list[Draft], float | None]] = [
    ("F04", [FAILS, GUESS, edit()], 1.0),
    ("F04", [GUESS, edit()], 0.5),
    ("F04", [FAILS, thought("x", hypothesis="The average in stats/median.py is off"), edit()], 1.0),
    ("F04", [FAILS, thought("In find_median, ordered[mid] stands at the end of stats/median.py."), edit()], 0.5),
    ("F04", [FAILS, GUESS, edit(), PASSES, edit("stats/mode.py")], 0.5),
    ("F04", [FAILS, thought("Hm."), edit()], 0.0),
    ("F04", [FAILS, edit()], None),
    ("F04", [FAILS, GUESS], None),
    ("F05", [FAILS, GUESS], 1.0),
    ("F05", [FAILS, thought("Maybe it is broken.")], 0.0),
    ("F05", [FAILS, thought("Hm.")], 0.0),
    ("F05", [FAILS], None),
    ("F06", [GUESS, PASSES], 1.0),
    ("F06", [GUESS, ran("cat a.py")], 1.0),
    ("F06", [GUESS, thought("Perhaps a."), thought("Perhaps b."), PASSES], 2 / 3),
    ("F06", [PASSES, GUESS], 0.0),
    ("F06", [PASSES], None),
    ("F04", [FAILS, thought("The bug is 100% fixed."), edit()], 0.0),
    ("F05", [FAILS, thought("问题可能在 stats/median.py 中", hypothesis="stats/median.py")], 1.0),
    ("F06", [GUESS, opened()], 0.0),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(("feature", "removed"), [("F04", (4,)), ("F05", (4,)), ("F06", (5, 6, 8, 9))])
def test_what_is_removed_from_a_good_session_is_missed(feature: str, removed: tuple[int, ...]) -> None:
    whole, part = measure(feature, good_session()), measure(feature, without(*removed))

    assert whole.value == 1.0
    assert part.value is None or part.value < 1.0
