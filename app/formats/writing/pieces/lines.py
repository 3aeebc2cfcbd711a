"""JSON lines, in files that a reader of datasets finds by their names."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.formats.writing.base import Chosen, Context, Item, Needs, OutputFile, one_each

TRACES_PER_FILE = 1000
"""Files stay small enough to be read one by one, and their number does not depend on how large traces are."""

Row = dict[str, Any]
Rows = Callable[[Item], Iterator[bytes]]
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def encode_row(row: Row) -> bytes:
    """A row as a line."""
    return _ENCODER.encode(row).encode() + b"\n"


class LineWriter(ABC):
    """A format of JSON lines: what a line holds is all that one such format has to say."""

    name: str
    title: str
    needs = Needs()
    is_lines = True
    tables: Mapping[str, str] = {"default": "data/{split}-*.jsonl"}
    fields: Mapping[str, str] = {}

    @abstractmethod
    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """The line of an item, in pieces; none where it comes to nothing, which is counted."""

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        del context
        return one_each(chosen)

    def files(self, split: str, items: Sequence[Item], context: Context) -> Iterator[OutputFile]:
        """See ``Writer``."""

        def counted(item: Item) -> Iterator[bytes]:
            for number, piece in enumerate(self.lines(item, context)):
                context.tally.rows[split] += number == 0
                yield piece

        yield from line_files(split, items, counted)


def line_files(
    split: str, items: Sequence[Item], lines: Rows, folder: str = "data", suffix: str = "jsonl"
) -> Iterator[OutputFile]:
    """The lines of all items, a bounded number of items to a file."""
    for path, part in parts(split, items, folder, suffix):
        yield OutputFile(path, (line for item in part for line in lines(item)))


def parts(split: str, items: Sequence[Item], folder: str, suffix: str) -> Iterator[tuple[str, Sequence[Item]]]:
    """The items of each file, with its path."""
    starts = range(0, len(items), TRACES_PER_FILE)
    for number, start in enumerate(starts):
        yield f"{folder}/{split}-{number:05}-of-{len(starts):05}.{suffix}", items[start : start + TRACES_PER_FILE]
