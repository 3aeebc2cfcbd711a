"""The chain, link by link."""

from __future__ import annotations

import hashlib

from app.rules.canonical import canonical_event
from app.rules.chain import chain_event, genesis, genesis_of, link, splice_hash, split_hash
from tests.builders import a_trace
from tests.sealing import some_events


def test_the_first_link_stands_on_the_identity_of_the_trace() -> None:
    identity = b'{"created_at":"2026-03-02T12:00:00Z","format":"pr-telemetry-chain-1","trace_id":"t-1"}'

    assert genesis("t-1", "2026-03-02T12:00:00Z") == hashlib.sha256(identity).digest()
    assert genesis_of(a_trace("t-1")) == genesis("t-1", "2026-03-02T12:00:00Z")
    assert genesis_of(a_trace("t-2")) != genesis_of(a_trace("t-1"))


def test_a_link_is_the_hash_of_the_one_before_and_the_event() -> None:
    assert link(b"\x01" * 32, b"{}") == hashlib.sha256(b"\x01" * 32 + b"{}").digest()


def test_a_stored_event_is_its_canonical_bytes_with_the_hash_at_the_end() -> None:
    event = some_events()[0]
    digest, stored = chain_event(bytes(32), event)

    assert digest == link(bytes(32), canonical_event(event))
    assert stored == canonical_event(event)[:-1] + b',"hash":"' + digest.hex().encode() + b'"}'


def test_a_stored_event_is_taken_apart_without_parsing() -> None:
    for event in some_events():
        digest, stored = chain_event(bytes(32), event)

        assert split_hash(stored) == (canonical_event(event), digest)


def test_what_was_not_stored_by_us_is_not_taken_apart() -> None:
    stored = splice_hash(b'{"a":1}', bytes(32))
    for other in (b"", b"{}", stored + b"\n", stored[:-1], stored.replace(b"0", b"F"), stored.replace(b'":"', b'": "')):
        assert split_hash(other) is None
