"""Rendering a session for a model: events as quoted material that cannot pose as anything else.

Events are renamed ``e1`` … ``eN``. Each is a header that carries a random nonce, then its content with ``| `` before every
line; content cannot form a header, since it does not know the nonce and never stands at the start of a line. What is left out
is stated in place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from app.models.events import CodeEdit, Commit, Event, ReasoningStep, TerminalCommand, TestResult
from app.qa.judge.features.reading import event_name
from app.qa.judge.pieces import Piece, pieces_of
from app.qa.judge.visible import make_visible

BYTES_PER_TOKEN = 3
LAST_EVENTS = 5
LINES_AROUND_ERRORS = 2
MAX_ERROR_LINES = 60

_ERROR_LINE = re.compile(r"error|exception|fail|traceback|assert|panic", re.IGNORECASE)


@dataclass(frozen=True)
class Caps:
    """How much of one event is shown, in characters; with ``head_lines``, output is cut by lines first."""

    output: int
    diff: int
    text: int
    head_lines: int | None = None
    tail_lines: int = 0


LEVELS = (
    Caps(output=4000, diff=8000, text=8000),
    Caps(output=3000, diff=3000, text=3000, head_lines=20, tail_lines=40),
    Caps(output=500, diff=700, text=700, head_lines=4, tail_lines=8),
)
"""From finest to coarsest. On the last one, events are left out where the text still does not fit."""


@dataclass(frozen=True)
class Rendering:
    """What a model is shown of a session."""

    text: str
    nonce: str
    shown: Mapping[str, str]
    """The trace's own event id by the name it is shown under."""
    blocks: Mapping[str, str]
    """The rendered content by the same name."""
    level: int
    events_total: int


@dataclass(frozen=True)
class _Block:
    name: str
    header: str
    body: str
    keep: bool

    @property
    def text(self) -> str:
        return f"{self.header}\n{self.body}"

    @property
    def cost(self) -> int:
        return len(self.text.encode("utf-8")) + 1


def render_events(events: Sequence[Event], nonce: str, budget_tokens: int) -> Rendering:
    """The events as text of at most ``budget_tokens`` (estimated), as finely as that allows.

    Reasoning, edits, test results and the last events are the last to be left out.
    """
    budget = budget_tokens * BYTES_PER_TOKEN
    level, blocks = _finest_that_fits(events, nonce, budget)
    chosen = _choose(blocks, budget)
    return Rendering(
        text=_join(blocks, chosen),
        nonce=nonce,
        shown={blocks[index].name: event_name(events[index], index) for index in sorted(chosen)},
        blocks={blocks[index].name: blocks[index].body for index in sorted(chosen)},
        level=level,
        events_total=len(events),
    )


def estimate_tokens(text: str) -> int:
    """How many tokens a text may take: UTF-8 bytes ÷ 3."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)


def _finest_that_fits(events: Sequence[Event], nonce: str, budget: int) -> tuple[int, list[_Block]]:
    """The finest level that fits with every event shown, or else the coarsest."""
    for level in range(len(LEVELS) - 1):
        blocks = list(_blocks(events, nonce, LEVELS[level]))
        if sum(block.cost for block in blocks) <= budget:
            return level, blocks
    return len(LEVELS) - 1, list(_blocks(events, nonce, LEVELS[-1]))


def _blocks(events: Sequence[Event], nonce: str, caps: Caps) -> Iterator[_Block]:
    start = _aware(events[0].timestamp) if events else None
    for index, event in enumerate(events):
        name = f"e{index + 1}"
        seconds = round((_aware(event.timestamp) - start).total_seconds()) if start else 0
        lines = [line for piece in pieces_of(event) for line in _piece_lines(piece, caps)]
        keep = isinstance(event, ReasoningStep | CodeEdit | TestResult) or index >= len(events) - LAST_EVENTS
        yield _Block(name, f"<<{nonce} {name} {event.event_type} {seconds:+d}s>>", "\n".join(lines), keep)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _piece_lines(piece: Piece, caps: Caps) -> Iterator[str]:
    text = make_visible(piece.text).strip("\n")
    if "\n" not in text and len(text) <= caps.text:
        yield f"| {piece.label}: {text}"
        return
    yield f"| {piece.label}:"
    by_lines = _middle_lines(text, caps) if piece.kind == "output" else [text]
    limit = {"output": caps.output, "diff": caps.diff, "text": caps.text}[piece.kind]
    yield from _within(by_lines, limit)


def _middle_lines(text: str, caps: Caps) -> list[str | int]:
    """The text in parts, with the number of lines left out between them: head, tail, and lines around errors stay."""
    lines = text.split("\n")
    if caps.head_lines is None or len(lines) <= caps.head_lines + caps.tail_lines:
        return [text]
    keep = {*range(caps.head_lines), *range(len(lines) - caps.tail_lines, len(lines))}
    middle = range(caps.head_lines, len(lines) - caps.tail_lines)
    errors = [index for index in middle if _ERROR_LINE.search(lines[index])][: MAX_ERROR_LINES // (2 * LINES_AROUND_ERRORS + 1)]
    keep.update(near for index in errors for near in range(index - LINES_AROUND_ERRORS, index + LINES_AROUND_ERRORS + 1))
    parts: list[str | int] = []
    for index, line in enumerate(lines):
        if index in keep:
            parts.append(line)
        elif parts and isinstance(parts[-1], int):
            parts[-1] += 1
        else:
            parts.append(1)
    return parts


def _within(parts: Sequence[str | int], limit: int) -> Iterator[str]:
    """The parts as lines, with the middle left out where they hold more than ``limit`` characters."""
    total = sum(len(part) + 1 for part in parts if isinstance(part, str))
    head, tail = (limit // 3, total - (limit - limit // 3)) if total > limit else (total, total)
    place, cut = 0, False
    for part in parts:
        if isinstance(part, int):
            yield f"[{part} lines left out]"
            continue
        before, after = part[: max(0, head - place)], part[max(0, tail - place) :]
        end = place + len(part) + 1
        if end <= head or place >= tail:
            yield from _quoted(part)
        else:
            if before:
                yield from _quoted(before)
            if not cut:
                yield f"[{tail - head} characters left out]"
                cut = True
            if after and end > tail:
                yield from _quoted(after)
        place = end


def _quoted(text: str) -> Iterator[str]:
    return (f"| {line}" for line in text.split("\n"))


def _choose(blocks: list[_Block], budget: int) -> set[int]:
    """The blocks that fit: those to keep first, from both ends inwards."""
    if sum(block.cost for block in blocks) <= budget:
        return set(range(len(blocks)))
    order = sorted(range(len(blocks)), key=lambda index: (not blocks[index].keep, min(index, len(blocks) - 1 - index)))
    room = budget - len(blocks) // 2 - 200  # for the statements of what is left out
    chosen: set[int] = set()
    for index in order:
        cost = blocks[index].cost + 40
        if cost <= room:
            chosen.add(index)
            room -= cost
    return chosen


def _join(blocks: list[_Block], chosen: set[int]) -> str:
    lines: list[str] = []
    missing: list[str] = []
    for index, block in enumerate(blocks):
        if index not in chosen:
            missing.append(block.name)
            continue
        lines.extend(_gap(missing))
        missing = []
        lines.append(block.text)
    return "\n".join([*lines, *_gap(missing)])


def _gap(missing: list[str]) -> list[str]:
    if not missing:
        return []
    span = missing[0] if len(missing) == 1 else f"{missing[0]} to {missing[-1]}"
    return [f"[{len(missing)} events left out: {span}]"]


def describe_record(events: Sequence[Event]) -> str:
    """Facts computed from the record: counts, and the order of edits and runs. No scores, no outcome of our own runs."""
    kinds: dict[str, int] = {}
    for event in events:
        kinds[event.event_type] = kinds.get(event.event_type, 0) + 1
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    marks = [mark for index, event in enumerate(events) if (mark := _mark(event, index))]
    shown = marks if len(marks) <= 60 else [*marks[:20], f"[{len(marks) - 60} left out]", *marks[-40:]]
    return f"{len(events)} events: {counts}.\nOrder of edits, runs and commits: {', '.join(shown) or 'none'}."


def _mark(event: Event, index: int) -> str:
    name = f"e{index + 1}"
    if isinstance(event, CodeEdit):
        return f"{name} edit"
    if isinstance(event, TestResult):
        return f"{name} test result {'passed' if event.data.tests_passed else 'failed'}"
    if isinstance(event, TerminalCommand):
        code = event.data.exit_code
        return f"{name} command exit {'unknown' if code is None else code}"
    return f"{name} commit" if isinstance(event, Commit) else ""
