"""Which tests are put in other words, and how many of those that do not decide."""

from __future__ import annotations

import pytest

from app.models.qa import TestRun, TreeName
from app.qa.chosen_tests import choose_tests


def run(tree: TreeName, seconds: float | None, *, functions: int = 100, cases: int = 1) -> TestRun:
    names = [f"test_a.py::test_{number}" for number in range(functions)]
    ids = [f"{name}[{case}]" if cases > 1 else name for name in names for case in range(cases)]
    return TestRun(tree=tree, outcome="completed", exit_code=0, tests=dict.fromkeys(ids, "passed"), duration_s=seconds)


def sample_of(before: TestRun | None, after: TestRun) -> list[str]:
    return choose_tests(before, after, (), (), ())[1]


@pytest.mark.parametrize(
    ("before_s", "after_s", "size"),
    [(0.3, 0.3, 24), (2.5, 2.5, 24), (25.0, 25.0, 10), (100.0, 100.0, 5), (None, None, 24)],
)
def test_a_slow_suite_has_a_smaller_sample(before_s: float | None, after_s: float | None, size: int) -> None:
    assert len(sample_of(run("before", before_s), run("after", after_s))) == size


def test_a_fix_that_dawdles_does_not_make_the_sample_smaller() -> None:
    assert len(sample_of(run("before", 0.3), run("after", 300.0))) == 24


def test_some_are_looked_at_however_long_they_take() -> None:
    slow = run("before", 1000.0, functions=6, cases=50), run("after", 1000.0, functions=6, cases=50)

    assert len(sample_of(*slow)) == 4


def test_the_clock_before_the_fix_is_not_needed() -> None:
    assert len(sample_of(None, run("after", 25.0))) == 10


def test_which_ones_is_chance() -> None:
    both = run("before", 25.0), run("after", 25.0)

    assert len({tuple(sample_of(*both)) for _ in range(20)}) > 1


def test_what_decides_is_no_sample_and_known_ones_come_first() -> None:
    before, after = run("before", 0.3, functions=5), run("after", 0.3, functions=5)
    turned = ["test_a.py::test_0", "test_a.py::test_1", "test_a.py::test_2"]

    deciding, sample = choose_tests(before, after, turned, {"test_a.py::test_2"}, ["test_a.py::test_1"])

    assert deciding == ["test_a.py::test_1", "test_a.py::test_0"]
    assert sorted(sample) == ["test_a.py::test_3", "test_a.py::test_4"]
