"""Sessions as Claude Code leaves them on the disk: one JSON object a line, told from the same seed as all other workloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.sessions import Sessions

FOLDER = "/home/dev/till"
_TOOLS = {"file_open": "Read", "code_edit": "Edit", "terminal_command": "Bash", "test_result": "Bash"}


def claude_code_session(sessions: Sessions, name: str, events: int) -> bytes:
    """A file of lines: the task, then so many events, each a thought or a call of a tool with its answer."""
    asked = _Turn("user", "A cent is lost in rounding: totals with many items differ from the invoice.")
    lines = [_line(name, 0, asked, "2026-03-02T08:59:00.000Z")]
    for event in sessions.events(events):
        for turn in _turns(event):
            lines.append(_line(name, len(lines), turn, event["timestamp"]))
    return b"".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\n" for line in lines)


@dataclass(frozen=True)
class _Turn:
    """Who says what."""

    kind: str
    content: Any
    rich: dict[str, Any] | None = None
    """Of an answer: what the program keeps beside what the model is shown."""


def _turns(event: dict[str, Any]) -> Iterator[_Turn]:
    kind, data = event["event_type"], event["data"]
    if kind == "reasoning_step":
        yield _Turn("assistant", [{"type": "text", "text": data["content"]}])
        return
    asked, answered, rich = _call(kind, data)
    # the time tells calls apart: no two events have the same
    call = f"toolu_{event['timestamp']}"
    yield _Turn("assistant", [{"type": "tool_use", "id": call, "name": _TOOLS[kind], "input": asked}])
    yield _Turn("user", [{"type": "tool_result", "tool_use_id": call, "content": answered}], rich)


def _call(kind: str, data: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """What a tool is given, what it shows the model, and what the program keeps of it."""
    if kind == "code_edit":
        path, (old, new) = f"{FOLDER}/{data['file_path']}", _sides(data["diff"])
        asked = {"file_path": path, "old_string": old, "new_string": new}
        rich = {"filePath": path, "oldString": old, "newString": new, "originalFile": old, "userModified": False}
        return asked, f"The file {path} has been updated.", rich
    if kind == "file_open":
        path = f"{FOLDER}/{data['file_path']}"
        return {"file_path": path}, "     1\tfrom till import total\n", {"type": "text", "file": {"filePath": path}}
    command, output = (
        (data["command"], data["output"]) if kind == "terminal_command" else (data["test_command"], data["summary"])
    )
    return {"command": command}, output, {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}


def _sides(diff: str) -> tuple[str, str]:
    """A stretch of code before and after."""
    body = diff.splitlines()[3:]
    before = [line[1:] for line in body if not line.startswith("+")]
    after = [line[1:] for line in body if not line.startswith("-")]
    return "\n".join(before) + "\n", "\n".join(after) + "\n"


def _line(name: str, number: int, turn: _Turn, when: str) -> dict[str, Any]:
    message: dict[str, Any] = {"role": turn.kind, "content": turn.content}
    if turn.kind == "assistant":
        message |= {"id": f"msg_{number}", "type": "message", "model": "benchmark-1"}
    return {
        "parentUuid": f"{name}-{number - 1}" if number else None,
        "isSidechain": False,
        "userType": "external",
        "cwd": FOLDER,
        "sessionId": name,
        "version": "2.0.0",
        "gitBranch": "main",
        "type": turn.kind,
        "message": message,
        **({} if turn.rich is None else {"toolUseResult": turn.rich}),
        "uuid": f"{name}-{number}",
        "timestamp": when,
    }
