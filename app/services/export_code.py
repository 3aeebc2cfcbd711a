"""The code that an exported trace speaks of: its workspace, the tests that decided, and what the session changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.errors import PRTelemetryError
from app.formats.writing.base import Change, Code
from app.models.trace import Trace
from app.qa.base import Tree, TreeFile
from app.qa.changes import ChangeLimits, changed_files
from app.qa.frameworks.choice import files_named_by
from app.qa.trees import EmptyTree, TravellingTree, TreeError
from app.qa.workspaces import TestedTrees, Workspaces, trees_to_test
from app.rules.testfiles import is_test_file

_LIMITS = ChangeLimits(file_bytes=4 << 20, total_bytes=32 << 20, tests_bytes=0, files=1_000_000)
_MAX_OPENED_BYTES = 256 * 1024
_OF_TOOLS = frozenset({".pytest_cache", ".mypy_cache", ".ruff_cache", ".tox", ".nox", ".venv", "venv", "node_modules"})
"""Folders that come and go with the tools that were run: no part of a change."""

Find = Callable[[Trace], Workspaces]


@dataclass(frozen=True)
class _ChosenFiles:
    """The files of a tree that are chosen."""

    base: Tree
    is_chosen: Callable[[str], bool]

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        return (file for file in self.base.files() if self.is_chosen(file.path))


class CodeReader:
    """Reads the code of traces, one at a time."""

    def __init__(self, find: Find, screen: Callable[[str], str]) -> None:
        self._find = find
        self._screen = screen

    def code_of(self, trace: Trace) -> Code | str:
        """The code of a trace, or why it cannot be had."""
        try:
            given = self._find(trace)
            if given.base is None:
                return given.problem or "there is no workspace from before the session"
            named = files_named_by(command) if (command := _test_command(trace)) is not None else frozenset[str]()
            return _code(given.base, trees_to_test(trace, given, named), named)
        except (TreeError, ValueError, PRTelemetryError) as error:
            return str(error)

    def read_base(self, trace: Trace, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Text files of the workspace before the session, secrets replaced; those that are there and small enough."""
        wanted = frozenset(paths)
        found: dict[str, bytes] = {}
        try:
            base = self._find(trace).base or EmptyTree()
            for file in base.files():
                if file.path in wanted and file.size_bytes <= _MAX_OPENED_BYTES:
                    found[file.path] = self._screen(file.content.read().decode()).encode()
        except (TreeError, ValueError, PRTelemetryError):
            return {}
        return found


def _test_command(trace: Trace) -> str | None:
    tested = trace.qa_results.verification.test_command if trace.qa_results is not None else None
    return tested or trace.repo.test_command


def _code(base: Tree, trees: TestedTrees, named: frozenset[str]) -> Code:
    def is_test(path: str) -> bool:
        return path in named or is_test_file(path)

    tests = _ChosenFiles(TravellingTree(trees.after), is_test)
    return Code(
        base=TravellingTree(base),
        tests=tests,
        changes=_changes(base, trees.final, is_test),
        test_changes=_changes(_ChosenFiles(base, is_test), tests, is_test),
    )


def _changes(before: Tree, after: Tree, is_test: Callable[[str], bool]) -> tuple[Change, ...]:
    """What differs, by path.

    Raises:
        TreeError: a file is too large to be compared.
    """
    kept = _ChosenFiles(TravellingTree(before), _is_no_tools), _ChosenFiles(TravellingTree(after), _is_no_tools)
    differing = [file for file in changed_files(*kept, _LIMITS) if file.before != file.after or not file.is_whole]
    whole = [file for file in differing if file.is_whole]
    if len(whole) < len(differing):
        large = next(file.path for file in differing if not file.is_whole)
        raise TreeError(f"the session changed {large}, which is too large to be compared")
    paths = {file.path for file in whole}
    executable = {file.path for file in after.files() if file.path in paths and file.executable}
    changes = (Change(file.path, file.before, file.after, file.path in executable, is_test(file.path)) for file in whole)
    return tuple(sorted(changes, key=lambda change: change.path))


def _is_no_tools(path: str) -> bool:
    return _OF_TOOLS.isdisjoint(path.split("/")[:-1])
