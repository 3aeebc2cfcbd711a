"""How traces and events come in. Every door uses this service; what returned is on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from app.errors import TraceExistsError
from app.models.trace import NewEvents, Trace, TraceStart
from app.rules.chain import genesis_of
from app.rules.lifecycle import refuse_unless_open
from app.rules.metrics import measure
from app.rules.sequence import accept_events
from app.services.idempotency import RequestKey, RequestKeys, key_receipts, known_answer
from app.services.intake import Intake, consent_of
from app.storage.base import Receipt, Record, TraceHead, TraceStore
from app.utils.clock import Clock, in_zone
from app.utils.ids import NewId


@dataclass(frozen=True)
class Created:
    """A trace is stored."""

    trace_id: str
    is_new: bool
    """``False`` where the very same request had stored it before."""


class IngestService:
    """Accepts traces and events."""

    def __init__(self, store: TraceStore, intake: Intake, keys: RequestKeys, clock: Clock, new_id: NewId) -> None:
        self._store = store
        self._intake = intake
        self._keys = keys
        self._clock = clock
        self._new_id = new_id

    def create(self, new: TraceStart, receipts: tuple[Receipt, ...] = ()) -> Created:
        """Store a new trace. The same request again changes nothing and is answered alike.

        Raises:
            TraceExistsError: the id is taken by another content.
            TraceDeletedError: the id was a trace's that has been deleted.
            DuplicateEventIdError: events share an id.
        """
        request_sha256 = hashlib.sha256(new.model_dump_json(exclude_unset=True).encode()).hexdigest()
        trace, record = self._accept(new, request_sha256, receipts)
        try:
            self._store.create(trace, record)
        except TraceExistsError:
            if self._store.head(trace.trace_id).trace.request_sha256 == request_sha256:
                return Created(trace.trace_id, is_new=False)
            raise
        return Created(trace.trace_id, is_new=True)

    def append(self, trace_id: str, new: NewEvents, key: RequestKey | None = None) -> Mapping[str, object]:
        """Add events to an open trace. Returns the answer to give, which is the first one where the request is a repeated one.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceClosedError: the trace is finalized.
            DuplicateEventIdError: an event has an id that is taken.
            KeyReusedError: the key belongs to another request.
            KeyInUseError: the first request with this key is still running.
        """
        now = self._clock()
        answer: Mapping[str, object] = {"trace_id": trace_id, "appended_events": len(new.events)}
        consent = consent_of(self._store.head(trace_id).trace.session)
        screened = self._intake.screen(new.events, consent)

        def accept(head: TraceHead) -> Record | None:
            nonlocal answer
            known = known_answer(head, key, now)
            if known is not None:
                answer = known
                return None
            refuse_unless_open(trace_id, head.trace.status, "events")
            events = accept_events(
                screened.events,
                taken_ids=head.event_ids,
                first_seq=head.num_events + 1,
                chain=head.chain,
                received_at=now,
                new_id=self._new_id,
            )
            return Record(events, receipts=key_receipts(key, answer, now), redactions=screened.redactions)

        with self._keys.running(trace_id, key):
            self._store.append(trace_id, accept)
        return answer

    def _accept(self, new: TraceStart, request_sha256: str, receipts: tuple[Receipt, ...]) -> tuple[Trace, Record]:
        now = self._clock()
        new, redactions = self._intake.screen_trace(new)
        screened = self._intake.screen(new.events, consent_of(new.session))
        redactions += screened.redactions
        clocks = {"start_time": new.start_time, "end_time": new.end_time}
        trace = Trace(
            trace_id=new.trace_id or self._new_id(),
            developer_id=new.developer_id,
            bug_id=new.bug_id,
            start_time=in_zone(new.start_time),
            end_time=in_zone(new.end_time) if new.end_time is not None else None,
            repo=new.repo,
            task=new.task,
            session=new.session,
            environment=new.environment,
            created_at=now,
            request_sha256=request_sha256,
            redactions=dict(redactions),
            zone_assumed=tuple(name for name, moment in clocks.items() if moment is not None and moment.tzinfo is None),
        )
        events = accept_events(
            screened.events,
            taken_ids=frozenset(),
            first_seq=1,
            chain=genesis_of(trace),
            received_at=now,
            new_id=self._new_id,
        )
        metrics = measure(event.facts for event in events)
        return trace.model_copy(update={"metrics": metrics}), Record(events, receipts=receipts)
