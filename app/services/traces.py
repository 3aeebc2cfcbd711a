"""Reading and deleting traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.errors import BusyError
from app.models.integrity import Checkpoint
from app.rules.seal import Signer, sign_checkpoint
from app.storage.base import ArtifactStore, StoredDocument, TraceHead, TraceStore
from app.utils.clock import Clock


@dataclass(frozen=True)
class EventPage:
    """Events in order of arrival."""

    events: list[bytes]
    """JSON of each."""
    next_after: int | None
    """Ask for what comes after this one; ``None`` where this page is the last for now."""


class TraceService:
    """Hands out stored traces, and removes them."""

    def __init__(
        self,
        store: TraceStore,
        artifacts: ArtifactStore,
        signer: Signer,
        clock: Clock,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``forget`` drops what is kept elsewhere of a trace's content, by the head of its chain."""
        self._store = store
        self._artifacts = artifacts
        self._signer = signer
        self._clock = clock
        self._forget = forget

    def document(self, trace_id: str) -> StoredDocument:
        """The document of a trace, events in time order.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceDeletedError: it has been deleted.
        """
        return self._store.read(trace_id)

    def head(self, trace_id: str) -> TraceHead:
        """The trace without its events.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        return self._store.head(trace_id)

    def events(self, trace_id: str, after: int, limit: int) -> EventPage:
        """The events that arrived after a given one.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        events = self._store.read_events(trace_id, after, limit)
        total = self._store.head(trace_id).num_events
        last = after + len(events)
        return EventPage(events, last if events and last < total else None)

    def checkpoint(self, trace_id: str) -> Checkpoint:
        """A signed statement of how far the trace has come.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        head = self._store.head(trace_id)
        return sign_checkpoint(trace_id, head=head.chain, count=head.num_events, signer=self._signer, at=self._clock())

    def delete(self, trace_id: str, reason: str) -> None:
        """Remove a trace, every artifact that only it held, and the answers of models that quote it; a tombstone says so.

        Raises:
            TraceNotFoundError: no trace has this id.
            BusyError: it is being finalized.
        """
        head = self._store.head(trace_id)
        if head.trace.status == "finalizing":
            raise BusyError(f"Trace {trace_id} is being finalized; delete it afterwards", trace_id=trace_id)
        # before the trace: what quotes it must not be left behind by a crash
        self._forget(head.chain.hex())
        self._store.delete(trace_id, {"deleted_at": self._clock().isoformat(), "reason": reason})
        self._artifacts.release(trace_id)
