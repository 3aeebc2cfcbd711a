"""Test suites: a command on a tree in the sandbox becomes one ``TestRun``."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Iterator, Mapping

from app.models.qa import RunOutcome, TestRun, TreeName
from app.qa.base import RunResult, Sandbox, SandboxSession, Tree, TreeFile
from app.qa.frameworks.base import Framework, Reading, Selection
from app.qa.frameworks.choice import framework_of
from app.qa.pytest_settings import read_pytest_settings
from app.qa.trees import TravellingTree
from app.utils.text import head_and_tail

SNIPPET_CHARACTERS = 2000
_OUTCOMES: Mapping[str, RunOutcome] = {
    "timed_out": "timed_out",
    "out_of_memory": "out_of_memory",
    "could_not_run": "could_not_run",
    "corrupted": "unbelievable",
}
_ALL = Selection()


class TestTree:
    """A tree as it travels, for any number of runs. Remembers which files went in."""

    __test__ = False

    def __init__(self, base: Tree) -> None:
        self._base = TravellingTree(base)
        self.paths: set[str] = set()

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        for file in self._base.files():
            self.paths.add(file.path)
            yield file

    def anew(self) -> TestTree:
        """The same tree as another object, which travels whole."""
        other = copy.copy(self)
        other.paths = self.paths
        return other


def run_suite(
    session: SandboxSession, framework: Framework, which: TreeName, tree: TestTree, selection: Selection = _ALL
) -> TestRun:
    """Run the tests on the tree.

    Raises:
        TreeError: the tree cannot be read.
        CorruptError: a stored archive is damaged.
    """
    key = secrets.token_hex(16)
    result = session.run(framework.spec(tree, selection, key))
    if result.kind == "exited":
        reading = framework.read(result, tree.paths, key)
    else:
        reading = Reading(_OUTCOMES[result.kind], result.reason)
    return _as_test_run(which, result, reading)


class Suites:
    """Runs test commands, each on a tree of its own."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def run(self, which: TreeName, tree: Tree, test_command: str) -> TestRun:
        """Run the command on the tree, by the tree's own settings.

        Raises:
            ValueError: the command cannot be split.
            TreeError: the tree cannot be read.
            CorruptError: a stored archive is damaged.
        """
        framework = framework_of(test_command, read_pytest_settings(None, tree))
        with self._sandbox.sessions(1) as (session, *_):
            return run_suite(session, framework, which, TestTree(tree))


def _as_test_run(which: TreeName, result: RunResult, reading: Reading) -> TestRun:
    return TestRun(
        tree=which,
        outcome=reading.outcome,
        reason=reading.reason,
        exit_code=result.exit_code,
        tests=dict(reading.tests),
        has_report=reading.evidence != "status",
        evidence=reading.evidence if reading.outcome in ("completed", "died") else None,
        collection_errors=tuple(reading.collection_errors),
        not_run=tuple(reading.not_run),
        duration_s=result.duration_s,
        output_snippet=_snippet(result),
        output_bytes=result.output_bytes,
    )


def _snippet(result: RunResult) -> str:
    head = result.output_head.decode("utf-8", "replace")
    if not result.output_tail:
        return head_and_tail(head, SNIPPET_CHARACTERS)
    left_out = result.output_bytes - len(result.output_head) - len(result.output_tail)
    tail = result.output_tail.decode("utf-8", "replace")
    return head_and_tail(
        f"{head}\n[… {left_out} bytes left out …]\n{tail}" if left_out > 0 else head + tail, SNIPPET_CHARACTERS
    )
