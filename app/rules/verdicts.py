"""What two test runs prove, and what they do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.models.qa import TestOutcome, TestRun, Verdict

_PASSED: frozenset[TestOutcome] = frozenset({"passed", "xpassed"})
_FAILED: frozenset[TestOutcome] = frozenset({"failed", "error"})


@dataclass(frozen=True)
class Comparison:
    """Tests by what they did before and after, each list in the order of their names."""

    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    pass_to_fail: tuple[str, ...] = ()
    fail_to_fail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """A verdict with its reason, and whether the tests passed at the end (``None``: not established)."""

    verdict: Verdict
    reason: str
    tests_passed: bool | None


def compare_runs(before: TestRun, after: TestRun) -> Comparison:
    """Sort the tests that both runs report. A test that only one of them reports proves nothing about the other tree."""
    both = sorted(before.tests.keys() & after.tests.keys())

    def of(was: frozenset[TestOutcome], became: frozenset[TestOutcome]) -> tuple[str, ...]:
        return tuple(name for name in both if before.tests[name] in was and after.tests[name] in became)

    return Comparison(
        fail_to_pass=of(_FAILED, _PASSED),
        pass_to_pass=of(_PASSED, _PASSED),
        pass_to_fail=of(_PASSED, _FAILED),
        fail_to_fail=of(_FAILED, _FAILED),
    )


def suite_passed(run: TestRun) -> bool | None:
    """Whether a run shows that its tests pass; ``None`` where it shows neither that nor the opposite.

    Tests that could not be collected were not run: they did not fail, and nobody knows whether they would pass.
    """
    if run.outcome != "completed" or run.exit_code is None:
        return None
    if not run.has_report:
        return run.exit_code == 0
    if any(outcome in _FAILED for outcome in run.tests.values()):
        return False
    if run.collection_errors or not any(outcome in _PASSED for outcome in run.tests.values()):
        return None
    return run.exit_code == 0


def decide(before: TestRun | None, after: TestRun, known_failing: Sequence[str] = ()) -> Finding:
    """The verdict on a fix. ``before`` is ``None`` where no tree from before the fix is known."""
    for run in (after, before):
        obstacle = _obstacle(run) if run is not None else None
        if obstacle is not None:
            return obstacle
    lost = _lost_tests(before, after) if before is not None else ()
    if lost:
        return Finding("regressed", f"passed before the fix and not after it: {_names(lost)}", False)
    passed = suite_passed(after)
    if passed is None:
        return Finding("inconclusive", _nothing_shown(after), None)
    if before is None:
        return _decide_alone(after, passed)
    if not (before.has_report and after.has_report):
        return _decide_by_status(before, passed)
    return _decide_by_tests(before, after, passed, known_failing)


def _lost_tests(before: TestRun, after: TestRun) -> tuple[str, ...]:
    """Tests that passed before and fail after, or whose file can no longer be collected."""
    return tuple(
        name
        for name, outcome in sorted(before.tests.items())
        if outcome in _PASSED and (after.tests.get(name) in _FAILED or name.partition("::")[0] in after.collection_errors)
    )


def _obstacle(run: TestRun) -> Finding | None:
    where = f"the run {run.tree} the fix"
    if run.outcome == "completed":
        return None
    if run.outcome == "unbelievable":
        return Finding("tampered", f"{where} cannot be believed: {run.reason}", None)
    words = {"timed_out": "ran out of time", "out_of_memory": "ran out of memory", "could_not_run": "could not be made"}
    return Finding("inconclusive", f"{where} {words[run.outcome]}: {run.reason}", None)


def _nothing_shown(run: TestRun) -> str:
    if run.collection_errors:
        return f"tests could not be collected {run.tree} the fix, so they were not run: {_names(run.collection_errors)}"
    return f"no test was run {run.tree} the fix (exit status {run.exit_code}); a suite that runs nothing shows nothing"


def _decide_alone(after: TestRun, passed: bool) -> Finding:
    if passed:
        return Finding("passes", "all tests pass; no tree from before the fix was given, so no fix is claimed", True)
    return Finding("not_fixed", f"tests fail ({_failures(after)}); no tree from before the fix was given", False)


def _decide_by_status(before: TestRun, passed: bool) -> Finding:
    """Exit statuses alone: declared as the weaker evidence that they are."""
    weak = "by exit status alone, the command writes no per-test report"
    if before.exit_code == 0:
        verdict: Verdict = "not_reproduced" if passed else "regressed"
        return Finding(verdict, f"the suite passed before the fix ({weak})", passed)
    if passed:
        return Finding("fixed", f"the suite failed before the fix and passes after it ({weak})", True)
    return Finding("not_fixed", f"the suite fails before and after the fix ({weak})", False)


def _decide_by_tests(before: TestRun, after: TestRun, passed: bool, known_failing: Sequence[str]) -> Finding:
    found = compare_runs(before, after)
    if not any(outcome in _FAILED for outcome in before.tests.values()):
        return Finding("not_reproduced", _not_reproduced(before), passed)
    unmended = [name for name in known_failing if not _is_mended(name, found.fail_to_pass)]
    if unmended:
        return Finding("not_fixed", f"known failing tests that did not turn to passing: {_names(unmended)}", passed)
    if not passed:
        return Finding("not_fixed", f"{_failures(after)} after the fix; {len(found.fail_to_pass)} turned to passing", False)
    if not found.fail_to_pass:
        return Finding("not_fixed", "the tests that failed before the fix are not among those that pass after it", passed)
    count = len(found.fail_to_pass)
    return Finding("fixed", f"{count} test{'s' * (count != 1)} failed before the fix and pass after it; none was broken", True)


def _is_mended(known: str, fail_to_pass: Sequence[str]) -> bool:
    """A known failing test may name one parametrised case, or all cases of a test, of which at least one must have failed."""
    return any(name == known or name.startswith((f"{known}[", f"{known}::")) for name in fail_to_pass)


def _not_reproduced(before: TestRun) -> str:
    if before.collection_errors:
        return f"before the fix tests could not be collected, which is not a failing test: {_names(before.collection_errors)}"
    return "no test failed before the fix"


def _failures(run: TestRun) -> str:
    if not run.has_report:
        return f"exit status {run.exit_code}"
    failed = [name for name, outcome in run.tests.items() if outcome in _FAILED]
    return f"failing: {_names(failed)}" if failed else f"exit status {run.exit_code} although no test failed"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
