"""Reading the two files of a trace, line by line: memory does not grow with the trace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from app.errors import CorruptError
from app.models.trace import Trace
from app.storage.codec import EventLine, StoredRecord, decode_record, parse_header
from app.storage.journal import Damage, Line, read_lines

_BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, order=True)
class Place:
    """Where an event lies; sorts in reading order."""

    timestamp: datetime
    seq: int
    in_journal: bool
    offset: int
    size: int


@dataclass(frozen=True)
class TraceFiles:
    """A trace's files, opened together: a consistent picture, whatever happens to their names meanwhile."""

    trace_id: str
    document: BinaryIO
    journal: BinaryIO | None
    journal_bytes: int = 0
    """How much of the journal is to be believed."""

    def header(self) -> Trace:
        """The trace without its events, as the document has it.

        Raises:
            CorruptError: the document is not one.
        """
        self.document.seek(0)
        first = self.document.readline()
        return parse_header(first, _last_line(self.document))

    def document_events(self) -> Iterator[tuple[int, EventLine]]:
        """The events of the document with their offsets, in reading order."""
        self.document.seek(0)
        offset = len(self.document.readline())
        for raw in self.document:
            if raw.startswith(b"]"):
                return
            content = raw.rstrip(b"\n").removesuffix(b",")
            yield offset, EventLine(content, self._parse(content, offset))
            offset += len(raw)

    def records(self) -> Iterator[tuple[Line, StoredRecord]]:
        """The records of the journal.

        Raises:
            CorruptError: the journal is damaged; the message says where.
        """
        if self.journal is None:
            return
        self.journal.seek(0)
        for line in read_lines(self.journal, self.trace_id):
            if line.offset >= self.journal_bytes:
                return
            if isinstance(line, Damage):
                raise damaged(self.trace_id, line)
            yield line, decode_record(line.payload)

    def places(self, after_document: int) -> list[Place]:
        """Where every event lies, in reading order. The journal's events up to ``seq`` ``after_document`` are passed over."""
        found = [_place(line, offset, in_journal=False) for offset, line in self.document_events()]
        for line, record in self.records():
            for offset, event in zip(record.offsets, record.events, strict=True):
                if event.seq > after_document:
                    found.append(_place(event, line.payload_offset + offset, in_journal=True))
        return sorted(found)

    def read_at(self, place: Place) -> bytes:
        """The bytes of an event."""
        file = self.journal if place.in_journal and self.journal is not None else self.document
        content = os.pread(file.fileno(), place.size, place.offset)
        if len(content) != place.size:
            raise CorruptError(f"Trace {self.trace_id} is shorter than it was a moment ago")
        return content

    def document_blocks(self) -> Iterator[bytes]:
        """The document as it lies on disk."""
        self.document.seek(0)
        while block := self.document.read(_BLOCK_BYTES):
            yield block

    def close(self) -> None:
        """Give the files up."""
        self.document.close()
        if self.journal is not None:
            self.journal.close()

    def _parse(self, content: bytes, offset: int) -> dict[str, object]:
        try:
            fields = json.loads(content)
            return fields if isinstance(fields, dict) else {}
        except ValueError as error:
            raise CorruptError(f"The document of trace {self.trace_id} is damaged at byte {offset}") from error


def damaged(trace_id: str, damage: Damage) -> CorruptError:
    """The error that names the place of a damage."""
    return CorruptError(
        f"The journal of trace {trace_id} is damaged at line {damage.line}, byte {damage.offset}: {damage.reason}",
        trace_id=trace_id,
    )


@contextmanager
def closing(files: TraceFiles) -> Iterator[TraceFiles]:
    """The files, given up at the end."""
    try:
        yield files
    finally:
        files.close()


def _place(line: EventLine, offset: int, *, in_journal: bool) -> Place:
    timestamp, seq = line.reading_key
    return Place(timestamp, seq, in_journal, offset, len(line.content))


def _last_line(file: BinaryIO) -> bytes:
    end = file.seek(0, os.SEEK_END)
    tail = b""
    position = end
    while position > 0 and tail.rstrip(b"\n").rfind(b"\n") < 0:
        step = min(_BLOCK_BYTES, position)
        position -= step
        tail = os.pread(file.fileno(), step, position) + tail
    return tail.rstrip(b"\n").rpartition(b"\n")[2]
