"""A file to be read: its lines one at a time, or its one document, within limits. Nothing of it is believed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, BinaryIO, Literal

from app.formats.errors import UnreadableSourceError

MAX_LINE_BYTES = 32 * 1024 * 1024
"""Longest record of a file of lines: a picture or a large file within one is a few MB, and a line is held whole."""
MAX_DOCUMENT_BYTES = 128 * 1024 * 1024
"""Largest document that is no file of lines: parsed it takes several times as much memory."""
_LOOKED_AT_LINES = 64
"""How many lines are looked at to tell a format: some begin with a few records that say nothing."""
_LOOKED_AT_BYTES = 4 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024
_ZIP_MAGIC = b"PK\x03\x04"
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Line:
    """A line that is not blank."""

    number: int
    """Counted from 1."""
    value: Any
    problem: str | None = None
    """Why it could not be read."""


@dataclass(frozen=True)
class Shape:
    """What kind of file it is, and how it begins."""

    kind: Literal["zip", "lines", "document", "unreadable"]
    records: Sequence[Any] = ()
    """The first values of a file of lines; the only one of a document."""
    problem: str = "it is empty"
    """Of an unreadable file."""


class Source:
    """A file, by its content. The file is seekable and nobody else moves in it."""

    def __init__(self, name: str, file: BinaryIO) -> None:
        self.name = name
        self._file = file

    @cached_property
    def sha256(self) -> str:
        """The hash of the content."""
        digest = hashlib.sha256()
        self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            digest.update(block)
        return digest.hexdigest()

    @cached_property
    def size_bytes(self) -> int:
        """How long it is."""
        return self._file.seek(0, 2)

    @cached_property
    def shape(self) -> Shape:
        """What kind of file it is."""
        self._file.seek(0)
        if self._file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC:
            return Shape("zip")
        first = self._first_lines()
        if not first:
            return Shape("unreadable")
        if first[0].problem is None and len(first) > 1:
            return Shape("lines", [line.value for line in first if line.problem is None])
        try:
            return Shape("document", (self.document,))
        except UnreadableSourceError as error:
            found = [line.value for line in first if isinstance(line.value, dict)]
            return Shape("lines", found) if found else Shape("unreadable", problem=error.problem)

    @property
    def file(self) -> BinaryIO:
        """The file itself, at its beginning."""
        self._file.seek(0)
        return self._file

    def lines(self) -> Iterator[Line]:
        """The lines, one at a time; those that cannot be read are told as such."""
        self._file.seek(0)
        number = 0
        while raw := self._file.readline(MAX_LINE_BYTES + 1):
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                self._skip_line(raw)
                yield Line(number, None, f"longer than {MAX_LINE_BYTES} bytes")
            elif raw.strip(b" \t\r\n\xef\xbb\xbf"):
                # reading may be interrupted by whoever looks at the file's shape
                position = self._file.tell()
                yield _parsed(number, raw)
                self._file.seek(position)

    @cached_property
    def document(self) -> Any:
        """The one value that the file holds.

        Raises:
            UnreadableSourceError: it is too large, or no JSON.
        """
        if self.size_bytes > MAX_DOCUMENT_BYTES:
            raise UnreadableSourceError(self.name, f"it is one document of more than {MAX_DOCUMENT_BYTES} bytes")
        self._file.seek(0)
        return parse_document(self.name, self._file.read())

    def _first_lines(self) -> list[Line]:
        found: list[Line] = []
        for line in self.lines():
            found.append(line)
            if len(found) == _LOOKED_AT_LINES or self._file.tell() > _LOOKED_AT_BYTES:
                break
        return found

    def _skip_line(self, raw: bytes) -> None:
        while raw and not raw.endswith(b"\n"):
            raw = self._file.readline(_BLOCK_BYTES)


def parse_document(name: str, content: bytes) -> Any:
    """A JSON value, read more tolerantly than a trace is: NaN is null, and of a name that stands twice the last one counts.

    Raises:
        UnreadableSourceError: it is no JSON.
    """
    try:
        return json.loads(content.removeprefix(_BOM), parse_constant=lambda _: None)
    except RecursionError:
        raise UnreadableSourceError(name, "it is nested too deeply") from None
    except ValueError as error:  # also UnicodeDecodeError, and numbers of thousands of digits
        raise UnreadableSourceError(name, f"it is no JSON ({error})") from None


def _parsed(number: int, raw: bytes) -> Line:
    try:
        return Line(number, parse_document("", raw))
    except UnreadableSourceError as error:
        return Line(number, None, error.problem)
