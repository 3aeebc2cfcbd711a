"""The events of a document, checked against each other. A few dozen bytes are kept of each, whatever it holds.

An event is checked against the hash that the event before it claims. If all fit, the first one stands on the genesis and the
last one has the signed hash, then the whole chain is right: each step of the induction is one comparison.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from app.rules.canonical import NotCanonicalError, fast_canonical
from app.rules.chain import link
from app.rules.findings import Finding

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NO_SEQ = 0
_NO_HASH = bytes(32)
_MAX_SEQ = 2**53 - 1


class Claims:
    """What each event says of itself: number, hash and time; 48 bytes an event."""

    def __init__(self, events: Iterable[Any] = ()) -> None:
        self._seqs = array("q")
        self._moments = array("q")
        self._hashes = bytearray()
        self._order = array("q")
        self._sorted_seqs = array("q")
        for event in events:
            self.add(event)
        self.close()

    def __len__(self) -> int:
        return len(self._seqs)

    def add(self, event: Any) -> None:
        """Note the next event of the document, whatever it is."""
        self._seqs.append(seq_of(event) or _NO_SEQ)
        self._moments.append(_moment_of(event))
        self._hashes += hash_of(event) or _NO_HASH

    def close(self) -> None:
        """All events are noted."""
        self._order = array("q", sorted(range(len(self)), key=self._seqs.__getitem__))
        self._sorted_seqs = array("q", (self._seqs[index] for index in self._order))

    def seq(self, index: int) -> int | None:
        """The number of the event at a position."""
        return self._seqs[index] or None

    def indices(self, seq: int) -> list[int]:
        """The positions of all events that claim this number."""
        first, behind = bisect_left(self._sorted_seqs, seq), bisect_right(self._sorted_seqs, seq)
        return list(self._order[first:behind])

    def hashes(self, seq: int) -> list[bytes]:
        """The hashes of all events that claim this number."""
        return [bytes(self._hashes[32 * index : 32 * index + 32]) for index in self.indices(seq)]

    @property
    def last_seq(self) -> int:
        """The largest number; 0 where there is none."""
        return self._sorted_seqs[-1] if self._sorted_seqs else 0

    def numbers(self) -> Iterator[int]:
        """Every number that is claimed, once, in order."""
        previous = _NO_SEQ
        for seq in self._sorted_seqs:
            if seq != previous:
                yield seq
            previous = seq

    def first_out_of_order(self) -> tuple[int, int] | None:
        """The first position that holds another event than reading order puts there, and where that one stands."""
        if all(self._reading_key(index) <= self._reading_key(index + 1) for index in range(len(self) - 1)):
            return None
        expected = sorted(range(len(self)), key=self._reading_key)
        return next((place, index) for place, index in enumerate(expected) if place != index)

    def _reading_key(self, index: int) -> tuple[int, int]:
        return self._moments[index], self._seqs[index]


def check_events(events: Iterable[Any], claims: Claims, beginnings: Iterable[bytes]) -> list[Finding]:
    """What is wrong with the events themselves, by number.

    Args:
        events: the events that ``claims`` were noted of, again.
        claims: what they say of themselves.
        beginnings: what the first event may stand on.
    """
    broken = {
        index: _altered(event, index, claims) for index, event in enumerate(events) if _fits(event, claims, beginnings) is False
    }
    findings = [*broken.values(), *_gaps(claims), *_duplicates(claims, broken)]
    return sorted(findings, key=lambda found: (found.seq or _MAX_SEQ, found.index or 0))


def check_reading_order(claims: Claims) -> list[Finding]:
    """Whether the events stand by timestamp, then by arrival. The first that does not is named."""
    misplaced = claims.first_out_of_order()
    if misplaced is None:
        return []
    place, index = misplaced
    message = f"holds event {claims.seq(place)}, though by timestamp and arrival event {claims.seq(index)} belongs there"
    return [Finding("event_out_of_order", f"events[{place}]", message, seq=claims.seq(place), index=place)]


def seq_of(event: Any) -> int | None:
    """The number of an event, if it has one."""
    seq = event.get("seq") if isinstance(event, dict) else None
    return seq if type(seq) is int and 0 < seq <= _MAX_SEQ else None


def hash_of(event: Any) -> bytes | None:
    """The hash that an event claims, if it has one, written as it has to be."""
    text = event.get("hash") if isinstance(event, dict) else None
    if not isinstance(text, str) or len(text) != 64:
        return None
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        return None
    return digest if digest.hex() == text else None


def _fits(event: Any, claims: Claims, beginnings: Iterable[bytes]) -> bool | None:
    """Whether the event has the hash that it should have. ``None``: the event that it stands on is missing."""
    seq, digest = seq_of(event), hash_of(event)
    if seq is None or digest is None:
        return False
    previous = list(beginnings) if seq == 1 else claims.hashes(seq - 1)
    try:
        canonical = fast_canonical({name: value for name, value in event.items() if name != "hash"})
    except NotCanonicalError:
        return False
    return any(link(before, canonical) == digest for before in previous) if previous else None


def _altered(event: Any, index: int, claims: Claims) -> Finding:
    seq = seq_of(event)
    if seq is None:
        message = "has no number of its own"
    elif hash_of(event) is None:
        message = "has no hash of its own"
    elif len(claims.indices(seq)) > 1:
        message = "has the number of another event, and its content does not have the hash that belongs to it there"
    else:
        message = "its content does not have the hash that belongs to it"
    place = f"event {seq}" if seq is not None else f"events[{index}]"
    return Finding("event_altered", place, message, seq=seq, index=index, event_id=_event_id(event))


def _gaps(claims: Claims) -> Iterator[Finding]:
    before = 0
    for seq in claims.numbers():
        if seq > before + 1:
            message = f"not in the document, whose event {seq} stands at events[{claims.indices(seq)[0]}]"
            yield Finding("event_missing", name_events(before + 1, seq - 1), message, seq=before + 1)
        before = seq


def _duplicates(claims: Claims, broken: dict[int, Finding]) -> Iterator[Finding]:
    if len(claims) == sum(1 for _ in claims.numbers()):
        return
    for seq in claims.numbers():
        copies = [index for index in claims.indices(seq) if index not in broken]
        for index in copies[1:]:
            yield Finding("event_duplicated", f"event {seq}", f"stands again at events[{index}]", seq=seq, index=index)


def name_events(first: int, last: int) -> str:
    """One event or a row of them."""
    return f"event {first}" if first == last else f"events {first}–{last}"


def _event_id(event: Any) -> str | None:
    event_id = event.get("event_id") if isinstance(event, dict) else None
    return event_id if isinstance(event_id, str) else None


def _moment_of(event: Any) -> int:
    """Microseconds since 1970; a time that cannot be read counts as the earliest, for all places alike."""
    text = event.get("timestamp") if isinstance(event, dict) else None
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else _EPOCH
    except ValueError:
        return 0
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (zoned - _EPOCH) // _MICROSECOND
