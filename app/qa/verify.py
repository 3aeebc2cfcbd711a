"""Running the tests again: on the tree from before the fix and on the tree after it, in the sandbox."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import CorruptError
from app.models.commands import SplitCommand, split_command
from app.models.events import CodeEdit
from app.models.qa import RunOutcome, TestRun, Verification
from app.models.trace import Trace
from app.qa.base import RunResult, RunSpec, Sandbox, Tree, TreeFile, read_tree
from app.qa.frameworks import Framework, framework_of
from app.qa.junit import ReportError, parse_junit
from app.qa.trees import ChangedTree, LaidOverTree, MixedTree, TravellingTree, TreeError
from app.rules.diffs import DiffError, apply_diff
from app.rules.testfiles import is_test_file
from app.rules.verdicts import Comparison, compare_runs, decide
from app.utils.clock import Clock
from app.utils.text import head_and_tail

SNIPPET_CHARACTERS = 2000
_MAX_EDITED_FILE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Workspaces:
    """What is known of the code that a trace speaks of."""

    base: Tree | None = None
    """From before the fix."""
    final: Tree | None = None
    """From after the fix, where it was given rather than to be derived from the edits."""
    tests: Tree | None = None
    """Trusted tests; where given, the only authority."""
    origin: str = "nowhere"
    """Where the trees come from, in words."""
    problem: str | None = None
    """Why there is none, where there is none."""


class Progress(Protocol):
    """Is told what begins, for whoever waits."""

    def __call__(self, stage: str) -> None:
        """A stage begins."""
        ...


@dataclass(frozen=True)
class _Trees:
    before: Tree | None
    after: Tree
    tests_from: str
    trees_from: str


class Verifier:
    """Re-executes the tests of a trace."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self._sandbox = sandbox
        self._clock = clock

    def verify(self, trace: Trace, workspaces: Workspaces, test_command: str | None, progress: Progress) -> Verification:
        """Run the tests before and after the fix and say what that proves. Whatever stands in the way is part of the answer."""
        started = self._clock()
        blank = Verification(verdict="inconclusive", reason="", test_command=test_command)
        if test_command is None:
            return blank.model_copy(update={"reason": "no test command is known"})
        try:
            command = split_command(test_command)
            trees = _build_trees(trace, workspaces)
            after = self._run("after", trees.after, command, progress)
            before = self._run("before", trees.before, command, progress) if _worth_comparing(trees, after) else None
        except (TreeError, ValueError, CorruptError) as error:
            return blank.model_copy(update={"reason": str(error), "trees_from": workspaces.origin})
        finding = decide(before, after, trace.task.known_failing_tests if trace.task else ())
        compared = compare_runs(before, after) if before is not None else Comparison()
        return Verification(
            verdict=finding.verdict,
            reason=finding.reason,
            tests_passed=finding.tests_passed,
            test_command=test_command,
            tests_from=trees.tests_from,
            trees_from=trees.trees_from,
            before=before,
            after=after,
            fail_to_pass=compared.fail_to_pass,
            pass_to_pass=compared.pass_to_pass,
            pass_to_fail=compared.pass_to_fail,
            fail_to_fail=compared.fail_to_fail,
            image=self._sandbox.image(),
            limits=self._sandbox.limits,
            duration_s=(self._clock() - started).total_seconds(),
        )

    def _run(self, which: str, tree: Tree | None, command: SplitCommand, progress: Progress) -> TestRun:
        assert tree is not None  # noqa: S101 -- asked for where there is one
        progress(f"tests {which} the fix")
        framework = framework_of(command.argv)
        noted = _NotingTree(TravellingTree(tree))
        result = self._sandbox.run(
            RunSpec(
                argv=framework.argv,
                tree=noted,
                env={**dict(command.env), **framework.env},
                result_files=(framework.report,) if framework.report else (),
            )
        )
        return _as_test_run("before" if which == "before" else "after", result, framework, noted.paths)


def _worth_comparing(trees: _Trees, after: TestRun) -> bool:
    return trees.before is not None and after.outcome == "completed"


def _build_trees(trace: Trace, given: Workspaces) -> _Trees:
    """The two trees that are tested.

    Raises:
        TreeError: there is none, or the recorded edits do not lead from one to the other.
    """
    if given.base is None and given.final is None:
        raise TreeError(given.problem or "no workspace was given")
    final, origin = given.final, given.origin
    if final is None:
        assert given.base is not None  # noqa: S101 -- one of the two is there
        edits = [event for event in trace.events if isinstance(event, CodeEdit)]
        final = ChangedTree(given.base, _apply_edits(given.base, edits))
        origin = f"{origin}, with {len(edits)} recorded edits applied"
    if given.tests is not None:
        overlaid = LaidOverTree(given.base, given.tests) if given.base is not None else None
        return _Trees(overlaid, LaidOverTree(final, given.tests), "the trace's tests artifact", origin)
    before = MixedTree(code=given.base, tests=final, is_test=is_test_file) if given.base is not None else None
    return _Trees(before, final, "the tree after the fix", origin)


def _apply_edits(base: Tree, edits: Sequence[CodeEdit]) -> dict[str, bytes | None]:
    try:
        contents: dict[str, bytes | None] = dict(
            read_tree(base, (edit.data.file_path for edit in edits), _MAX_EDITED_FILE_BYTES)
        )
    except ValueError as error:
        raise TreeError(str(error)) from error
    for number, edit in enumerate(edits, 1):
        path = edit.data.file_path
        try:
            contents[path] = apply_diff(contents.get(path), edit.data.diff)
        except DiffError as error:
            raise TreeError(f"edit {number} (event {edit.event_id}) does not apply to {path}: {error}") from error
    return contents


class _NotingTree:
    """Remembers which files went in: the report's class names are read against them."""

    def __init__(self, base: Tree) -> None:
        self._base = base
        self.paths: set[str] = set()

    def files(self) -> Iterator[TreeFile]:
        for file in self._base.files():
            self.paths.add(file.path)
            yield file


def _as_test_run(which: str, result: RunResult, framework: Framework, paths: set[str]) -> TestRun:
    outcomes: dict[str, RunOutcome] = {"exited": "completed", "corrupted": "unbelievable"}
    outcome: RunOutcome = outcomes.get(result.kind) or result.kind  # type: ignore[assignment]
    run = TestRun(
        tree="before" if which == "before" else "after",
        outcome=outcome,
        reason=result.reason,
        exit_code=result.exit_code,
        duration_s=result.duration_s,
        output_snippet=_snippet(result),
        output_bytes=result.output_bytes,
    )
    output = result.output_head + result.output_tail
    if run.outcome == "completed" and framework.nothing_ran is not None and framework.nothing_ran.search(output):
        return run.model_copy(update={"outcome": "could_not_run", "reason": f"{framework.name} found no test to run"})
    if run.outcome != "completed" or framework.report is None:
        return run
    return run.model_copy(update=_read_report(result, framework, framework.report, paths))


def _read_report(result: RunResult, framework: Framework, report_path: str, paths: set[str]) -> dict[str, object]:
    xml = result.files.get(report_path)
    if xml is None:
        if result.exit_code in framework.statuses_with_report:
            reason = f"{framework.name} ended with status {result.exit_code} and left no report"
            return {"outcome": "unbelievable", "reason": reason}
        return {"outcome": "could_not_run", "reason": f"{framework.name} did not get to run tests (status {result.exit_code})"}
    try:
        report = parse_junit(xml, paths)
    except ReportError as error:
        return {"outcome": "unbelievable", "reason": str(error)}
    facts = {"tests": report.tests, "collection_errors": report.collection_errors, "has_report": True}
    failures = sum(outcome in ("failed", "error") for outcome in report.tests.values())
    if result.exit_code == 0 and (failures or report.collection_errors):
        return {**facts, "outcome": "unbelievable", "reason": "status 0, but the report names tests that failed"}
    return facts


def _snippet(result: RunResult) -> str:
    head = result.output_head.decode("utf-8", "replace")
    if not result.output_tail:
        return head_and_tail(head, SNIPPET_CHARACTERS)
    left_out = result.output_bytes - len(result.output_head) - len(result.output_tail)
    tail = result.output_tail.decode("utf-8", "replace")
    return head_and_tail(
        f"{head}\n[… {left_out} bytes left out …]\n{tail}" if left_out > 0 else head + tail, SNIPPET_CHARACTERS
    )
