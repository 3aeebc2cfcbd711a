"""Test suites: a command on a tree in the sandbox becomes one ``TestRun``."""

from __future__ import annotations

from collections.abc import Iterator

from app.models.commands import split_command
from app.models.qa import RunOutcome, TestRun, TreeName
from app.qa.base import RunResult, RunSpec, Sandbox, Tree, TreeFile
from app.qa.frameworks import Framework, framework_of
from app.qa.junit import ReportError, parse_junit
from app.qa.trees import TravellingTree
from app.utils.text import head_and_tail

SNIPPET_CHARACTERS = 2000


class Suites:
    """Runs test commands, each on a tree of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, which: TreeName, tree: Tree, test_command: str) -> TestRun:
        """Run the command on the tree.

        Raises:
            ValueError: the command cannot be split.
            TreeError: the tree cannot be read.
            CorruptError: a stored archive is damaged.
        """
        command = split_command(test_command)
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
        return _as_test_run(which, result, framework, noted.paths)


class _NotingTree:
    """Remembers which files went in: the report's class names are read against them."""

    def __init__(self, base: Tree) -> None:
        self._base = base
        self.paths: set[str] = set()

    def files(self) -> Iterator[TreeFile]:
        for file in self._base.files():
            self.paths.add(file.path)
            yield file


def _as_test_run(which: TreeName, result: RunResult, framework: Framework, paths: set[str]) -> TestRun:
    outcomes: dict[str, RunOutcome] = {"exited": "completed", "corrupted": "unbelievable"}
    outcome: RunOutcome = outcomes.get(result.kind) or result.kind  # type: ignore[assignment]
    run = TestRun(
        tree=which,
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
