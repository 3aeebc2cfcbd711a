"""Each feature: planted it is found, removed it is gone."""

from __future__ import annotations

import pytest

from app.qa.judge.features.reading import read_session
from tests.unit.qa.judge.sessions import (
    FAILURE,
    FIX,
    NEW_TEST,
    Draft,
    as_events,
    diff,
    edit,
    good_session,
    measure,
    opened,
    ran,
    result_of,
    thought,
)

FAILS = ran("pytest tests/test_median.py", 1, FAILURE)
PASSES = ran("pytest tests/test_median.py", 0, "4 passed")
GUESS = thought("Probably find_median in stats/median.py forgets the average.")
NEW_FILE = "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x = 1\n"


def without(*numbers: int) -> list[Draft]:
    return [draft for number, draft in enumerate(good_session(), start=1) if number not in numbers]


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
    ("F11", [opened(), opened("b.py"), FAILS, edit()], 1.0),
    ("F11", [opened(), opened(), edit()], 1 / 3),
    ("F11", [edit(), opened(), FAILS], 0.0),
    ("F11", [], None),
    ("F12", [FAILS, edit(), PASSES], 1.0),
    ("F12", [FAILS, edit(), ran("pytest")], 1.0),
    ("F12", [ran("pytest", 1), edit(), PASSES], 0.8),
    ("F12", [FAILS, edit(), ran("pytest tests/test_mode.py")], 0.5),
    ("F12", [FAILS, edit()], 0.0),
    ("F12", [FAILS, PASSES], None),
    ("F13", [edit(), PASSES], 1.0),
    ("F13", [edit(), result_of(True)], 1.0),
    ("F13", [edit(), ran("python repro.py")], 0.6),
    ("F13", [edit(), ran("git commit -am x"), ran("cat a.py")], 0.0),
    ("F13", [PASSES, edit()], 0.0),
    ("F13", [PASSES], None),
    ("F14", [edit(), ran("pytest")], 1.0),
    ("F14", [ran("pytest tests/a.py::test_b"), edit(), ran("pytest tests/a.py")], 1.0),
    ("F14", [result_of(False, "check a", num_failed=1), edit(), result_of(True, "check b", num_passed=9)], 1.0),
    ("F14", [edit(), ran("pytest tests/a.py::test_b")], 0.0),
    ("F14", [edit()], 0.0),
    ("F14", [PASSES], None),
    ("F15", [edit(), FAILS, thought("It still fails.")], 1.0),
    ("F15", [edit(), FAILS], 0.0),
    ("F15", [edit(), PASSES], None),
    ("F15", [edit()], None),
    ("F16", [edit(), edit("tests/test_median.py", NEW_TEST)], 1.0),
    ("F16", [edit("tests/test_a.py", diff(["assert a", "assert b"], ["assert a"]))], 0.8),
    ("F16", [edit("tests/test_a.py", diff(added=["@pytest.mark.skip"]))], 0.4),
    ("F16", [edit("tests/test_a.py", diff(added=["assert True"]))], 0.4),
    ("F16", [edit("tests/test_a.py", "--- a/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-assert a\n")], 0.0),
    ("F16", [edit("tests/test_a.py", diff(["assert a"])), edit("tests/test_a.py", diff(added=["assert a"]))], 1.0),
    ("F16", [edit()], 1.0),
    ("F16", [PASSES], None),
    ("F17", [edit("tests/test_median.py", NEW_TEST)], 1.0),
    ("F17", [edit("tests/test_a.py", diff(["assert a"], ["assert b"]))], 0.0),
    ("F17", [edit()], 0.0),
    ("F17", [PASSES], None),
    ("F18", [thought("Edge case: an empty list."), PASSES], 1.0),
    ("F18", [PASSES, thought("Edge case: an empty list.")], 0.4),
    ("F18", [thought("It is off."), PASSES], 0.0),
    ("F18", [thought("边界情况：空列表应该怎么处理？我们需要检查一下。"), PASSES], None),
    ("F18", [PASSES], None),
    ("F19", [edit(diff=diff(["a"], ["b"]))], 1.0),
    ("F19", [edit(diff=diff(["a"], ["b"])), edit(diff=diff(["b"], ["a"]))], 0.0),
    ("F19", [edit(diff=diff(["a"], ["b"])), edit(diff=diff(["b"], ["c"]))], 0.5),
    ("F19", [edit("a.py", diff(["a"], ["b"])), edit("b.py", diff(["b"], ["a"]))], 1.0),
    ("F19", [PASSES], None),
]  # fmt: skip


@pytest.mark.parametrize(("feature", "drafts", "value"), CASES)
def test_a_feature_has_the_value_that_its_rule_gives(feature: str, drafts: list[Draft], value: float | None) -> None:
    found = measure(feature, drafts)

    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize(
    ("feature", "removed"),
    [
        ("F01", (1,)), ("F02", (4,)), ("F03", (1, 2, 3)), ("F04", (4,)), ("F05", (4,)), ("F09", (4, 7, 10)),
        ("F11", (1, 2, 3)), ("F12", (1,)), ("F13", (6, 9)), ("F14", (9,)), ("F17", (8,)), ("F18", (7,)), ("F10", (6, 9)),
    ],
)  # fmt: skip
def test_what_is_removed_from_a_good_session_is_missed(feature: str, removed: tuple[int, ...]) -> None:
    whole, part = measure(feature, good_session()), measure(feature, without(*removed))

    assert whole.value == 1.0
    assert part.value is None or part.value < 1.0


def test_a_measure_names_the_events_behind_it() -> None:
    assert measure("F01", good_session()).events == ("id-1",)
    assert measure("F13", good_session()).events == ("id-9",)
    assert measure("F12", good_session()).events == ("id-1", "id-6")


def test_a_command_and_the_result_after_it_are_one_run() -> None:
    session = read_session(
        as_events([ran("pytest", 1), thought("Hm."), result_of(False, num_failed=2), result_of(True), edit(), result_of(True)])
    )

    assert [run.events for run in session.results] == [("id-1", "id-3"), ("id-4",), ("id-6",)]
    assert session.results[0].tests == 2


def test_a_piped_test_run_fails_by_its_output() -> None:
    (run,) = read_session(as_events([ran("pytest | tail -1", 0, "1 failed, 3 passed")])).results

    assert run.failed is True


def test_a_run_without_exit_code_is_known_by_its_output_or_not_at_all() -> None:
    runs = read_session(
        as_events([ran("pytest", None, "3 passed"), ran("pytest", None, "…"), ran("python a.py", None)])
    ).results

    assert [run.failed for run in runs] == [False, None, None]


def test_scratch_files_are_no_source_edits() -> None:
    drafts = [
        edit("repro.py", NEW_FILE),
        edit("look.py", NEW_FILE),
        ran("python look.py"),
        edit("repro.py", diff(["x = 1"], ["x = 2"])),
        edit(),
    ]
    session = read_session(as_events(drafts))

    assert [one.kind for one in session.edits] == ["scratch", "scratch", "scratch", "source"]


def test_without_source_edits_test_edits_take_their_place() -> None:
    session = read_session(as_events([edit("README.md"), edit("tests/test_median.py", NEW_TEST)]))

    assert [one.path for one in session.source_edits] == ["tests/test_median.py"]


def test_a_repeated_thought_does_not_count() -> None:
    session = read_session(as_events([thought("Fix it!"), thought("fix   IT"), thought("  "), thought("Fix that.")]))

    assert [step.event for step in session.steps] == ["id-1", "id-4"]


def test_edits_without_a_result_between_are_one_episode() -> None:
    session = read_session(as_events([edit(), edit("b.py"), thought("x"), edit("c.py"), PASSES, edit(diff=FIX)]))

    assert [len(episode) for episode in session.episodes] == [3, 1]
