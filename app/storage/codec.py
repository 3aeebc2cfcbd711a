"""Records as the payloads of journal lines, and a document as lines: the exact bytes on disk.

In both, the bytes of an event are those that were hashed: they are cut out and spliced in, never made anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from app.errors import CorruptError
from app.models.base import STORED
from app.models.trace import ArtifactRef, Trace
from app.storage.base import Receipt, Record

_EVENTS_OPEN = b'"events":['
_HEADER_FIELDS = ("schema_version", "trace_id", "developer_id", "bug_id", "start_time", "end_time", "repo", "task", "session",
                  "environment")  # fmt: skip
_HEADER = {*_HEADER_FIELDS}
_FOOTER = {"events", *_HEADER_FIELDS}


@dataclass(frozen=True)
class EventLine:
    """An event's bytes with what it takes to put it into its place."""

    content: bytes
    fields: Mapping[str, Any]
    """The event, parsed."""

    @property
    def seq(self) -> int:
        """The place in order of arrival."""
        return int(self.fields["seq"])

    @property
    def reading_key(self) -> tuple[datetime, int]:
        """The place in reading order."""
        return datetime.fromisoformat(self.fields["timestamp"]), self.seq


def encode_record(record: Record) -> bytes:
    """The payload of a journal line."""
    contents = [event.content for event in record.events]
    about: dict[str, Any] = {"sizes": [len(content) for content in contents]}
    if record.artifacts:
        about["artifacts"] = {name: ref.model_dump() for name, ref in record.artifacts.items()}
    if record.receipts:
        about["receipts"] = [_receipt_fields(receipt) for receipt in record.receipts]
    if record.redactions:
        about["redactions"] = dict(record.redactions)
    opening = to_json(about)
    return b"%b,%b%b]}" % (opening[:-1], _EVENTS_OPEN, b",".join(contents))


@dataclass(frozen=True)
class StoredRecord:
    """A record as it is read back."""

    events: tuple[EventLine, ...]
    offsets: tuple[int, ...]
    """Where each event begins in the payload."""
    artifacts: Mapping[str, ArtifactRef]
    receipts: tuple[Receipt, ...]
    redactions: Mapping[str, int]


def decode_record(payload: bytes) -> StoredRecord:
    """A record from the payload of a line whose checksum is right.

    Raises:
        CorruptError: it is no record of this version.
    """
    try:
        fields = json.loads(payload)
        offsets = _event_offsets(payload, fields["sizes"])
        events = tuple(
            EventLine(payload[offset : offset + size], event)
            for offset, size, event in zip(offsets, fields["sizes"], fields["events"], strict=True)
        )
        artifacts = {name: ArtifactRef.model_validate(ref) for name, ref in fields.get("artifacts", {}).items()}
        receipts = tuple(_receipt(receipt) for receipt in fields.get("receipts", ()))
        redactions = {str(kind): int(count) for kind, count in fields.get("redactions", {}).items()}
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptError(f"A journal record cannot be read: {type(error).__name__}") from error
    return StoredRecord(events, offsets, artifacts, receipts, redactions)


def _event_offsets(payload: bytes, sizes: Sequence[int]) -> tuple[int, ...]:
    """The events stand at the end of the payload, each of a known size, with a comma between."""
    position = len(payload) - len(b"]}") - sum(sizes) - max(len(sizes) - 1, 0)
    offsets = []
    for size in sizes:
        offsets.append(position)
        position += size + 1
    return tuple(offsets)


def _receipt_fields(receipt: Receipt) -> dict[str, Any]:
    return {
        "kind": receipt.kind,
        "name": receipt.name,
        "request_sha256": receipt.request_sha256,
        "at": receipt.at.isoformat(),
        "answer": dict(receipt.answer),
        "chunk_seq": receipt.chunk_seq,
        "expires_at": receipt.expires_at.isoformat() if receipt.expires_at else None,
    }


def _receipt(fields: Mapping[str, Any]) -> Receipt:
    expires_at = fields["expires_at"]
    return Receipt(
        kind=fields["kind"],
        name=fields["name"],
        request_sha256=fields["request_sha256"],
        at=datetime.fromisoformat(fields["at"]),
        answer=fields["answer"],
        chunk_seq=fields["chunk_seq"],
        expires_at=datetime.fromisoformat(expires_at) if expires_at else None,
    )


def render_document(header: Trace, events: Iterable[bytes]) -> Iterator[bytes]:
    """A document in pieces: the fields before the events on the first line, each event on its own line, the rest on the last.

    That is ordinary JSON, and it can be read line by line without a parser.
    """
    yield header.model_dump_json(include=_HEADER).encode()[:-1] + b"," + _EVENTS_OPEN
    separator = b"\n"
    for content in events:
        yield separator + content
        separator = b",\n"
    yield b"\n]," + header.model_dump_json(exclude=_FOOTER).encode()[1:] + b"\n"


def parse_header(first_line: bytes, last_line: bytes) -> Trace:
    """The trace without its events, from the first and the last line of its document.

    Raises:
        CorruptError: the lines are not those of a document.
    """
    opening = first_line.rstrip(b"\n").removesuffix(_EVENTS_OPEN)
    closing = last_line.strip()
    if not closing.startswith(b"],"):
        raise CorruptError("A document does not end as documents do")
    try:
        return Trace.model_validate_json(opening + closing.removeprefix(b"],"), context=STORED)
    except ValueError as error:
        raise CorruptError("A document is not a trace") from error
