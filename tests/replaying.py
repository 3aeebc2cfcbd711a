"""Sessions to be replayed, and test runs that end as a test says."""

from __future__ import annotations

import difflib
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.models.qa import TestRun, TreeName
from app.models.replay import ReplayResult
from app.qa.base import Tree, TreeFile
from app.qa.replay import Replayer, ReplayTask
from app.qa.run_cache import NoRunCache, RunCache
from app.qa.workspaces import Workspaces
from app.utils.clock import Clock
from tests.builders import NOON, a_trace, an_edit, an_event, events
from tests.fakes import ScriptedSandbox

COMMAND = "python -m pytest -q"


@dataclass(frozen=True)
class MemoryTree:
    """A tree out of contents by path."""

    contents: Mapping[str, bytes]
    executable: frozenset[str] = frozenset()

    def files(self) -> Iterator[TreeFile]:
        for path, content in self.contents.items():
            yield TreeFile(path, len(content), io.BytesIO(content), path in self.executable)


Answer = Callable[[dict[str, bytes], str], TestRun]


@dataclass
class ScriptedSuites:
    """A ``SuiteRunner`` that answers as the test says, and keeps what it was asked."""

    answer: Answer = lambda files, command: a_run(files)
    runs: list[tuple[dict[str, bytes], str]] = field(default_factory=list)

    def run(self, which: TreeName, tree: Tree, test_command: str) -> TestRun:
        files = {file.path: file.content.read() for file in tree.files()}
        self.runs.append((files, test_command))
        return self.answer(files, test_command)


def a_run(files: Mapping[str, bytes], **more: Any) -> TestRun:
    """A run whose tests are the lines of ``a.py``: a line with ``bug`` in it fails."""
    lines = files.get("a.py", b"").decode().split()
    tests = {f"test_a.py::test_{number}": "failed" if "bug" in line else "passed" for number, line in enumerate(lines)}
    failed = "failed" in tests.values()
    outcome = {"tree": "replay", "outcome": "completed", "exit_code": int(failed), "tests": tests, "has_report": True}
    return TestRun(**{**outcome, **more})


def a_change(path: str, before: bytes | None, after: bytes | None, *, hashed: bool = True, **more: Any) -> dict[str, Any]:
    """An honest edit of a file of text."""
    old, new = (lines_of((content or b"").decode("utf-8", "surrogateescape")) for content in (before, after))
    names = ("/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}")
    hashes = {"hash_before": before, "hash_after": after} if hashed else {}
    known: dict[str, Any] = {
        name: hashlib.sha256(content).hexdigest() for name, content in hashes.items() if content is not None
    }
    return an_edit(path, a_diff(old, new, *names), **known, **more)


def lines_of(text: str) -> list[str]:
    """Lines with their ends; only ``\\n`` ends a line, as in ``diff``."""
    *whole, last = text.split("\n")
    return [*(f"{line}\n" for line in whole), *([last] if last else [])]


def a_diff(old: list[str], new: list[str], old_name: str = "a/f", new_name: str = "b/f") -> str:
    """A unified diff as ``diff`` writes it: difflib's own does not say where a last line has no end."""
    lines = difflib.unified_diff(old, new, old_name, new_name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def a_result(passed: int, failed: int, command: str = COMMAND, **more: Any) -> dict[str, Any]:
    """A test result."""
    data = {"tests_passed": not failed, "test_command": command, "summary": f"{failed} failed, {passed} passed in 0.1s"}
    return an_event("test_result", **{**data, "num_passed": passed, "num_failed": failed, **more})


def a_terminal_run(passed: int, failed: int, command: str = COMMAND, **more: Any) -> dict[str, Any]:
    """A test run in a terminal."""
    data = {"command": command, "exit_code": int(failed > 0), "output": f"{failed} failed, {passed} passed in 0.1s\n"}
    return an_event("terminal_command", **{**data, "duration_ms": 1, **more})


def a_command(command: str, output: str = "", exit_code: int = 0, **more: Any) -> dict[str, Any]:
    """Another command in a terminal."""
    return an_event("terminal_command", command=command, exit_code=exit_code, output=output, duration_ms=1, **more)


def replayed(
    *session: dict[str, Any],
    base: Mapping[str, bytes] | None,
    final: Mapping[str, bytes] | None = None,
    suites: ScriptedSuites | None = None,
    sandbox: ScriptedSandbox | None = None,
    cache: RunCache | None = None,
    clock: Clock = lambda: NOON,
    budget_s: float = 100,
    repo: Any = None,
    **task: Any,
) -> ReplayResult:
    """The replay of a session; its events are numbered from 1."""
    numbered = tuple(event.model_copy(update={"seq": seq}) for seq, event in enumerate(events(*session), 1))
    trace = a_trace(events=numbered, **({} if repo is None else {"repo": repo}))
    workspaces = Workspaces(
        base=MemoryTree(base) if base is not None else None, final=MemoryTree(final) if final is not None else None
    )
    replayer = Replayer(sandbox or ScriptedSandbox(), suites or ScriptedSuites(), cache or NoRunCache(), clock, budget_s)
    return replayer.replay(ReplayTask(trace, workspaces, **task))


def statuses(result: ReplayResult) -> str:
    """The first letter of the status of each claim."""
    return "".join(claim.status[0] for claim in result.claims)
