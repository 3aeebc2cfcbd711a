"""The runs of a replay: each tree with each command once, within a budget of time, out of the cache where it was run before."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from app.errors import CorruptError
from app.models.commands import SplitCommand
from app.models.qa import TestRun, TreeName
from app.qa.base import RunResult, RunSpec, Sandbox, Tree
from app.qa.run_cache import RunCache, RunKey
from app.qa.trees import TravellingTree
from app.utils.clock import Clock

_COMMAND_TIMEOUT_S = 30.0


class SuiteRunner(Protocol):
    """Runs test commands."""

    def run(self, which: TreeName, tree: Tree, test_command: str) -> TestRun:
        """Run the command on the tree.

        Raises:
            ValueError: the command cannot be split, or the tree cannot be read.
            CorruptError: a stored archive is damaged.
        """
        ...


class Runs:
    """Has commands run on trees, and remembers what came of it."""

    def __init__(self, sandbox: Sandbox, suites: SuiteRunner, cache: RunCache, clock: Clock, budget_s: float) -> None:
        self._sandbox = sandbox
        self._suites = suites
        self._cache = cache
        self._clock = clock
        self._deadline = clock() + timedelta(seconds=budget_s)
        self._known: dict[RunKey, list[TestRun]] = {}
        self._image_digest: str | None = None
        self.executed = 0
        self.from_cache = 0
        self.left_out = 0
        """Runs that there was no time for."""

    def test(self, tree: Tree, tree_hash: str, text: str, command: SplitCommand, *, attempt: int = 0) -> TestRun | None:
        """A run of a test command; ``None`` where the time is over. A second ``attempt`` is another run of the same."""
        key = RunKey(tree_hash, command, self._image())
        runs = self._runs(key)
        if len(runs) > attempt:
            self.from_cache += 1
            return runs[attempt]
        if self._is_over():
            return None
        run = self._run(tree, text)
        runs.append(run)
        believable = [run for run in runs if run.outcome == "completed"]
        if run.outcome == "completed" and key.image_digest:
            self._cache.put(key, believable)
        return run

    def command(self, tree: Tree, command: SplitCommand) -> RunResult | None:
        """A run of another command; ``None`` where the time is over."""
        if self._is_over():
            return None
        self.executed += 1
        spec = RunSpec(argv=command.argv, tree=TravellingTree(tree), env=dict(command.env), timeout_s=_COMMAND_TIMEOUT_S)
        try:
            return self._sandbox.run(spec)
        except (ValueError, CorruptError) as error:
            return RunResult("could_not_run", reason=str(error))

    def _runs(self, key: RunKey) -> list[TestRun]:
        if key not in self._known:
            self._known[key] = list(self._cache.get(key)) if key.image_digest else []
        return self._known[key]

    def _run(self, tree: Tree, text: str) -> TestRun:
        self.executed += 1
        try:
            return self._suites.run("replay", tree, text)
        except (ValueError, CorruptError) as error:
            return TestRun(tree="replay", outcome="could_not_run", reason=str(error))

    def _image(self) -> str:
        """Empty where the engine cannot tell: then nothing is kept."""
        if self._image_digest is None:
            self._image_digest = self._sandbox.image().digest or ""
        return self._image_digest

    def _is_over(self) -> bool:
        if self._clock() < self._deadline:
            return False
        self.left_out += 1
        return True
