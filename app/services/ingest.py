"""How traces and events come in. Every door uses this service; what returned is on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from app.errors import TraceExistsError
from app.models.events import Event
from app.models.trace import NewEvents, NewTrace, Trace
from app.rules.lifecycle import refuse_append_unless_open
from app.rules.metrics import measure
from app.rules.sequence import accept_events, in_reading_order, in_zone
from app.storage.base import TraceHead, TraceStore
from app.utils.clock import Clock
from app.utils.ids import NewId


@dataclass(frozen=True)
class Created:
    """A trace is stored."""

    trace_id: str
    is_new: bool
    """``False`` where the very same request had stored it before."""


class IngestService:
    """Accepts traces and events."""

    def __init__(self, store: TraceStore, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id

    def create(self, new: NewTrace) -> Created:
        """Store a new trace. The same request again changes nothing and is answered alike.

        Raises:
            TraceExistsError: the id is taken by another content.
            DuplicateEventIdError: events share an id.
        """
        request_sha256 = hashlib.sha256(new.model_dump_json(exclude_unset=True).encode()).hexdigest()
        trace = self._accept(new, request_sha256)
        try:
            self._store.create(trace)
        except TraceExistsError:
            if self._store.load(trace.trace_id).request_sha256 == request_sha256:
                return Created(trace.trace_id, is_new=False)
            raise
        return Created(trace.trace_id, is_new=True)

    def append(self, trace_id: str, new: NewEvents) -> int:
        """Add events to an open trace. Returns how many.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceClosedError: the trace is finalized.
            DuplicateEventIdError: an event has an id that is taken.
        """
        received_at = self._clock()

        def accept(head: TraceHead) -> tuple[Event, ...]:
            refuse_append_unless_open(trace_id, head.status)
            return accept_events(
                new.events,
                taken_ids=head.event_ids,
                first_seq=head.num_events + 1,
                received_at=received_at,
                new_id=self._new_id,
            )

        return len(self._store.append(trace_id, accept))

    def _accept(self, new: NewTrace, request_sha256: str) -> Trace:
        now = self._clock()
        events = accept_events(new.events, taken_ids=frozenset(), first_seq=1, received_at=now, new_id=self._new_id)
        clocks = {"start_time": new.start_time, "end_time": new.end_time}
        return Trace(
            trace_id=new.trace_id or self._new_id(),
            developer_id=new.developer_id,
            bug_id=new.bug_id,
            start_time=in_zone(new.start_time),
            end_time=in_zone(new.end_time) if new.end_time is not None else None,
            repo=new.repo,
            task=new.task,
            session=new.session,
            environment=new.environment,
            events=in_reading_order(events),
            metrics=measure(events),
            created_at=now,
            request_sha256=request_sha256,
            zone_assumed=tuple(name for name, moment in clocks.items() if moment is not None and moment.tzinfo is None),
        )
