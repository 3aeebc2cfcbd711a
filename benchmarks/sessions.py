"""The one generator of all workloads: sessions as recorders send them. The same seed, the same bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_NOUNS = ("order", "invoice", "basket", "price", "rate", "cursor", "session", "ledger", "cache", "parser", "buffer", "header",
          "tokens", "branch", "amount", "entry", "queue", "worker", "schema", "locale")  # fmt: skip
_VERBS = ("load", "parse", "render", "apply", "merge", "round", "collect", "validate", "flush", "resolve", "split", "rebuild")
_WORDS = ("the", "value", "is", "rounded", "before", "tax", "so", "one", "cent", "gets", "lost", "when", "many", "items",
          "share", "a", "discount", "test", "fails", "only", "for", "empty", "list", "because", "we", "return", "early",
          "instead", "of", "raising", "perhaps", "cached", "result", "stale", "after", "update", "should", "check",
          "boundary", "first")  # fmt: skip
_PEOPLE = ("Ada", "Grace", "Linus", "Barbara", "Edsger")


class Sessions:
    """Events without end, all told from one seed."""

    def __init__(self, seed: int = 20260302) -> None:
        self._random = random.Random(seed)
        self._clock = _START
        self._kinds: dict[str, tuple[int, Callable[[], dict[str, Any]]]] = {
            "code_edit": (25, self._edit),
            "terminal_command": (30, self._command),
            "test_result": (15, self._test_run),
            "reasoning_step": (20, self._thought),
            "file_open": (10, lambda: {"file_path": self._path()}),
        }

    def event(self) -> dict[str, Any]:
        """The next event. It has no id: the server gives one, so that the same bytes can be sent again."""
        kind = self._random.choices(list(self._kinds), [weight for weight, _ in self._kinds.values()])[0]
        self._clock += timedelta(milliseconds=self._random.randint(200, 40_000))
        return {"event_type": kind, "timestamp": self._clock.isoformat(), "data": self._kinds[kind][1]()}

    def events(self, count: int) -> list[dict[str, Any]]:
        """The next so many."""
        return [self.event() for _ in range(count)]

    def _edit(self) -> dict[str, Any]:
        path, size = self._path(), self._random.randint(500, 4000)
        lines = [f"--- a/{path}", f"+++ b/{path}", f"@@ -{self._random.randint(1, 400)},9 +1,9 @@ def {self._name()}(self):"]
        return {"file_path": path, "language": "python", "diff": self._fill(lines, size, self._diff_line)}

    def _command(self) -> dict[str, Any]:
        size = self._random.randint(200, 8000)
        command, line = self._random.choice(
            (
                ("python -m pytest -x -q tests", self._test_line),
                ("git log --stat -n 20", self._log_line),
                (f"rg -n {self._name()} src", self._match_line),
                ("python -X dev -m till.report --verbose", self._match_line),
            )
        )
        output = self._fill([], size, line)
        exit_code, duration = self._random.choice((0, 0, 0, 1)), self._random.randint(4, 9000)
        return {"command": command, "exit_code": exit_code, "output": output, "duration_ms": duration}

    def _test_run(self) -> dict[str, Any]:
        passed, failed = self._random.randint(5, 120), self._random.choice((0, 0, 1, 3))
        return {
            "tests_passed": failed == 0,
            "test_command": "python -m pytest -q tests",
            "summary": f"{failed} failed, {passed} passed in {self._random.randint(1, 900) / 100}s",
            "failed_tests": [f"tests/test_{self._noun()}.py::test_{self._name()}" for _ in range(failed)],
            "framework": "pytest",
            "num_passed": passed,
            "num_failed": failed,
        }

    def _thought(self) -> dict[str, Any]:
        return {
            "content": self._sentences(self._random.randint(120, 900)),
            "hypothesis": self._sentences(80),
            "next_step": self._sentences(60),
        }

    def _fill(self, lines: list[str], size: int, line: Callable[[], str]) -> str:
        length = sum(map(len, lines)) + len(lines)
        while length < size:
            lines.append(line())
            length += len(lines[-1]) + 1
        return "\n".join(lines)[: size - 1] + "\n"

    def _diff_line(self) -> str:
        return self._random.choice((" ", " ", " ", "+", "-")) + self._source_line()

    def _source_line(self) -> str:
        indent = "    " * self._random.randint(1, 3)
        a, b, call = self._noun(), self._noun(), self._name()
        return indent + self._random.choice(
            (
                f"{a} = self._{call}({b}, limit={self._random.randint(1, 5000)})",
                f"if {a} is None or {a}.{b} < {self._random.randint(0, 99)}:",
                f"for {a} in sorted({b}s, key=lambda item: item.{self._noun()}):",
                f'raise ValueError(f"no {a} for {{{b}!r}}")',
                f"return {{name: {call}(value) for name, value in {a}.items()}}",
                f"# {self._sentences(50)}",
            )
        )

    def _test_line(self) -> str:
        place = f"tests/test_{self._noun()}.py::test_{self._name()}"
        return self._random.choice(
            (
                f"{place} PASSED  [{self._random.randint(1, 100):3d}%]",
                f"{place} PASSED  [{self._random.randint(1, 100):3d}%]",
                f"E       AssertionError: assert {self._amount()} == {self._amount()}",
                f"src/{self._noun()}.py:{self._random.randint(1, 800)}: in {self._name()}",
                ">   " + self._source_line(),
            )
        )

    def _log_line(self) -> str:
        person = self._random.choice(_PEOPLE)
        return self._random.choice(
            (
                f"commit {self._random.getrandbits(160):040x}",
                f"Author: {person} <{person.lower()}@example.org>",
                "Date:   Mon Mar 2 09:14:07 2026 +0100",
                f"    {self._sentences(60)}",
                f" src/{self._noun()}.py | {self._random.randint(1, 60)} ++++++----",
                f" tests/test_{self._noun()}.py | {self._random.randint(1, 60)} ++++--",
            )
        )

    def _match_line(self) -> str:
        return f"src/{self._noun()}/{self._name()}.py:{self._random.randint(1, 900)}:{self._source_line()}"

    def _sentences(self, size: int) -> str:
        words: list[str] = []
        length = 0
        while length < size:
            words.append(self._random.choice(_WORDS))
            length += len(words[-1]) + 1
        return " ".join(words).capitalize() + "."

    def _amount(self) -> float:
        return self._random.randint(100, 9999) / 100

    def _path(self) -> str:
        return f"src/{self._noun()}/{self._name()}.py"

    def _name(self) -> str:
        return f"{self._random.choice(_VERBS)}_{self._noun()}"

    def _noun(self) -> str:
        return self._random.choice(_NOUNS)


@dataclass(frozen=True)
class Body:
    """A request body, rendered."""

    content: bytes
    events: int
    event_bytes: int
    """Of the events alone, as they are sent."""


def chunk_body(sessions: Sessions, count: int) -> Body:
    """What ``POST /traces/{id}/events`` takes."""
    return _body({}, sessions.events(count))


def trace_body(sessions: Sessions, count: int) -> Body:
    """What ``POST /traces`` takes; the server gives the id, so that the same bytes can be sent again."""
    repo = {
        "name": "till",
        "url": "https://example.org/till.git",
        "branch": "main",
        "commit_before": "4f1c2d" + "0" * 34,
        "commit_after": "9ab3e7" + "0" * 34,
        "test_command": "python -m pytest -q tests",
    }
    task = {"title": "A cent is lost in rounding", "description": "Totals with many items differ from the invoice."}
    fields = {"developer_id": "dev-17", "bug_id": "BUG-42", "start_time": _START.isoformat(), "repo": repo, "task": task}
    return _body(fields, sessions.events(count))


def _body(fields: dict[str, Any], events: list[dict[str, Any]]) -> Body:
    rendered = [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in events]
    opening = json.dumps(fields, separators=(",", ":")).encode()[:-1]
    content = b'%b%b"events":[%b]}' % (opening, b"," if fields else b"", b",".join(rendered))
    return Body(content, len(events), sum(map(len, rendered)))
