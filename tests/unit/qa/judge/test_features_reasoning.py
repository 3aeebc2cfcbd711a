"""F07, F08, F09, F10, F15, F18: reasoning that follows what happened."""

from __future__ import annotations

import pytest

from tests.unit.qa.judge.sessions import (
    FAILS,
    GUESS,
    PASSES,
    Draft,
    diff,
    edit,
    good_session,
    measure,
    opened,
    ran,
    thought,
    without,
)

CASES: list[tuple[str, list[Draft], float | None]] = [
    ("F07", [edit(), FAILS, thought("Still off."), edit()], 1.0),
    ("F07", [edit(), FAILS, edit(), thought("Still off.")], 0.0),
    ("F07", [edit(), FAILS, thought("Still off.")], 1.0),
    ("F07", [FAILS, edit(), PASSES], None),
    ("F08", [FAILS, GUESS], 1.0),
    ("F08", [FAILS, GUESS, thought("Coffee first.")], 0.5),
    ("F08", [GUESS, FAILS], None),
    ("F08", [FAILS, thought("In stats/median.py ist der Mittelwert falsch."), thought("问题在 stats/median.py 中")], 1.0),
    ("F09", [FAILS, GUESS, edit()], 1.0),
    ("F09", [FAILS, edit(), PASSES, GUESS], 1.0),
    ("F09", [FAILS, edit(), PASSES, opened(), GUESS], 0.0),
    ("F09", [FAILS, GUESS, edit("stats/mode.py", diff(["a = 1"], ["a = 2"]))], 0.0),
    ("F09", [FAILS, edit()], None),
    ("F10", [edit(), PASSES, thought("The tests pass now.")], 1.0),
    ("F10", [PASSES, edit(), thought("The tests pass now.")], 0.0),
    ("F10", [edit(), FAILS, thought("It is fixed.")], 0.0),
    ("F10", [edit(), thought("If the tests pass, we are done. It is not fixed. Make sure all tests pass.")], None),
    ("F10", [edit(), thought("x", plan="All tests pass.")], None),
    ("F10", [edit(), thought("我认为所有测试都通过了，问题已经解决。It is fixed.")], None),
    ("F15", [edit(), FAILS, thought("It still fails.")], 1.0),
    ("F15", [edit(), FAILS], 0.0),
    ("F15", [edit(), PASSES], None),
    ("F15", [edit()], None),
    ("F18", [thought("Edge case: an empty list."), PASSES], 1.0),
    ("F18", [PASSES, thought("Edge case: an empty list.")], 0.4),
    ("F18", [thought("It is off."), PASSES], 0.0),
    ("F18", [thought("边界情况：空列表应该怎么处理？我们需要检查一下。"), PASSES], None),
    ("F18", [PASSES], None),
    ("F08", [ran("pytest", 0, "4 passed [100%]"), thought("It is 100% right.")], 0.0),
    ("F08", [{"event_type": "file_close", "data": {"file_path": "stats/median.py"}}, thought("stats/median.py")], 1.0),
    ("F09", [FAILS, thought("find_median."), edit(diff="@@ -1,1 +1,1 @@ def find_median(data):\n-a = 1\n+a = 2\n")], 1.0),
    ("F10", [ran("python repro.py"), thought("It is fixed.")], 1.0),
    ("F18", [thought("Edge case: an empty list."), edit("tests/test_a.py", diff(added=["assert a"]))], 1.0),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(("feature", "removed"), [("F09", (4, 7, 10)), ("F10", (6, 9)), ("F18", (7,))])
def test_what_is_removed_from_a_good_session_is_missed(feature: str, removed: tuple[int, ...]) -> None:
    whole, part = measure(feature, good_session()), measure(feature, without(*removed))

    assert whole.value == 1.0
    assert part.value is None or part.value < 1.0
