"""How traces and events come in. Every door uses this service; what returned is on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.errors import TraceExistsError
from app.models.events import Event
from app.models.trace import NewEvents, Trace, TraceStart
from app.rules.chain import genesis_of
from app.rules.lifecycle import refuse_unless_open
from app.rules.metrics import Tally
from app.rules.sequence import AcceptedEvent, accept_events
from app.services.descriptions import Descriptions
from app.services.idempotency import RequestKey, RequestKeys, key_receipts, known_answer
from app.services.intake import Intake, consent_of
from app.storage.base import Receipt, Record, TraceHead, TraceStore, Written
from app.utils.clock import Clock, in_zone
from app.utils.ids import NewId


@dataclass(frozen=True)
class Created:
    """A trace is stored."""

    trace_id: str
    is_new: bool
    """``False`` where the very same request had stored it before."""


@dataclass(frozen=True)
class Appended:
    """Events are accepted, and on their way to the disk."""

    answer: Mapping[str, object]
    written: Written


class IngestService:
    """Accepts traces and events."""

    def __init__(
        self,
        store: TraceStore,
        intake: Intake,
        keys: RequestKeys,
        clock: Clock,
        new_id: NewId,
        descriptions: Descriptions | None = None,
    ) -> None:
        """``descriptions`` are told of each new trace, where somebody is going to ask for its description."""
        self._store = store
        self._descriptions = descriptions
        self._intake = intake
        self._keys = keys
        self._clock = clock
        self._new_id = new_id

    def create(self, new: TraceStart, receipts: tuple[Receipt, ...] = (), request: bytes | None = None) -> Created:
        """Store a new trace. The same request again changes nothing and is answered alike.

        ``request`` are the bytes that ``new`` was read from, where there are any: by them it is known again.

        Raises:
            TraceExistsError: the id is taken by another content.
            TraceDeletedError: the id was a trace's that has been deleted.
            DuplicateEventIdError: events share an id.
        """
        request_sha256 = _sha256(request) if request is not None else _sha256_of_value(new)
        trace, record, events, counted = self._accept(new, request_sha256, receipts)
        try:
            self._keep(trace, record, events, counted)
        except TraceExistsError:
            # documents of earlier versions have the hash of what the request says
            if self._store.head(trace.trace_id).trace.request_sha256 in (request_sha256, _sha256_of_value(new)):
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
        appended = self.write(trace_id, new, key)
        appended.written.sync()
        return appended.answer

    def write(self, trace_id: str, new: NewEvents, key: RequestKey | None = None, *, may_wait: bool = True) -> Appended:
        """As ``append``, without waiting for the disk: the answer may be given once ``written`` is synced.

        Raises:
            WouldWaitError: ``may_wait`` is off, and the trace is not at hand.
        """
        now = self._clock()
        answer: Mapping[str, object] = {"trace_id": trace_id, "appended_events": len(new.events)}

        def accept(head: TraceHead) -> Record | None:
            nonlocal answer
            known = known_answer(head, key, now)
            if known is not None:
                answer = known
                return None
            refuse_unless_open(trace_id, head.trace.status, "events")
            screened = self._intake.screen(new.events, consent_of(head.trace.session))
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
            written = self._store.write(trace_id, accept, may_wait=may_wait)
        return Appended(answer, written)

    def _keep(self, trace: Trace, record: Record, events: Sequence[Event], counted: Tally) -> None:
        if self._descriptions is None:
            self._store.create(trace, record)
            return
        # before the trace is there: the index asks at once
        self._descriptions.note(trace, _in_reading_order(record.events, events), counted)
        try:
            self._store.create(trace, record)
        except BaseException:
            self._descriptions.forget(trace.trace_id)
            raise

    def _accept(
        self, new: TraceStart, request_sha256: str, receipts: tuple[Receipt, ...]
    ) -> tuple[Trace, Record, Sequence[Event], Tally]:
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
        counted = Tally()
        counted.add_all(event.facts for event in events)
        trace = trace.model_copy(update={"metrics": counted.metrics()})
        return trace, Record(events, receipts=receipts), screened.events, counted


def _in_reading_order(accepted: Sequence[AcceptedEvent], events: Sequence[Event]) -> list[Event]:
    timestamps = [event.timestamp for event in accepted]
    return [events[number] for number in sorted(range(len(events)), key=timestamps.__getitem__)]


def _sha256_of_value(new: TraceStart) -> str:
    return _sha256(new.model_dump_json(exclude_unset=True).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
