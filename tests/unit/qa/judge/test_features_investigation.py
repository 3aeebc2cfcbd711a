"""F01, F02, F03, F11: the failure seen, and the code read, before the first source edit."""

from __future__ import annotations

import pytest

from tests.unit.qa.judge.sessions import (
    FAILS,
    GUESS,
    NEW_FILE,
    PASSES,
    Draft,
    edit,
    good_session,
    measure,
    opened,
    ran,
    result_of,
    thought,
    without,
)

CASES: list[tuple[str, list[Draft], float | None]] = [
    ("F01", [FAILS, edit()], 1.0),
    ("F01", [result_of(False), edit()], 1.0),
    ("F01", [ran("python repro.py", 1, "Boom"), edit()], 0.75),
    ("F01", [PASSES, edit()], 0.5),
    ("F01", [edit(), FAILS], 0.0),
    ("F01", [thought("Hm.")], None),
    ("F02", [FAILS, GUESS, edit()], 1.0),
    ("F02", [FAILS, thought("Hm, odd."), edit()], 0.4),
    ("F02", [FAILS, edit(), GUESS], 0.0),
    ("F02", [PASSES, GUESS, edit()], 0.0),
    ("F02", [GUESS, edit()], None),
    ("F03", [opened(), edit()], 1.0),
    ("F03", [ran("cat stats/median.py"), edit()], 1.0),
    ("F03", [ran("pytest", 1, "/build/stats/median.py:14: AssertionError"), edit()], 1.0),
    ("F03", [FAILS, edit()], 1.0),
    ("F03", [opened(), edit(), edit("stats/mode.py")], 0.5),
    ("F03", [edit(), opened()], 0.0),
    ("F03", [edit("stats/new.py", NEW_FILE)], None),
    ("F03", [opened()], None),
    ("F11", [opened(), opened("b.py"), FAILS, edit()], 1.0),
    ("F11", [opened(), opened(), edit()], 1 / 3),
    ("F11", [edit(), opened(), FAILS], 0.0),
    ("F11", [], None),
    ("F01", [], None),
    ("F02", [ran("pytest tests/test_find_median.py", 1, "boom"), thought("find_median?"), edit()], 0.4),
    ("F03", [ran("git show HEAD:stats/median.py"), edit()], 1.0),
    ("F03", [ran("cat Makefile"), edit("Makefile")], 1.0),
    ("F03", [ran("pytest", 1, "/build/other/median.py:14: AssertionError"), edit()], 0.0),
    ("F03", [ran("cat median.py"), edit()], 1.0),
    ("F11", [ran("python a.py"), ran("python b.py"), ran("python c.py"), edit()], 1.0),
    ("F11", [ran("python a.py"), ran("python a.py"), edit()], 1 / 3),
    ("F11", [ran("cat a.py"), ran("cat b.py"), edit()], 2 / 3),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(("feature", "removed"), [("F01", (1,)), ("F02", (4,)), ("F03", (1, 2, 3)), ("F11", (1, 2, 3))])
def test_what_is_removed_from_a_good_session_is_missed(feature: str, removed: tuple[int, ...]) -> None:
    whole, part = measure(feature, good_session()), measure(feature, without(*removed))

    assert whole.value == 1.0
    assert part.value is None or part.value < 1.0
