"""Canonical JSON lines: one stored document a line, with the very bytes that its seal covers."""

from __future__ import annotations

from collections.abc import Iterator

from app.formats.writing.base import Context, Item
from app.formats.writing.pieces.lines import LineWriter


class CanonicalLines(LineWriter):
    """Whole traces. ``verify`` takes the files as they are."""

    name = "jsonl"
    title = "one trace, whole, as it is stored and sealed"

    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """See ``LineWriter``."""
        session = context.load(item.first)
        if session is not None:
            yield from session.document()
            yield b"\n"
