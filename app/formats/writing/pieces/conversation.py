"""A session as a conversation: the task, then thoughts with the calls of tools that followed from them, and what came back.

Events that only say again what the event before them shows are left out and counted: a test result behind the command that ran
the tests, a commit behind ``git commit``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.formats.writing.base import Session, Tally
from app.formats.writing.pieces.facts import task_text
from app.models.events import (
    CodeEdit,
    Commit,
    Event,
    FileClose,
    FileOpen,
    ReasoningStep,
    TerminalCommand,
    TestResult,
)
from app.rules.diffs import DiffError, apply_diff

NOT_RECORDED = "[not recorded]"
_THOUGHT_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step")


def _tool(
    name: str, description: str, required: Mapping[str, str], optional: Mapping[str, str] | None = None
) -> dict[str, Any]:
    known = {**required, **(optional or {})}
    properties = {key: {"type": "string", "description": told} for key, told in known.items()}
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


TOOLS: tuple[dict[str, Any], ...] = (
    _tool("open_file", "Read a file of the repository.", {"file_path": "Path from the repository's root"}),
    _tool(
        "edit_file",
        "Change, create or delete a file of the repository.",
        {"file_path": "Path from the repository's root", "diff": "Unified diff of this one file"},
    ),
    _tool("run_command", "Run a command in a terminal.", {"command": "The command line"}, {"cwd": "Folder to run it in"}),
    _tool("run_tests", "Run tests.", {"command": "The command line"}),
    _tool("commit", "Commit all changes.", {"message": "The commit's message"}),
)
"""What a session can do, as functions that a model can call."""


@dataclass(frozen=True)
class Action:
    """A call of a tool, and what came back."""

    event: Event
    name: str
    arguments: Mapping[str, str]
    result: str


@dataclass(frozen=True)
class Turn:
    """Thoughts, and the one action that followed; none at the end of a session that ends with a thought."""

    thoughts: tuple[ReasoningStep, ...]
    action: Action | None
    repeats: tuple[Event, ...] = ()
    """Events that say again what the action shows."""

    @property
    def reasoning(self) -> str:
        """The thoughts as text."""
        return "\n\n".join(filter(None, map(thought_text, self.thoughts)))

    @property
    def event_ids(self) -> tuple[str, ...]:
        """Of the action and of what says it again."""
        events = (self.action.event, *self.repeats) if self.action is not None else ()
        return tuple(event.event_id for event in events if event.event_id is not None)


def turns_of(session: Session, tally: Tally) -> Iterator[Turn]:
    """The session, turn by turn."""
    files = _Files(session)
    thoughts: list[ReasoningStep] = []
    turn: Turn | None = None
    for event in session.trace.events:
        if isinstance(event, ReasoningStep):
            thoughts.append(event)
        elif isinstance(event, FileClose):
            tally.losses.add(event.event_type, "it shows nothing")
        elif turn is not None and turn.action is not None and _repeats(event, turn.action.event):
            tally.losses.add(event.event_type, "it says again what the command before it shows")
            turn = replace(turn, repeats=(*turn.repeats, event))
        else:
            if turn is not None:
                yield turn
            turn, thoughts = Turn(tuple(thoughts), _action(event, files)), []
    if turn is not None:
        yield turn
    if thoughts:
        yield Turn(tuple(thoughts), None)


def messages_of(session: Session, tally: Tally) -> list[dict[str, Any]]:
    """The session as messages; the first is the task."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": task_text(session.trace)}]
    for number, turn in enumerate(turns_of(session, tally), 1):
        messages += _messages(turn, f"call_{number}")
    return messages


def thought_text(thought: ReasoningStep) -> str:
    """A thought with its parts, each named, where they say more than it does."""
    said = thought.data.content.strip()
    parts = [(name, (getattr(thought.data, name) or "").strip()) for name in _THOUGHT_PARTS]
    more = [f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in parts if text and text not in said]
    return "\n".join(filter(None, [said, *more]))


def _messages(turn: Turn, call_id: str) -> list[dict[str, Any]]:
    reasoning, action = turn.reasoning, turn.action
    if action is None:
        return [{"role": "assistant", "content": reasoning}] if reasoning else []
    call = {"id": call_id, "type": "function", "function": {"name": action.name, "arguments": dict(action.arguments)}}
    thought = {"reasoning_content": reasoning} if reasoning else {}
    return [
        {"role": "assistant", "content": "", **thought, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "name": action.name, "content": action.result},
    ]


def _repeats(event: Event, before: Event) -> bool:
    """Whether an event only says again what a command shows."""
    if not isinstance(before, TerminalCommand):
        return False
    if isinstance(event, TestResult):
        derived = (event.data.extra or {}).get("derived_from") == before.event_id
        return derived or event.data.test_command.strip() == before.data.command.strip()
    return isinstance(event, Commit) and "git commit" in before.data.command


def _action(event: Event, files: _Files) -> Action:
    if isinstance(event, TerminalCommand):
        cwd = {"cwd": event.data.cwd} if event.data.cwd else {}
        return Action(event, "run_command", {"command": event.data.command, **cwd}, _command_result(event))
    if isinstance(event, CodeEdit):
        files.edit(event)
        return Action(event, "edit_file", {"file_path": event.data.file_path, "diff": event.data.diff}, "done")
    if isinstance(event, TestResult):
        return Action(event, "run_tests", {"command": event.data.test_command}, _test_result(event))
    if isinstance(event, Commit):
        return Action(event, "commit", {"message": event.data.message}, event.data.sha)
    assert isinstance(event, FileOpen)  # noqa: S101 -- the only kind that is left
    return Action(event, "open_file", {"file_path": event.data.file_path}, files.text(event.data.file_path))


def _command_result(event: TerminalCommand) -> str:
    output = event.data.output
    status = "[exit status not recorded]" if event.data.exit_code is None else f"[exit status {event.data.exit_code}]"
    return f"{output}{'' if not output or output.endswith(chr(10)) else chr(10)}{status}"


def _test_result(event: TestResult) -> str:
    failed = [f"failed: {name}" for name in event.data.failed_tests]
    return "\n".join([event.data.summary, *failed, "passed" if event.data.tests_passed else "failed"])


class _Files:
    """Files as they were at each point of a session, as far as the workspace and the edits tell."""

    def __init__(self, session: Session) -> None:
        opened = [event.data.file_path for event in session.trace.events if isinstance(event, FileOpen)]
        self._contents: dict[str, bytes | None] = {}
        self._known = set(opened)
        if opened:
            self._contents.update(session.read_base(opened))

    def edit(self, event: CodeEdit) -> None:
        path = event.data.file_path
        if path not in self._known:
            return
        if event.data.snapshot_after is not None:
            self._contents[path] = event.data.snapshot_after.encode()
            return
        try:
            self._contents[path] = apply_diff(self._contents.get(path), event.data.diff)
        except DiffError:
            self._contents.pop(path, None)

    def text(self, path: str) -> str:
        content = self._contents.get(path)
        return NOT_RECORDED if content is None else content.decode("utf-8", "replace")
