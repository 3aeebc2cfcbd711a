"""The journal: an append-only file of lines that cannot change unnoticed, and whose last line alone may be torn.

A line is ``<checksum> <payload>\\n``. The checksum is SHA-256 over the checksum of the line before it and the payload, in
hexadecimal; the first line follows the journal's own name. So a changed byte, a line that is missing, doubled or moved, and a
line of another trace's journal are all told from a line that a crash cut off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHECKSUM_CHARACTERS = 64


@dataclass(frozen=True)
class Line:
    """One whole line."""

    offset: int
    """Where it begins, in bytes from the start of the file."""
    end: int
    payload: bytes
    checksum: bytes
    """Hexadecimal; the next line follows it."""

    @property
    def payload_offset(self) -> int:
        """Where the payload begins in the file."""
        return self.offset + CHECKSUM_CHARACTERS + 1


@dataclass(frozen=True)
class Damage:
    """What stands where a whole line should be."""

    offset: int
    line: int
    """Counted from 1."""
    is_torn: bool
    """A crash cut the last line off before it was acknowledged. Otherwise something has changed the file since."""
    reason: str


def first_checksum(name: str) -> bytes:
    """What the first line of a journal follows."""
    return hashlib.sha256(b"pr-telemetry-journal-1:" + name.encode()).hexdigest().encode()


def encode_line(previous: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """A line that follows the one with the checksum ``previous``, and its own checksum. The payload holds no line break."""
    checksum = _checksum(previous, payload)
    return b"%b %b\n" % (checksum, payload), checksum


def read_lines(file: BinaryIO, name: str) -> Iterator[Line | Damage]:
    """The lines of a journal from the start of the file; a damage ends the reading. One line is in memory at a time."""
    previous = first_checksum(name)
    offset = 0
    for number, raw in enumerate(file, 1):
        line = _parse(raw, offset, previous)
        if line is None:
            yield _diagnose(raw, offset, number, previous, is_last=not file.read(1))
            return
        yield line
        previous = line.checksum
        offset = line.end


def _parse(raw: bytes, offset: int, previous: bytes) -> Line | None:
    if not raw.endswith(b"\n") or raw[CHECKSUM_CHARACTERS : CHECKSUM_CHARACTERS + 1] != b" ":
        return None
    payload, checksum = raw[CHECKSUM_CHARACTERS + 1 : -1], raw[:CHECKSUM_CHARACTERS]
    if _checksum(previous, payload) != checksum:
        return None
    return Line(offset, offset + len(raw), payload, checksum)


def _diagnose(raw: bytes, offset: int, number: int, previous: bytes, *, is_last: bool) -> Damage:
    if raw.endswith(b"\n") or not is_last:
        return Damage(offset, number, is_torn=False, reason="the line is not what was written")
    if _parse(raw[:-1] + b"\n", offset, previous) is not None:
        return Damage(offset, number, is_torn=False, reason="the line's end is not what was written")
    return Damage(offset, number, is_torn=True, reason="the line was cut off while it was written")


def _checksum(previous: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(previous + payload).hexdigest().encode()
