"""Tests that do not always end alike."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.qa import FlakyTest, TestRun
from app.rules.reruns import Flakiness, flaky_commands, flaky_tests, number_of_reruns, without


def run(**tests: Any) -> TestRun:
    return TestRun(tree="after", outcome="completed", exit_code=0, tests=tests, has_report=True)


def exited(code: int) -> TestRun:
    return TestRun(tree="after", outcome="completed", exit_code=code)


def test_a_test_that_fails_in_some_runs_and_passes_in_others_is_flaky_with_its_rate() -> None:
    found = flaky_tests("after", [run(a="passed"), run(a="failed"), run(a="error"), run(a="passed")])

    assert found == {"a": FlakyTest(test="a", tree="after", runs=4, failed=2)}


@pytest.mark.parametrize(
    "outcomes",
    [
        ("passed", "passed"),
        ("failed", "failed"),
        ("failed", "error"),
        ("passed", "xpassed"),
        ("passed", "skipped"),
        ("failed", "skipped"),
        ("failed", "xfailed"),
    ],
)
def test_outcomes_that_do_not_contradict_each_other_are_steady(outcomes: tuple[str, str]) -> None:
    assert flaky_tests("after", [run(a=outcome) for outcome in outcomes]) == {}


def test_a_run_without_the_test_says_nothing_of_it() -> None:
    found = flaky_tests("after", [run(a="passed", b="passed"), run(a="failed"), run(b="passed")])

    assert found == {"a": FlakyTest(test="a", tree="after", runs=2, failed=1)}


def test_without_runs_nothing_is_flaky() -> None:
    assert flaky_tests("after", []) == {}


@pytest.mark.parametrize(("codes", "failed"), [((0, 1, 0), 1), ((1, 2, 0), 2)])
def test_a_command_that_ends_now_well_and_now_badly_is_flaky(codes: tuple[int, ...], failed: int) -> None:
    found = flaky_commands("before", [exited(code) for code in codes], "the command")

    assert found == {"the command": FlakyTest(test="the command", tree="before", runs=len(codes), failed=failed)}


@pytest.mark.parametrize("codes", [(0, 0), (1, 2), ()])
def test_a_command_that_ends_alike_is_steady(codes: tuple[int, ...]) -> None:
    assert flaky_commands("after", [exited(code) for code in codes], "the command") == {}


def test_flaky_tests_are_recorded_by_tree_and_name() -> None:
    before, after = ({n: FlakyTest(test=n, tree=tree, runs=2, failed=1) for n in "ba"} for tree in ("before", "after"))

    found = Flakiness(before, after)

    assert [(test.tree, test.test) for test in found.tests()] == [
        ("before", "a"),
        ("before", "b"),
        ("after", "a"),
        ("after", "b"),
    ]
    assert found.names == {"a", "b"}


def test_a_run_without_some_tests_is_otherwise_the_same() -> None:
    assert without(run(a="passed", b="failed"), ["b", "gone"]) == run(a="passed")


@pytest.mark.parametrize(
    ("wanted", "seconds", "budget", "made"),
    [(7, 1.0, 60.0, 7), (7, 10.0, 60.0, 6), (7, 100.0, 60.0, 1), (7, 0.0, 60.0, 7), (7, float("inf"), 60.0, 1)],
)
def test_there_are_as_many_reruns_as_there_is_time_for_and_at_least_one(
    wanted: int, seconds: float, budget: float, made: int
) -> None:
    assert number_of_reruns(wanted, seconds, budget) == made
