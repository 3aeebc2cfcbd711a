"""How events from a client become events of a trace: numbered, stamped, chained, with every clock in a zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence, Set
from datetime import datetime
from typing import Any, NamedTuple

from app.errors import Fault, InvalidError
from app.models.base import name_unknown
from app.models.events import Event, TerminalCommand
from app.rules.canonical import canonical_stamped
from app.rules.chain import link, splice_hash
from app.rules.metrics import EventFacts, facts_of


class DuplicateEventIdError(InvalidError):
    """An event id stands for one event of a trace only."""

    code = "duplicate_event_id"


class AcceptedEvent(NamedTuple):
    """An event as it is kept: its bytes are made once and never again."""

    seq: int
    event_id: str
    timestamp: datetime
    """With a zone; with ``seq``, the place in reading order."""
    content: bytes
    """The event's JSON, its hash included."""
    hash: bytes
    """32 bytes: the chain up to this event."""
    facts: EventFacts


def accept_events(
    events: Sequence[Event],
    *,
    taken_ids: Set[str],
    first_seq: int,
    chain: bytes,
    received_at: datetime,
    new_id: Callable[[], str],
) -> tuple[AcceptedEvent, ...]:
    """The events as they are stored, in order of arrival, numbered from ``first_seq`` and chained to ``chain``.

    An event without an id is given one: what ``new_id`` answers, asked once, and its number.

    Raises:
        DuplicateEventIdError: an id is taken, or stands twice; all such ids are named.
        NotCanonicalError: a number in an event is not one that every reader understands alike.
    """
    refuse_duplicates(events, taken_ids)
    prefix = None
    accepted = []
    for seq, event in enumerate(events, first_seq):
        event_id = event.event_id
        if event_id is None:
            prefix = prefix or new_id()
            event_id = f"{prefix}-{seq}"
        facts = facts_of(event)
        canonical = canonical_stamped(
            event,
            data=_name_unknowns(event) if isinstance(event, TerminalCommand) else event.data,
            seq=seq,
            event_id=event_id,
            received_at=received_at,
            timestamp=facts.timestamp,
            zone_assumed=event.timestamp.tzinfo is None,
        )
        chain = link(chain, canonical)
        accepted.append(AcceptedEvent(seq, event_id, facts.timestamp, splice_hash(canonical, chain), chain, facts))
    return tuple(accepted)


def refuse_duplicates(events: Sequence[Event], taken_ids: Set[str]) -> None:
    """See ``accept_events``."""
    given = [event.event_id for event in events if event.event_id is not None]
    if len(set(given)) == len(given) and taken_ids.isdisjoint(given):
        return
    counts = Counter(given)
    faults = [
        Fault(("events", index, "event_id"), f"the id {event.event_id!r} is taken")
        for index, event in enumerate(events)
        if event.event_id is not None and (counts[event.event_id] > 1 or event.event_id in taken_ids)
    ]
    if faults:
        names = sorted({events[int(fault.loc[1])].event_id or "" for fault in faults})
        raise DuplicateEventIdError(f"Duplicate event ids: {', '.join(names[:20])}", faults)


def _name_unknowns(event: TerminalCommand) -> Any:
    """The data, in which a null that stands for "the source does not say" is named as such: nobody shall read it as a claim."""
    missing = [name for name in ("exit_code", "duration_ms") if getattr(event.data, name) is None]
    if not missing:
        return event.data
    extra = dict(event.data.extra or {})
    name_unknown(extra, *missing)
    return event.data.model_copy(update={"extra": extra}) if extra != event.data.extra else event.data
