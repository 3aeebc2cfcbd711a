"""Tests that do not always end alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.models.qa import FlakyTest, TestOutcome, TestRun, TreeName

PASSED: frozenset[TestOutcome] = frozenset({"passed", "xpassed"})
FAILED: frozenset[TestOutcome] = frozenset({"failed", "error"})


@dataclass(frozen=True)
class Flakiness:
    """The tests that disagreed with themselves."""

    before: Mapping[str, FlakyTest]
    after: Mapping[str, FlakyTest]

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return frozenset({*self.before, *self.after})

    def tests(self) -> tuple[FlakyTest, ...]:
        """For the record, by tree and name."""
        return tuple(found[name] for found in (self.before, self.after) for name in sorted(found))


STEADY = Flakiness({}, {})


def flaky_tests(tree: TreeName, runs: Sequence[TestRun]) -> dict[str, FlakyTest]:
    """The tests that failed in some of the runs on one tree and passed in others."""
    found: dict[str, FlakyTest] = {}
    for name in runs[0].tests if runs else ():
        outcomes = [run.tests[name] for run in runs if name in run.tests]
        failed = sum(outcome in FAILED for outcome in outcomes)
        if failed and any(outcome in PASSED for outcome in outcomes):
            found[name] = FlakyTest(test=name, tree=tree, runs=len(outcomes), failed=failed)
    return found


def flaky_commands(tree: TreeName, runs: Sequence[TestRun], command: str) -> dict[str, FlakyTest]:
    """As ``flaky_tests``, for a command that is believed by its exit status."""
    failed = sum(run.exit_code != 0 for run in runs)
    if 0 < failed < len(runs):
        return {command: FlakyTest(test=command, tree=tree, runs=len(runs), failed=failed)}
    return {}


def without(run: TestRun, names: Iterable[str]) -> TestRun:
    """The run, as if these tests had not been in it."""
    left_out = frozenset(names)
    return run.model_copy(update={"tests": {name: outcome for name, outcome in run.tests.items() if name not in left_out}})


def number_of_reruns(wanted: int, seconds_each: float, budget_s: float) -> int:
    """As many as are wanted, if there is time for them; one in any case, if one is wanted."""
    affordable = int(budget_s / seconds_each) if seconds_each > 0 else wanted
    return min(wanted, max(1, affordable))
