"""What every store promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Literal, Protocol

from app.models.events import Event
from app.models.trace import ArtifactRef, Metrics, Trace
from app.rules.sequence import AcceptedEvent


@dataclass(frozen=True)
class Receipt:
    """What the server remembers of a request, so that the same request again is known, also after a restart."""

    kind: Literal["key", "chunk", "token"]
    """An ``Idempotency-Key``, a recorder's chunk, or the hash of a trace's upload token."""
    name: str
    request_sha256: str
    """Of the request; of the token itself for a token."""
    at: datetime
    answer: Mapping[str, object] = field(default_factory=dict)
    """What was answered."""
    chunk_seq: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Record:
    """What is added to a trace in one step: all of it is kept, or nothing."""

    events: tuple[AcceptedEvent, ...] = ()
    artifacts: Mapping[str, ArtifactRef] = field(default_factory=dict)
    receipts: tuple[Receipt, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=dict)
    """How many values of each kind were taken out of the events."""


@dataclass(frozen=True)
class TraceHead:
    """What a decision about a trace needs to know, without reading its events."""

    trace: Trace
    """Without events, and without what came since the document was written; ``current`` has that."""
    revision: int
    num_events: int
    event_ids: Set[str]
    """Of all stored events. Read only, and only while the decision is made."""
    chain: bytes
    """The hash of the last event by ``seq``, or of the chain's beginning."""
    receipts: Mapping[tuple[str, str], Receipt]
    """By kind and name. Read only, and only while the decision is made."""
    artifacts: Mapping[str, ArtifactRef]
    """By name. Read only, and only while the decision is made."""
    redactions: Mapping[str, int]
    last_chunk_seq: int | None = None
    """The highest of a recorder's chunks; ``None`` where none came."""
    metrics: Callable[[], Metrics] | None = None
    """The counts as they are now, where the document does not have them."""

    def current(self) -> Trace:
        """The trace without events, as it is now."""
        update: dict[str, object] = {
            "revision": self.revision,
            "artifacts": dict(self.artifacts),
            "redactions": dict(self.redactions),
        }
        if self.metrics is not None:
            update["metrics"] = self.metrics()
        return self.trace.model_copy(update=update)


Accept = Callable[[TraceHead], Record | None]
"""Decides, with the trace held still, what is to be kept; ``None``: nothing. It may raise: then nothing is."""


@dataclass(frozen=True)
class Written:
    """What an append has decided. It counts, and may be told, once ``sync`` has returned."""

    sync: Callable[[], None] = lambda: None
    """Returns when it is on disk, with everything that the decision saw. Where it raises, nothing of it was kept."""
    journal: object = None
    """Who waits for the same journal is served by one ``sync``: that of the one with the greatest ``end``."""
    end: int = 0


class WouldWaitError(Exception):
    """The trace is not at hand: somebody else holds it, or it has to be read first."""


@dataclass(frozen=True)
class StoredDocument:
    """A trace's document, ready to be handed out."""

    blocks: Iterator[bytes]
    """JSON, UTF-8, in pieces; the whole is never in memory."""
    size_bytes: int | None
    """Where it is known before the last piece."""
    revision: int
    etag: str
    """Changes whenever the content does."""
    close: Callable[[], None] = lambda: None
    """Gives up what holds the content, where its pieces are not wanted; reading them to the end does so, too."""


class TraceStore(Protocol):
    """Traces by id. A call that returned is on disk and survives a kill; a call that raised left nothing."""

    def create(self, trace: Trace, record: Record) -> None:
        """Keep a new trace with its first events and receipts.

        Raises:
            TraceExistsError: the id is taken; what is stored stays as it is.
            TraceDeletedError: the id was a trace's that has been deleted.
        """
        ...

    def append(self, trace_id: str, accept: Accept) -> None:
        """Add what ``accept`` answers with, after everything else. Costs what that costs, not what the trace costs.

        Appends to one trace are decided one after the other, and none is lost. When this returns, everything that the decision
        saw is on disk, too.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        ...

    def write(self, trace_id: str, accept: Accept, *, may_wait: bool = True) -> Written:
        """As ``append``, without waiting for the disk: whoever calls this syncs what it answers before anybody is told.

        Raises:
            TraceNotFoundError: no trace has this id.
            WouldWaitError: ``may_wait`` is off, and the trace is not at hand. Nothing was decided.
        """
        ...

    def head(self, trace_id: str) -> TraceHead:
        """The trace without its events, as it is now.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceDeletedError: it has been deleted.
        """
        ...

    def scan(self, trace_id: str) -> tuple[Trace, Iterator[Event]]:
        """The trace without events, and its events one by one, by timestamp, then by arrival, as they were at the call.

        Raises:
            TraceNotFoundError: no trace has this id.
            CorruptError: what is on disk is not a trace; also while the events are read.
        """
        ...

    def load(self, trace_id: str) -> Trace:
        """The trace with all its events, by timestamp, then by arrival.

        Raises:
            TraceNotFoundError: no trace has this id.
            CorruptError: what is on disk is not a trace.
        """
        ...

    def read(self, trace_id: str) -> StoredDocument:
        """The document as bytes, events by timestamp, then by arrival.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        ...

    def read_events(self, trace_id: str, after: int, limit: int) -> list[bytes]:
        """The JSON of the events that arrived after the one with the ``seq`` ``after``, in order of arrival.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        ...

    def update(self, trace_id: str, change: Callable[[Trace, bytes], Trace]) -> Trace:
        """Put what ``change`` makes of the trace in its place; events stay as they are. Returns it, with its new revision.

        ``change`` is given the trace without events, its revision raised already, and the end of its chain, and answers with a
        trace without events. The value it was given, handed back, changes nothing.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        ...

    def delete(self, trace_id: str, tombstone: Mapping[str, str]) -> None:
        """Remove the trace and leave the tombstone in its place.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        ...

    def unfinished(self) -> list[str]:
        """The traces that are being finalized: those that a crash interrupted, when asked at the start."""
        ...


@dataclass(frozen=True)
class StoredBlob:
    """A content that an artifact store keeps."""

    sha256: str
    size_bytes: int


CheckContent = Callable[[BinaryIO, StoredBlob], None]
"""Looks at a content that has arrived, and at what it would be kept as."""


class ArtifactStore(Protocol):
    """Contents by their SHA-256, streamed, never whole in memory. A content stays as long as one trace holds it."""

    def put(self, trace_id: str, chunks: Iterable[bytes], check: CheckContent | None = None) -> StoredBlob:
        """Keep a content for a trace. ``check`` reads it before it is kept and may raise: then nothing is kept."""
        ...

    def open(self, sha256: str) -> AbstractContextManager[BinaryIO]:
        """The content, seekable.

        Raises:
            ArtifactNotFoundError: no content has this hash.
        """
        ...

    def trim(self, trace_id: str, keep: Set[str]) -> None:
        """The trace holds nothing but the contents with these hashes any more; what no other trace holds is removed."""
        ...

    def release(self, trace_id: str) -> None:
        """The trace holds nothing any more; what no other trace holds is removed."""
        ...
