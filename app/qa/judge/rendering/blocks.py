"""One event as a header and lines: content behind its margin, labels of ours behind theirs, statements of ours in brackets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from app.models.events import CodeEdit, TerminalCommand
from app.qa.judge.pieces import Piece, changed_lines, exit_code
from app.qa.judge.rendering.excerpts import (
    Span,
    ends_by_lines,
    everything,
    lines_with,
    rows_of,
    show,
    size,
    union,
    within,
)
from app.qa.judge.rendering.levels import HEAD_LINES, LINES_AROUND_ERRORS, ONE_LINE, TAIL_LINES, Level
from app.qa.judge.rendering.outline import Keep, Place
from app.qa.judge.rendering.rendered import MARGIN, REFUTED, Label, Line, Omission, header
from app.qa.judge.visible import make_visible

MAX_HUNKS_IN_A_LINE = 10
FACTS = frozenset({"exit code", "changed lines", "result"})
"""Labels of pieces that hold words and numbers of ours, and nothing that the session says."""

_TELLING_LINE = re.compile(r"error|exception|fail|traceback|assert|panic|\d passed", re.IGNORECASE)
_CHANGED_ROWS = re.compile(r"(?:^[-+@][^\n]*\n?)++", re.MULTILINE)
_HUNK_LINE = re.compile(r"^@@[^\n]*", re.MULTILINE)
_HUNK_PLACE = re.compile(r"^@@ [-+,\d ]{1,60} @@", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One event as it is shown."""

    place: Place
    header: str
    lines: tuple[Line, ...]

    @cached_property
    def body(self) -> str:
        """Everything but the header."""
        told = (REFUTED,) if self.place.is_refuted else ()
        return "\n".join((*told, *(MARGIN + line if isinstance(line, str) else str(line) for line in self.lines)))

    @property
    def text(self) -> str:
        """The whole block."""
        return f"{self.header}\n{self.body}"

    @cached_property
    def cost(self) -> int:
        """Bytes that it takes, the line feed after it included."""
        return len(self.text.encode("utf-8")) + 1

    def left_out(self, unit: str) -> int:
        """How much of it is not shown."""
        return sum(line.count for line in self.lines if isinstance(line, Omission) and line.unit == unit)


def block_of(place: Place, before: Place | None, level: Level, nonce: str) -> Block | None:
    """An event on a level; ``None`` where the level leaves it out. ``before`` is the event before it."""
    if _is_left_out(place, before, level):
        return None
    lines = _one_line(place) if _is_one_line(place, level) else _every_piece(place, level)
    return Block(place, header(nonce, place.name, place.event.event_type, place.seconds), tuple(lines))


def _is_left_out(place: Place, before: Place | None, level: Level) -> bool:
    if place.keep is not Keep.OTHER:
        return False
    if level.collapses_openings and place.is_opening and before is not None and before.is_opening:
        return True
    return level.outlines_middle and place.is_inner and not place.is_run


def _is_one_line(place: Place, level: Level) -> bool:
    if level.shortens_successes and place.is_plain_success:
        return True
    is_outlined = isinstance(place.event, CodeEdit) or (place.is_run and place.keep is Keep.OTHER)
    return level.outlines_middle and place.is_inner and is_outlined and place.keep is not Keep.LANDMARK


def _every_piece(place: Place, level: Level) -> Iterator[Line]:
    for piece in place.pieces:
        yield from _piece_lines(piece, level)


def _piece_lines(piece: Piece, level: Level) -> Iterator[Line]:
    if piece.label in FACTS:
        yield Label(piece.label, piece.text)
        return
    yield Label(piece.label)
    yield from show(piece.text, _spans(piece, level))
    if piece.names_left_out:
        yield Omission(piece.names_left_out, "name")


def _spans(piece: Piece, level: Level) -> list[Span]:
    """Which parts of a piece a level shows."""
    text = piece.text
    if piece.kind == "output":
        return _output(text, level)
    if piece.kind == "diff":
        return _diff(text, level)
    return within(everything(text), level.text)


def _output(text: str, level: Level) -> list[Span]:
    if level.output_lines == "all":
        return within(everything(text), level.output)
    if level.output_lines == "errors":
        return within(lines_with(text, _TELLING_LINE), level.output)
    telling = within(lines_with(text, _TELLING_LINE, LINES_AROUND_ERRORS), level.output // 3)
    return union([telling, within(ends_by_lines(text, HEAD_LINES, TAIL_LINES), level.output - size(telling))])


def _diff(text: str, level: Level) -> list[Span]:
    """Where the diff is cut, the headers of its hunks stay, up to a quarter of its room."""
    is_cut = level.diff_lines == "changed"
    spans = (rows_of(text, _CHANGED_ROWS) if is_cut else []) or everything(text)
    if size(spans) <= level.diff:
        return spans
    headers = within(rows_of(text, _HUNK_LINE), level.diff // 4)
    return union([headers, within(spans, level.diff - size(headers))])


def _one_line(place: Place) -> Iterator[Line]:
    """A command or an edit with one line of its content, and a statement for what it leaves out."""
    event = place.event
    if isinstance(event, TerminalCommand):
        yield from _first_line("command", event.data.command)
        yield Label("exit code", exit_code(event))
        yield from _omitted(event.data.output)
    elif isinstance(event, CodeEdit):
        yield from _first_line("file", event.data.file_path)
        yield Label("changed lines", changed_lines(event.data))
        yield from _hunks(event.data.diff)
        yield from _omitted(event.data.diff.strip() or event.data.snapshot_after or "")


def _first_line(label: str, text: str) -> Iterator[Line]:
    shown = make_visible(text).strip("\n")
    yield Label(label)
    yield from show(shown, [(0, min(len(shown.split("\n", 1)[0]), ONE_LINE))])


def _hunks(diff: str) -> Iterator[Line]:
    """Where a diff says that it changes something. Its numbers are the session's, and may be false."""
    hunks = _HUNK_PLACE.findall(diff)
    if hunks:
        yield Label("hunks")
        yield ", ".join(hunks[:MAX_HUNKS_IN_A_LINE])


def _omitted(text: str) -> Iterator[Omission]:
    stripped = text.strip()
    if stripped:
        yield Omission(stripped.count("\n") + 1, "line")
