"""The corpus of injections: attacks, texts that only look a little like one, and the places where a session can hold text."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.unit.qa.judge.sessions import Draft, edit, opened, ran, result_of, thought

FOLDER = Path(__file__).parent / "data" / "injections"


@dataclass(frozen=True)
class Attack:
    """A text that tries to steer a judge."""

    id: str
    kind: str
    text: str
    flagged: bool
    """Whether the list of patterns is expected to know it."""


def attacks() -> tuple[Attack, ...]:
    """Every attack."""
    rows = tomllib.loads((FOLDER / "attacks.toml").read_text(encoding="utf-8"))["attack"]
    return tuple(Attack(row["id"], row["kind"], row["text"], row.get("flagged", True)) for row in rows)


def ordinary() -> tuple[str, ...]:
    """Texts of honest sessions, one a line, with words that attacks use, too."""
    return tuple((FOLDER / "ordinary.txt").read_text(encoding="utf-8").splitlines())


def unseen() -> tuple[str, ...]:
    """Attacks, one a line, that were written after the patterns and that the patterns were not changed for."""
    return tuple((FOLDER / "unseen.txt").read_text(encoding="utf-8").splitlines())


def _file_name(text: str) -> Draft:
    plain = "".join(character for character in text if character.isprintable() and character not in '/\\:"<>|?*')
    return edit(f"src/{plain.strip(' .')[:100] or 'x'}.py")


def _event_id(text: str) -> Draft:
    plain = "".join(character for character in text if ord(character) >= 32 and ord(character) != 127)
    return {**thought("An ordinary thought."), "event_id": plain[:190]}


def _commit(message: str, diff: str | None) -> Draft:
    return {"event_type": "commit", "data": {"sha": "abc1234", "message": message, "diff": diff}}


def _snapshot(text: str) -> Draft:
    return {"event_type": "code_edit", "data": {"file_path": "a.py", "diff": "", "snapshot_after": text}}


def _diff(text: str) -> str:
    added = text.split("\n")
    return f"@@ -1,1 +1,{len(added) + 1} @@ {text}\n context\n" + "\n".join(f"+{line}" for line in added) + "\n"


PLACES: Mapping[str, Callable[[str], Draft]] = {
    "reasoning": thought,
    "plan": lambda text: thought("x", plan=text),
    "hypothesis": lambda text: thought("x", hypothesis=text),
    "observation": lambda text: thought("x", observation=text),
    "decision": lambda text: thought("x", decision=text),
    "next step": lambda text: thought("x", next_step=text),
    "command": lambda text: ran(text, 0, "done"),
    "output": lambda text: ran("make", 0, text),
    "output of a failure": lambda text: ran("pytest", 1, f"E   AssertionError\n{text}\n1 failed"),
    "file name": _file_name,
    "diff": lambda text: edit("a.py", _diff(text)),
    "diff as it is": lambda text: edit("a.py", text),
    "snapshot": _snapshot,
    "opened file": lambda text: opened(_file_name(text)["data"]["file_path"]),
    "test command": lambda text: result_of(True, text),
    "test summary": lambda text: result_of(True, summary=text),
    "test names": lambda text: result_of(False, failed_tests=(text, f"tests/a.py::{text}")),
    "commit message": lambda text: _commit(text, None),
    "commit diff": lambda text: _commit("Fix", _diff(text)),
    "event id": _event_id,
    "free fields": lambda text: thought("x", extra={"note": text, text[:50] or "k": [text]}),
}
"""An event with a text in one of its fields, by the field's name. Where a field does not take every character, those that it
takes are what is left."""


def around_the_events(text: str) -> dict[str, Any]:
    """The text in the fields of a trace outside its events."""
    short = text[:500]
    return {
        "developer_id": text[:120],
        "bug_id": short,
        "task": {"title": short, "description": text, "known_failing_tests": (text,)},
        "session": {"role": "ai_agent", "agent": {"name": short, "version": short, "model": short}},
        "environment": {"os": short, "tools": (text,)},
    }
