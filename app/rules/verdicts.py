"""What test runs prove, and what they do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.models.qa import DisguiseCheck, TestRun, Verdict
from app.rules.nodeids import file_of, function_of, is_named
from app.rules.reruns import FAILED, PASSED, STEADY, Flakiness, without


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

    def of(was: Collection[str], became: Collection[str]) -> tuple[str, ...]:
        return tuple(name for name in both if before.tests[name] in was and after.tests[name] in became)

    return Comparison(
        fail_to_pass=of(FAILED, PASSED),
        pass_to_pass=of(PASSED, PASSED),
        pass_to_fail=of(PASSED, FAILED),
        fail_to_fail=of(FAILED, FAILED),
    )


def suite_passed(run: TestRun) -> bool | None:
    """Whether a run shows that its tests pass; ``None`` where it shows neither that nor the opposite.

    Tests that could not be collected were not run: they did not fail, and nobody knows whether they would pass.
    """
    if run.outcome == "died":
        return False
    if run.outcome != "completed" or run.exit_code is None:
        return None
    if not run.has_report:
        return run.exit_code == 0
    if any(outcome in FAILED for outcome in run.tests.values()):
        return False
    if run.collection_errors or not any(outcome in PASSED for outcome in run.tests.values()):
        return None
    return run.evidence == "process" or run.exit_code == 0


def decide(before: TestRun | None, after: TestRun, known_failing: Sequence[str] = (), flakiness: Flakiness = STEADY) -> Finding:
    """The verdict on a fix. ``before`` is ``None`` where no tree from before the fix is known. Tests that are not steady do
    not decide."""
    for run in (after, before):
        obstacle = obstacle_of(run) if run is not None else None
        if obstacle is not None:
            return obstacle
    if flakiness.names and not after.has_report:
        return _flaky(flakiness, sorted(flakiness.names))
    unsteady = _unsteady(before, known_failing, flakiness)
    if unsteady is not None:
        return unsteady
    names = flakiness.names
    if before is None:
        finding = _decide_alone(without(after, names))
    else:
        finding = _decide_pair(without(before, names), without(after, names), known_failing)
    # what is left may prove nothing only because the others were left out
    if (
        names
        and finding.verdict in ("not_reproduced", "inconclusive", "not_fixed", "passes")
        and finding.tests_passed is not False
    ):
        return _flaky(flakiness, sorted(names))
    return finding


def _decide_pair(before: TestRun, after: TestRun, known_failing: Sequence[str]) -> Finding:
    lost = _lost_tests(before, after)
    if lost:
        return Finding("regressed", f"passed before the fix and not after it: {_names(lost)}", False)
    passed = suite_passed(after)
    if passed is None:
        return Finding("inconclusive", _nothing_shown(after), None)
    if not (before.has_report and after.has_report):
        return _decide_by_status(before, passed)
    return _decide_by_tests(before, after, passed, known_failing)


def obstacle_of(run: TestRun) -> Finding | None:
    """Why a run shows nothing, where it does."""
    where = {"before": "before the fix", "after": "after the fix"}.get(run.tree, f"called {run.tree!r}")
    if run.outcome in ("completed", "died"):
        return None
    if run.outcome == "unbelievable":
        return Finding("tampered", f"the run {where} cannot be believed: {run.reason}", None)
    words = {"timed_out": "ran out of time", "out_of_memory": "ran out of memory", "could_not_run": "could not be made"}
    return Finding("inconclusive", f"the run {where} {words[run.outcome]}: {run.reason}", None)


def with_guard(
    finding: Finding,
    before: TestRun,
    after: TestRun,
    origin: TestRun,
    guard: TestRun,
    changed: Collection[str],
    unsteady: Collection[str],
    known_failing: Sequence[str],
) -> Finding:
    """A verdict of ``fixed``, seen against the tests from before the session, of which it changed or removed some.

    A changed test may expect something else than before: then it fails before the fix and passes after it, and is among the
    known failing tests where these are named. Otherwise it was weakened.
    """
    for run in (guard, origin):
        obstacle = obstacle_of(run)
        if obstacle is not None:
            return obstacle
    unmended, broken = [], []
    for name in sorted(origin.tests):
        if file_of(name) not in changed or name in unsteady or guard.tests.get(name) in PASSED:
            continue
        turned = before.tests.get(name) in FAILED and after.tests.get(name) in PASSED
        is_meant = not known_failing or any(is_named(known, name) for known in known_failing)
        if origin.tests[name] in FAILED and guard.tests.get(name) not in ("skipped", "xfailed"):
            unmended.append(name)
        elif origin.tests[name] in PASSED and not (turned and is_meant):
            broken.append(name)
    if broken:
        reason = f"passed before, and fails as it was before the session changed or removed it: {_names(broken)}"
        return Finding("regressed", reason, False)
    if unmended:
        reason = f"passes only as the session changed it, and fails as it was before: {_names(unmended)}"
        return Finding("not_fixed", reason, False)
    return finding


def with_disguise(finding: Finding, check: DisguiseCheck, deciding: Collection[str], known_failing: Sequence[str]) -> Finding:
    """A verdict that rests on passing tests, seen against the same tests in other words. ``deciding`` are test functions."""
    if check.passed_wrongly:
        reason = f"versions that have to fail passed: {_names(check.passed_wrongly)}"
        return Finding("tampered", f"the run after the fix cannot be believed: {reason}", None)
    if check.problem is not None:
        return Finding("inconclusive", f"the tests could not be checked in other words: {check.problem}", None)
    if check.unlike:
        reason = f"pass under their own name and in their own words alone: {_names(check.unlike)}"
        return Finding("inconclusive", f"tests depend on their own text, or are recognised: {reason}", None)
    confirmed = frozenset(check.confirmed)
    missing = [known for known in known_failing if not any(_covers(known, name) for name in confirmed)]
    if deciding and (missing or not confirmed.intersection(deciding)):
        others = ", ".join(f"{name} ({why})" for name, why in list(check.not_disguised.items())[:3])
        return Finding("inconclusive", f"no test that decides could be checked in other words: {others}", None)
    return finding


def _covers(known: str, function: str) -> bool:
    return function_of(known) == function or is_named(known, function)


def _unsteady(before: TestRun | None, known_failing: Sequence[str], flakiness: Flakiness) -> Finding | None:
    """Tests that were steady before the fix and no longer are, and known failing tests that are not steady, decide nothing."""
    since = sorted(set(flakiness.after) - set(flakiness.before)) if before is not None else []
    known = sorted(name for name in flakiness.names if any(is_named(known, name) for known in known_failing))
    return _flaky(flakiness, since or known) if since or known else None


def _flaky(flakiness: Flakiness, names: Sequence[str]) -> Finding:
    found = [flakiness.after.get(name) or flakiness.before[name] for name in names]
    rates = _names([f"{test.test} (failed {test.failed} of {test.runs} times {test.tree} the fix)" for test in found])
    return Finding("flaky", f"runs on the same tree disagree: {rates}", None)


def _lost_tests(before: TestRun, after: TestRun) -> tuple[str, ...]:
    """Tests that passed before and do not after: they fail, are skipped, or do not get to run any more. The tests are the same
    on both sides, so whether one is skipped is for the code to say, and no code may excuse itself."""
    still_there = {function_of(name) for name in after.tests}
    return tuple(
        name
        for name, outcome in sorted(before.tests.items())
        if outcome in PASSED
        and (
            after.tests.get(name, "passed") not in PASSED
            or file_of(name) in after.collection_errors
            or (after.has_report and name not in after.tests and function_of(name) not in still_there)
        )
    )


def _nothing_shown(run: TestRun) -> str:
    if run.collection_errors:
        return f"tests could not be collected {run.tree} the fix, so they were not run: {_names(run.collection_errors)}"
    return f"no test was run {run.tree} the fix (exit status {run.exit_code}); a suite that runs nothing shows nothing"


def _decide_alone(after: TestRun) -> Finding:
    passed = suite_passed(after)
    if passed is None:
        return Finding("inconclusive", _nothing_shown(after), None)
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
    if not any(outcome in FAILED for outcome in before.tests.values()):
        return Finding("not_reproduced", _not_reproduced(before), passed)
    unmended = [name for name in known_failing if not any(is_named(name, turned) for turned in found.fail_to_pass)]
    if unmended:
        return Finding("not_fixed", f"known failing tests that did not turn to passing: {_names(unmended)}", passed)
    undone = [
        name for name, was in sorted(before.tests.items()) if was in FAILED and after.tests.get(name) not in {*PASSED, *FAILED}
    ]
    if passed and undone:
        return Finding("not_fixed", f"failed before the fix, and are skipped or gone after it: {_names(undone)}", passed)
    if not passed:
        return Finding("not_fixed", f"{_failures(after)} after the fix; {len(found.fail_to_pass)} turned to passing", False)
    if not found.fail_to_pass:
        return Finding("not_fixed", "the tests that failed before the fix are not among those that pass after it", passed)
    count = len(found.fail_to_pass)
    weak = "" if after.evidence == "process" else " (by the command's own report)"
    reason = f"{count} test{'s' * (count != 1)} failed before the fix and pass after it; none was broken{weak}"
    return Finding("fixed", reason, True)


def _not_reproduced(before: TestRun) -> str:
    if before.collection_errors:
        return f"before the fix tests could not be collected, which is not a failing test: {_names(before.collection_errors)}"
    return "no test failed before the fix"


def _failures(run: TestRun) -> str:
    if run.outcome == "died":
        return str(run.reason)
    if not run.has_report:
        return f"exit status {run.exit_code}"
    failed = [name for name, outcome in run.tests.items() if outcome in FAILED]
    return f"failing: {_names(failed)}" if failed else f"exit status {run.exit_code} although no test failed"


def _names(names: Iterable[str]) -> str:
    every = list(names)
    shown = ", ".join(every[:5])
    return shown if len(every) <= 5 else f"{shown} and {len(every) - 5} more"
