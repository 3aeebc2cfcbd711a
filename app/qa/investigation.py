"""One verification, step by step, until nothing more can change what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from app.models.qa import DisguiseCheck, FlakyTest, Reruns, TestRun, TreeName
from app.qa.base import SandboxSession, Tree
from app.qa.chosen_tests import choose_tests
from app.qa.disguise import Costume, Disguise, DisguiseError
from app.qa.frameworks.base import Framework, Selection
from app.qa.suites import TestTree, run_suite
from app.qa.workspaces import TestedTrees
from app.rules.nodeids import file_of, function_of, is_named
from app.rules.reruns import FAILED, STEADY, Flakiness, flaky_commands, flaky_tests, number_of_reruns
from app.rules.verdicts import Comparison, Finding, compare_runs, decide, obstacle_of, with_disguise, with_guard

DEFAULT_RERUNS = 7
"""A test that fails half of the time ends alike in all of eight runs once in 128 times."""
_START_S = 0.1
"""A run takes no less than this, about."""

_Runs = tuple[list[TestRun], list[TestRun]]
"""After the fix, and before it."""

Result = TypeVar("Result")


class Progress(Protocol):
    """Is told what begins, for whoever waits."""

    def __call__(self, stage: str) -> None:
        """A stage begins."""
        ...


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is done to be sure."""

    reruns: int = DEFAULT_RERUNS
    """How often the tests that decide are run again on each tree."""
    budget_s: float = 60.0
    """How long the tests of these reruns may take, on each tree."""


@dataclass
class Found:
    """What has been found out so far."""

    finding: Finding
    after: TestRun
    before: TestRun | None = None
    guard: TestRun | None = None
    origin: TestRun | None = None
    reruns: Reruns | None = None
    flakiness: Flakiness = STEADY
    disguise: DisguiseCheck | None = None

    def compared(self) -> Comparison:
        """The tests by what they did before and after."""
        return compare_runs(self.before, self.after) if self.before is not None else Comparison()


class Investigation:
    """Runs what there is to run. For one use."""

    def __init__(
        self,
        framework: Framework,
        trees: TestedTrees,
        sessions: tuple[SandboxSession, ...],
        known: Sequence[str],
        effort: Effort,
        progress: Progress,
    ) -> None:
        self._framework = framework
        self._trees = trees
        self._after_tree = TestTree(trees.after)
        self._before_tree = TestTree(trees.before) if trees.before is not None else None
        self._sessions = sessions
        self._known = known
        self._effort = effort
        self._progress = progress
        self._whole_files = False
        """Whether tests that decide build on others of their file."""

    def hold(self) -> Found:
        """All of it.

        Raises:
            TreeError: a tree cannot be read.
            CorruptError: a stored archive is damaged.
        """
        found = self._first_runs()
        if found.finding.verdict == "tampered" or obstacle_of(found.after) or (found.before and obstacle_of(found.before)):
            return found
        if self._effort.reruns:
            self._run_again(found)
        if found.finding.verdict == "fixed" and self._trees.guard is not None:
            self._run_guard(found, self._trees.guard)
        if found.finding.tests_passed and self._framework.can_select:
            self._run_disguised(found)
        elif found.finding.tests_passed:
            self._run_spoilt(found)
        return found

    # --- before and after ---

    def _first_runs(self) -> Found:
        after, before = self._on_both(
            lambda session: self._suite(session, "after", self._after_tree),
            lambda session: self._suite(session, "before", self._before_tree) if self._before_tree else None,
        )
        return Found(decide(before, after, self._known), after, before)

    def _suite(self, session: SandboxSession, which: TreeName, tree: TestTree, only: Iterable[str] | None = None) -> TestRun:
        if only is None:
            self._progress(f"tests {which} the fix" if which in ("before", "after") else f"tests, {which}")
        selection = Selection(only=None if only is None else tuple(only))
        return run_suite(session, self._framework, which, tree, selection)

    # --- again ---

    def _run_again(self, found: Found) -> None:
        self._progress("the tests that decide, again")
        after, before = self._again(found)
        found.reruns = Reruns(wanted=self._effort.reruns, before=len(before), after=len(after))
        for run in (*after, *before):
            if run.outcome == "unbelievable":
                found.finding = Finding("tampered", f"a run {run.tree} the fix cannot be believed: {run.reason}", None)
                return
        flaky = _flaky_in if found.after.has_report else _flaky_as_a_whole
        flaky_before = flaky("before", found.before, before) if found.before is not None else {}
        found.flakiness = Flakiness(flaky_before, flaky("after", found.after, after))
        found.finding = decide(found.before, found.after, self._known, found.flakiness)

    def _again(self, found: Found) -> _Runs:
        """The reruns after the fix and before it.

        The tests that decide are run alone first. Where they end otherwise than among all others, they may build on those of
        their file, or may not be steady: then their files are run whole, which tells the one from the other.
        """
        if not self._framework.can_select:
            seconds = max(found.after.duration_s or 0.0, _START_S)
            return self._times(number_of_reruns(self._effort.reruns, seconds, self._effort.budget_s), None)
        deciding = self._deciding(found)
        if not deciding:
            return [], []
        alone = self._times(1, deciding)
        if _agree(found.after, alone[0], deciding) and (found.before is None or _agree(found.before, alone[1], deciding)):
            return self._and_more(alone, deciding)
        self._whole_files = True
        files = set(map(file_of, deciding))
        names = [name for name in self._all_tests(found) if file_of(name) in files]
        return self._and_more(self._times(1, names), names)

    def _and_more(self, first: _Runs, names: Sequence[str]) -> _Runs:
        """As many more as there is time for, by the clock of process 1: that of the tests belongs to the code under test."""
        seconds = max((run.duration_s or 0.0 for run in (*first[0], *first[1])), default=0.0)
        count = number_of_reruns(self._effort.reruns, max(seconds, _START_S), self._effort.budget_s)
        more = self._times(count - 1, names)
        return first[0] + more[0], first[1] + more[1]

    def _times(self, count: int, only: Sequence[str] | None) -> _Runs:
        """So many runs on each tree."""

        def on(which: TreeName, tree: TestTree | None) -> Callable[[SandboxSession], list[TestRun]]:
            return lambda session: [self._suite(session, which, tree, only) for _ in range(count)] if tree else []

        after, before = self._on_both(on("after", self._after_tree), on("before", self._before_tree))
        return after, before or []

    def _deciding(self, found: Found) -> list[str]:
        """Tests that failed on one of the trees, or are known to fail; all of them, where it is their passing that decides."""
        tests = self._all_tests(found)
        if found.before is None or found.finding.verdict == "not_reproduced":
            return tests
        runs = (found.before, found.after)
        return [
            name
            for name in tests
            if any(run.tests.get(name) in FAILED for run in runs) or any(is_named(known, name) for known in self._known)
        ]

    @staticmethod
    def _all_tests(found: Found) -> list[str]:
        return list({**(found.before.tests if found.before is not None else {}), **found.after.tests})

    # --- with the tests from before ---

    def _run_guard(self, found: Found, guard_tree: Tree) -> None:
        assert found.before is not None and self._trees.base is not None  # noqa: S101, PT018 -- there is a guard
        base = self._trees.base
        guard, origin = self._on_both(
            lambda session: self._suite(session, "guard", TestTree(guard_tree)),
            lambda session: self._suite(session, "origin", TestTree(base)),
        )
        assert origin is not None  # noqa: S101 -- it was run
        found.guard, found.origin = guard, origin
        found.finding = with_guard(
            found.finding,
            found.before,
            found.after,
            origin,
            guard,
            self._trees.changed_tests,
            found.flakiness.names,
            self._known,
        )

    # --- in other words ---

    def _run_disguised(self, found: Found) -> None:
        deciding, sample = choose_tests(
            found.before, found.after, found.compared().fail_to_pass, found.flakiness.names, self._known
        )
        if not deciding and not sample:
            return
        self._progress("the tests in other words")
        disguise = Disguise(self._framework, self._after_tree, whole_files=self._whole_files)
        session = self._sessions[0]
        try:
            costumes, left_out = disguise.make(self._sessions[-1], [*deciding, *sample], len(deciding))
        except DisguiseError as error:
            check = DisguiseCheck(runs=0, problem=str(error))
        else:
            # whoever ran the tests in their own words may have left a note of them
            session.renew()
            check, odd = disguise.wear(costumes, session, found.after, left_out)
            if odd and found.before is not None and self._before_tree is not None:
                check = self._against_control(check, odd, found.before, sample)
                check = self._without_unsteady(check, found, sample)
        found.disguise = check
        if check.problem is not None and check.problem.startswith("unbelievable"):
            found.finding = Finding("tampered", f"the run after the fix cannot be believed: {check.problem}", None)
        elif found.finding.verdict == "flaky":
            found.finding = with_disguise(found.finding, check, (), ()) if check.passed_wrongly else found.finding
        elif found.finding.verdict == "fixed":
            found.finding = with_disguise(found.finding, check, deciding, self._known)
        else:
            found.finding = with_disguise(found.finding, check, sample, ())

    def _against_control(
        self, check: DisguiseCheck, odd: list[Costume], before: TestRun, sample: Sequence[str]
    ) -> DisguiseCheck:
        """Tests that passed before the fix are no different there: one that cannot bear other words there either is no sign
        of anything."""
        assert self._before_tree is not None  # noqa: S101 -- asked for where there is one
        disguise = Disguise(self._framework, self._before_tree, whole_files=self._whole_files)
        control, _ = disguise.wear(odd, self._sessions[-1], before, {})
        return _excuse(check, set(sample) & {*control.unlike, *control.passed_wrongly}, "it does not bear other words")

    def _without_unsteady(self, check: DisguiseCheck, found: Found, sample: Sequence[str]) -> DisguiseCheck:
        """Tests that passed on both trees were run once on each: what is odd about one of them may be that it does not always
        pass. It is run as it is until that shows. Where it shows after the fix alone, the verdict is that."""
        odd = set(sample) & {*check.unlike, *check.passed_wrongly}
        if not odd or not self._effort.reruns or found.before is None:
            return check
        files = set(map(file_of, odd))
        names = [name for name in self._all_tests(found) if file_of(name) in files]
        for session in {id(session): session for session in self._sessions}.values():
            # what has seen the tests in other words does not see them as they are
            session.renew()
        after, before = self._and_more(self._times(1, names), names)
        flaky_before = _flaky_in("before", found.before, before)
        flaky_after = _flaky_in("after", found.after, after)
        found.flakiness = Flakiness({**found.flakiness.before, **flaky_before}, {**found.flakiness.after, **flaky_after})
        finding = decide(found.before, found.after, self._known, found.flakiness)
        if finding.verdict == "flaky":
            found.finding = finding
        return _excuse(check, odd & set(map(function_of, (*flaky_before, *flaky_after))), "it does not always end alike")

    def _run_spoilt(self, found: Found) -> None:
        """A command that is believed as a whole has to fail where every test written in Python does."""
        self._progress("the tests, spoilt")
        try:
            overlay = Disguise(self._framework, self._after_tree).spoil(self._sessions[-1])
        except DisguiseError as error:
            found.disguise = DisguiseCheck(runs=0, problem=str(error))
            return
        if not overlay:
            return
        self._sessions[0].renew()
        tree = self._after_tree.anew()
        run = run_suite(self._sessions[0], self._framework, "after", tree, Selection(overlay=overlay))
        is_wrong = run.outcome == "completed" and run.exit_code == 0
        found.disguise = DisguiseCheck(runs=1, passed_wrongly=("the command",) if is_wrong else ())
        if is_wrong:
            reason = "the command succeeds although every test has to fail"
            found.finding = Finding("tampered", f"the run after the fix cannot be believed: {reason}", None)

    # --- at the same time ---

    def _on_both(
        self, after: Callable[[SandboxSession], Result], before: Callable[[SandboxSession], Result | None]
    ) -> tuple[Result, Result | None]:
        """Both at once where there is room for both, one after the other otherwise."""
        first, last = self._sessions[0], self._sessions[-1]
        if first is last or self._before_tree is None:
            return after(first), before(last)
        with ThreadPoolExecutor(1, thread_name_prefix="verify") as other:
            waiting = other.submit(before, last)
            return after(first), waiting.result()


def _excuse(check: DisguiseCheck, names: Set[str], why: str) -> DisguiseCheck:
    """The check without what was odd about these tests."""
    if not names:
        return check
    return check.model_copy(
        update={
            "unlike": tuple(name for name in check.unlike if name not in names),
            "passed_wrongly": tuple(name for name in check.passed_wrongly if name not in names),
            "not_disguised": {**check.not_disguised, **dict.fromkeys(sorted(names), why)},
        }
    )


def _agree(first: TestRun, others: Sequence[TestRun], names: Sequence[str]) -> bool:
    """Whether the tests ended in each of the other runs as they did in the first."""
    wanted = {name: first.tests[name] in FAILED for name in names if name in first.tests}
    return all(
        run.outcome == first.outcome and {name: run.tests.get(name, "error") in FAILED for name in wanted} == wanted
        for run in others
    )


def _flaky_in(which: TreeName, first: TestRun, others: Sequence[TestRun]) -> dict[str, FlakyTest]:
    return flaky_tests(which, (first, *(run for run in others if run.outcome in ("completed", "died"))))


def _flaky_as_a_whole(which: TreeName, first: TestRun, others: Sequence[TestRun]) -> dict[str, FlakyTest]:
    return flaky_commands(which, (first, *(run for run in others if run.outcome == "completed")), "the command")
