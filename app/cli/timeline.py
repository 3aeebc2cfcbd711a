"""A session as a timeline: one event after the other, each with what it shows and what became of its claims."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from app.cli.session_document import SessionDocument, moment_of
from app.cli.terminal import harmless

_WIDTH = 100
_INDENT = "         "
_HEAD_LINES, _TAIL_LINES = 8, 16
_COLOURS = {"confirmed": "green", "refuted": "red", "unverifiable": "yellow"}
_DIFF_COLOURS = {"+": "green", "-": "red", "@": "cyan"}
_THOUGHT_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step")

Event = Mapping[str, Any]


@dataclass(frozen=True)
class Shown:
    """How much of each event is shown."""

    details: bool = True
    """Diffs, outputs and thoughts; without them an event is one line."""
    whole: bool = False
    """Outputs from beginning to end, however long."""


@dataclass(frozen=True)
class _Claims:
    """What was found of each event's claims."""

    by_seq: Mapping[int, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def of(self, event: Event) -> Sequence[Mapping[str, Any]]:
        return self.by_seq.get(event["seq"], ())


def render_timeline(session: SessionDocument, shown: Shown) -> Iterator[str]:
    """The lines of a session's events. Nothing but the event at hand is in memory."""
    claims = _claims_of(session)
    start = moment_of(session.head["start_time"])
    for event in session.events():
        elapsed_s = (moment_of(event["timestamp"]) - start).total_seconds()
        kind, line, details = _RENDERERS[event["event_type"]](event)
        yield f"{event['seq']:>4} {_clock(elapsed_s):>8}  {click.style(f'{kind:<8}', bold=True)} {line}".rstrip()
        if shown.details:
            yield from (f"{_INDENT}{line}" for line in (details if shown.whole else _abridged(details, kind)))
        yield from map(_claim, claims.of(event))


def _claims_of(session: SessionDocument) -> _Claims:
    found: dict[int, list[Mapping[str, Any]]] = {}
    results = session.head.get("qa_results") or {"claims": ()}
    for claim in results["claims"]:
        if claim["seq"] is not None:
            found.setdefault(claim["seq"], []).append(claim)
    return _Claims(found)


def _claim(claim: Mapping[str, Any]) -> str:
    status = click.style(claim["status"], fg=_COLOURS.get(claim["status"]))
    reason = "" if claim["status"] == "confirmed" else f": {harmless(claim['reason'])}"
    return f"{_INDENT}{status}: {claim['kind'].replace('_', ' ')}{reason}"


_Rendered = tuple[str, str, list[str]]
"""What kind of event, its line, and its details."""


def _edit(event: Event) -> _Rendered:
    data = event["data"]
    lines = harmless(data["diff"]).splitlines()
    body = [line for line in lines if not line.startswith(("--- ", "+++ "))]
    added, removed = (sum(line.startswith(sign) for line in body) for sign in "+-")
    coloured = [click.style(line, fg=_DIFF_COLOURS[line[0]]) if line[:1] in _DIFF_COLOURS else line for line in body]
    return "edit", f"{_one_line(data['file_path'])}  +{added} -{removed}", coloured


def _command(event: Event) -> _Rendered:
    data = event["data"]
    exit_code, duration_ms = data["exit_code"], data["duration_ms"]
    ended = "exit status not known" if exit_code is None else f"exit status {exit_code}"
    ended = click.style(ended, fg="red") if exit_code else ended
    took = "" if duration_ms is None else f", {duration_ms / 1000:.1f} s"
    return "run", f"{_one_line(data['command'])}  ({ended}{took})", harmless(data["output"]).splitlines()


def _tests(event: Event) -> _Rendered:
    data = event["data"]
    state = click.style("passed", fg="green") if data["tests_passed"] else click.style("failed", fg="red")
    failed = [f"failed: {_one_line(name)}" for name in data["failed_tests"]]
    return "tests", f"{state}: {_one_line(data['summary'])}  ({_one_line(data['test_command'])})", failed


def _commit(event: Event) -> _Rendered:
    subject, _, body = harmless(event["data"]["message"]).partition("\n")
    return "commit", f"{_one_line(event['data']['sha'])[:12]}  {subject}", body.strip().splitlines()


def _thought(event: Event) -> _Rendered:
    data = event["data"]
    said = _wrapped(data["content"])
    parts = [(name, data[name]) for name in _THOUGHT_PARTS if data[name]]
    first, *rest = [*said, *(line for name, text in parts for line in _wrapped(f"{name.replace('_', ' ')}: {text}"))] or [""]
    return "thought", first, rest


def _file(kind: str) -> Callable[[Event], _Rendered]:
    return lambda event: (kind, _one_line(event["data"]["file_path"]), [])


_RENDERERS: Mapping[str, Callable[[Event], _Rendered]] = {
    "file_open": _file("open"),
    "file_close": _file("close"),
    "code_edit": _edit,
    "terminal_command": _command,
    "test_result": _tests,
    "commit": _commit,
    "reasoning_step": _thought,
}


def _abridged(lines: list[str], kind: str) -> list[str]:
    """The beginning and the end of a long output; of everything else, all."""
    left_out = len(lines) - _HEAD_LINES - _TAIL_LINES
    if kind != "run" or left_out < 2:
        return lines
    return [*lines[:_HEAD_LINES], f"[{left_out} lines left out; --full shows them]", *lines[-_TAIL_LINES:]]


def _wrapped(text: str) -> list[str]:
    return [line for part in harmless(text).splitlines() for line in textwrap.wrap(part, _WIDTH - len(_INDENT)) or [""]]


def _one_line(text: object) -> str:
    return " ".join(harmless(str(text)).split("\n"))


def _clock(seconds: float) -> str:
    sign, whole = ("-" if seconds < 0 else "+"), int(abs(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{sign}{hours}:{minutes:02}:{rest:02}" if hours else f"{sign}{minutes}:{rest:02}"


def one_line(texts: Iterable[object]) -> str:
    """What is there of several texts, on one line."""
    return ", ".join(_one_line(text) for text in texts if text)
