"""What every store promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from app.models.events import Event
from app.models.trace import Status, Trace


@dataclass(frozen=True)
class TraceHead:
    """What a decision about the next events of a trace needs to know, without reading the trace."""

    trace_id: str
    status: Status
    revision: int
    num_events: int
    event_ids: frozenset[str] | set[str]
    """Read only. Holds the ids of all stored events."""


Accept = Callable[[TraceHead], tuple[Event, ...]]
"""Decides, with the trace held still, what is to be stored. It may raise: then nothing is stored."""


class TraceStore(Protocol):
    """Traces by id. A call that returned is on disk and survives a kill; a call that raised left nothing."""

    def create(self, trace: Trace) -> None:
        """Keep a new trace.

        Raises:
            TraceExistsError: the id is taken; what is stored stays as it is.
        """
        ...

    def append(self, trace_id: str, accept: Accept) -> tuple[Event, ...]:
        """Add the events that ``accept`` answers with, after all others. Costs what they cost, not what the trace costs.

        Appends to one trace happen one after the other, and none is lost.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        ...

    def load(self, trace_id: str) -> Trace:
        """The trace with all its events, by timestamp, then by arrival.

        Raises:
            TraceNotFoundError: no trace has this id.
            CorruptError: what is on disk is not a trace.
        """
        ...

    def replace(self, trace: Trace, expected: int) -> None:
        """Put a new state of a trace in place of the one with the revision ``expected``, events included.

        Raises:
            TraceNotFoundError: no trace has this id.
            RevisionConflictError: the stored trace has another revision; it stays as it is.
        """
        ...


@dataclass(frozen=True)
class StoredBlob:
    """A content that an artifact store keeps."""

    sha256: str
    size_bytes: int


class ArtifactStore(Protocol):
    """Contents by their SHA-256, streamed, never whole in memory."""

    def put(self, chunks: Iterable[bytes], check: Callable[[BinaryIO], None] | None = None) -> StoredBlob:
        """Keep a content. ``check`` reads it before it is kept and may raise: then nothing is kept."""
        ...

    def open(self, sha256: str) -> AbstractContextManager[BinaryIO]:
        """The content, seekable.

        Raises:
            ArtifactNotFoundError: no content has this hash.
        """
        ...
