"""The hash chain over the events of a trace, one link at a time.

The first link stands on the trace's identity, every other on the link before it; so a hash vouches for its event, for all
events before it, for their order, and for the trace that they belong to.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import NamedTuple

from app.models.events import Event
from app.models.integrity import CHAIN_FORMAT
from app.models.trace import Trace
from app.rules.canonical import canonical_event, canonicalise

_STORED = re.compile(rb',"hash":"([0-9a-f]{64})"}\Z')
_TAIL_BYTES = len(b',"hash":""}') + 64


class ChainedEvent(NamedTuple):
    """An event in its place in the chain."""

    digest: bytes
    """Its hash, 32 bytes: what the next event stands on."""
    stored: bytes
    """Its JSON as it is stored: canonical, with the hash at the end."""


def genesis(trace_id: str, created_at: str) -> bytes:
    """What the first event of a trace stands on. ``created_at`` is the text in the document."""
    identity = {"format": CHAIN_FORMAT, "trace_id": trace_id, "created_at": created_at}
    return hashlib.sha256(canonicalise(identity)).digest()


def genesis_of(trace: Trace) -> bytes:
    """See ``genesis``; the text is the one that the trace is stored with."""
    created_at = json.loads(trace.model_dump_json(include={"created_at"}))["created_at"]
    return genesis(trace.trace_id, created_at)


def link(previous: bytes, canonical: bytes) -> bytes:
    """The hash of an event: SHA-256 over the 32 bytes of the hash before it and its canonical JSON without ``hash``."""
    return hashlib.sha256(previous + canonical).digest()


def chain_event(previous: bytes, event: Event) -> ChainedEvent:
    """Put an event after the one that has the hash ``previous``.

    Raises:
        NotCanonicalError: a number in it is not one that every reader understands alike.
    """
    canonical = canonical_event(event)
    digest = link(previous, canonical)
    return ChainedEvent(digest, splice_hash(canonical, digest))


def splice_hash(canonical: bytes, digest: bytes) -> bytes:
    """The stored JSON of an event."""
    return b'%b,"hash":"%b"}' % (canonical[:-1], digest.hex().encode())


def split_hash(stored: bytes) -> tuple[bytes, bytes] | None:
    """The canonical JSON and the hash that ``splice_hash`` put together; ``None`` where it did not write this.

    So a chain is checked without parsing: ``link(previous, canonical) == digest``.
    """
    tail = _STORED.search(stored, max(0, len(stored) - _TAIL_BYTES))
    if tail is None:
        return None
    return stored[: tail.start()] + b"}", bytes.fromhex(tail[1].decode())
