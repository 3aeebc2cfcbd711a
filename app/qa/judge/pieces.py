"""What of an event a model is shown, as labelled pieces of text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from app.models.events import CodeEdit, CodeEditData, Commit, Event, ReasoningStep, TerminalCommand, TestResult, TestResultData

MAX_FAILED_NAMES = 20

_ADDED = re.compile(r"^\+(?!\+\+ )", re.MULTILINE)
_REMOVED = re.compile(r"^-(?!-- )", re.MULTILINE)


@dataclass(frozen=True)
class Piece:
    """One labelled piece of an event's content."""

    label: str
    text: str
    kind: Literal["text", "output", "diff"] = "text"
    names_left_out: int = 0
    """Of a list of names: how many more there are."""


def pieces_of(event: Event) -> list[Piece]:
    """The content of an event, without ids, hashes and references."""
    if isinstance(event, ReasoningStep):
        data = event.data
        fields = ("content", "plan", "hypothesis", "observation", "decision", "next_step")
        return [Piece(field, text) for field in fields if (text := getattr(data, field))]
    if isinstance(event, CodeEdit):
        return _edit(event.data)
    if isinstance(event, TerminalCommand):
        output = [Piece("output", event.data.output, "output")] if event.data.output.strip() else []
        return [Piece("command", event.data.command), Piece("exit code", exit_code(event)), *output]
    if isinstance(event, TestResult):
        return _test_result(event.data)
    if isinstance(event, Commit):
        diff = [Piece("diff", event.data.diff, "diff")] if event.data.diff else []
        return [Piece("message", event.data.message), *diff]
    return [Piece("file", event.data.file_path)]


def exit_code(event: TerminalCommand) -> str:
    """A command's exit code in words."""
    return "unknown" if event.data.exit_code is None else str(event.data.exit_code)


def changed_lines(data: CodeEditData) -> str:
    """How many lines an edit adds and removes, as far as its diff tells."""
    return f"+{len(_ADDED.findall(data.diff))} -{len(_REMOVED.findall(data.diff))}"


def _edit(data: CodeEditData) -> list[Piece]:
    file = Piece("file", data.file_path)
    if data.diff.strip() or data.snapshot_after is None:
        return [file, Piece("changed lines", changed_lines(data)), Piece("diff", data.diff, "diff")]
    return [file, Piece("content after the edit", data.snapshot_after, "diff")]


def _test_result(data: TestResultData) -> list[Piece]:
    counts = [(data.num_passed, "passed"), (data.num_failed, "failed")]
    told = ", ".join(f"{count} {what}" for count, what in counts if count is not None)
    pieces = [
        Piece("test command", data.test_command),
        Piece("result", ("passed" if data.tests_passed else "failed") + (f" ({told})" if told else "")),
        Piece("summary", data.summary, "output"),
    ]
    if data.failed_tests:
        shown = data.failed_tests[:MAX_FAILED_NAMES]
        pieces.append(Piece("failed tests", "\n".join(shown), names_left_out=len(data.failed_tests) - len(shown)))
    return pieces
