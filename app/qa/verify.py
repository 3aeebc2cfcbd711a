"""Running the tests again: on the tree from before the fix and on the tree after it, in the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.errors import CorruptError
from app.models.events import CodeEdit
from app.models.qa import Verification
from app.models.trace import Trace
from app.qa.base import Sandbox, Tree, read_tree
from app.qa.suites import Suites
from app.qa.trees import ChangedTree, LaidOverTree, MixedTree, TreeError
from app.rules.diffs import DiffError, apply_diff
from app.rules.testfiles import is_test_file
from app.rules.verdicts import Comparison, compare_runs, decide
from app.utils.clock import Clock

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
        self._suites = Suites(sandbox)
        self._clock = clock

    def verify(self, trace: Trace, workspaces: Workspaces, test_command: str | None, progress: Progress) -> Verification:
        """Run the tests before and after the fix and say what that proves. Whatever stands in the way is part of the answer."""
        started = self._clock()
        blank = Verification(verdict="inconclusive", reason="", test_command=test_command)
        if test_command is None:
            return blank.model_copy(update={"reason": "no test command is known"})
        try:
            trees = _build_trees(trace, workspaces)
            progress("tests after the fix")
            after = self._suites.run("after", trees.after, test_command)
            before = None
            if trees.before is not None and after.outcome == "completed":
                progress("tests before the fix")
                before = self._suites.run("before", trees.before, test_command)
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
