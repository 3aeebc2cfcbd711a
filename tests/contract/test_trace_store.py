"""What every ``TraceStore`` promises."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app.errors import TraceDeletedError, TraceExistsError, TraceNotFoundError
from app.models.trace import ArtifactRef, Trace
from app.rules.chain import genesis_of, link, split_hash
from app.rules.sequence import AcceptedEvent, accept_events
from app.storage.base import Accept, Receipt, Record, TraceHead, TraceStore
from tests.builders import NOON, a_thought, a_trace, events

REF = ArtifactRef(sha256="0" * 64, size_bytes=3, media_type="text/plain", kind="file")


def first_events(trace: Trace, *documents: dict[str, Any]) -> tuple[AcceptedEvent, ...]:
    return accept_events(
        events(*documents),
        taken_ids=frozenset(),
        first_seq=1,
        chain=genesis_of(trace),
        received_at=NOON,
        new_id=iter(map(str, range(1000))).__next__,
    )


def accepting(*documents: dict[str, Any], **more: Any) -> Accept:
    """Takes the events, numbered after those that are there."""

    def accept(head: TraceHead) -> Record:
        ids = (f"new-{head.num_events}-{number}" for number in range(1000))
        accepted = accept_events(
            events(*documents),
            taken_ids=head.event_ids,
            first_seq=head.num_events + 1,
            chain=head.chain,
            received_at=NOON,
            new_id=ids.__next__,
        )
        return Record(accepted, **more)

    return accept


def contents(store: TraceStore, trace_id: str = "t-1") -> list[tuple[str, int | None]]:
    return [(event.data.model_dump()["content"], event.seq) for event in store.load(trace_id).events]


def created(store: TraceStore, trace_id: str = "t-1", **more: Any) -> Trace:
    trace = a_trace(trace_id, **more)
    store.create(trace, Record())
    return trace


def test_an_id_is_taken_once(store: TraceStore) -> None:
    created(store, developer_id="first")

    with pytest.raises(TraceExistsError):
        store.create(a_trace("t-1", developer_id="second"), Record())

    assert store.load("t-1").developer_id == "first"


def test_what_was_created_is_read_back_as_it_was(store: TraceStore) -> None:
    trace = a_trace("t-1", bug_id="B-9")
    accepted = first_events(trace, a_thought("ünï ☃", minute=1), a_thought("first", minute=0))

    store.create(trace, Record(accepted))

    assert contents(store) == [("first", 2), ("ünï ☃", 1)]
    document = json.loads(b"".join(store.read("t-1").blocks))
    assert document["bug_id"] == "B-9"
    assert document["events"] == [json.loads(event.content) for event in (accepted[1], accepted[0])]


def test_an_unknown_trace_is_not_found(store: TraceStore) -> None:
    with pytest.raises(TraceNotFoundError):
        store.load("nobody")
    with pytest.raises(TraceNotFoundError):
        store.head("nobody")
    with pytest.raises(TraceNotFoundError):
        store.read("nobody")
    with pytest.raises(TraceNotFoundError):
        store.append("nobody", accepting(a_thought()))
    with pytest.raises(TraceNotFoundError):
        store.update("nobody", lambda trace, chain: trace)
    with pytest.raises(TraceNotFoundError):
        store.delete("nobody", {})


def test_appended_events_are_read_in_time_order(store: TraceStore) -> None:
    created(store)

    store.append("t-1", accepting(a_thought("late", minute=9)))
    store.append("t-1", accepting(a_thought("early", minute=1), a_thought("also late", minute=9)))

    assert contents(store) == [("early", 2), ("late", 1), ("also late", 3)]


def test_events_are_paged_in_order_of_arrival(store: TraceStore) -> None:
    trace = a_trace("t-1")
    store.create(trace, Record(first_events(trace, a_thought("1", minute=9), a_thought("2", minute=8))))
    store.append("t-1", accepting(a_thought("3", minute=7), a_thought("4", minute=6)))

    def page(after: int, limit: int) -> list[str]:
        return [json.loads(event)["data"]["content"] for event in store.read_events("t-1", after, limit)]

    assert page(0, 10) == ["1", "2", "3", "4"]
    assert page(1, 2) == ["2", "3"]
    assert page(4, 10) == []


def test_the_bytes_that_were_accepted_are_the_bytes_that_are_kept(store: TraceStore) -> None:
    created(store)
    kept: list[AcceptedEvent] = []

    def accept(head: TraceHead) -> Record:
        record = accepting(a_thought("ü\u2028\\ \x7f", extra={"b": [1.5, -0.0, 1e-7, 2.0], "a": None}))(head)
        assert record is not None
        kept.extend(record.events)
        return record

    store.append("t-1", accept)

    assert store.read_events("t-1", 0, 10) == [kept[0].content]


def test_the_chain_goes_on_over_every_step(store: TraceStore) -> None:
    trace = a_trace("t-1")
    store.create(trace, Record(first_events(trace, a_thought("1"), a_thought("2"))))
    store.append("t-1", accepting(a_thought("3")))
    store.update("t-1", lambda trace, chain: trace.model_copy(update={"bug_id": "B"}))
    store.append("t-1", accepting(a_thought("4"), a_thought("5")))

    chain = genesis_of(trace)
    for stored in store.read_events("t-1", 0, 10):
        split = split_hash(stored)
        assert split is not None
        chain = link(chain, split[0])
        assert chain == split[1]
    assert chain == store.head("t-1").chain


def test_an_append_that_raised_left_nothing(store: TraceStore) -> None:
    created(store)

    def refuse(head: TraceHead) -> Record:
        raise ValueError(head.trace.trace_id)

    with pytest.raises(ValueError, match="t-1"):
        store.append("t-1", refuse)

    assert contents(store) == []
    assert store.load("t-1").revision == 1


def test_an_append_of_nothing_changes_nothing(store: TraceStore) -> None:
    created(store)

    store.append("t-1", lambda head: None)

    assert store.load("t-1").revision == 1


def test_whoever_decides_sees_what_is_stored(store: TraceStore) -> None:
    created(store)
    receipt = Receipt("chunk", "c-1", "0" * 64, NOON, {"answer": 1}, chunk_seq=7)
    store.append("t-1", accepting(a_thought(), artifacts={"log": REF}, receipts=(receipt,), redactions={"jwt": 2}))

    def look(head: TraceHead) -> None:
        assert (head.revision, head.num_events, set(head.event_ids)) == (2, 1, {"new-0-0-1"})
        assert head.receipts["chunk", "c-1"] == receipt
        assert head.last_chunk_seq == 7
        assert dict(head.artifacts) == {"log": REF}
        assert dict(head.redactions) == {"jwt": 2}

    store.append("t-1", look)


def test_what_came_with_events_is_part_of_the_trace(store: TraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought(), artifacts={"log": REF}, redactions={"jwt": 2}))
    store.append("t-1", accepting(a_thought(), redactions={"jwt": 1, "email": 1}))

    trace = store.load("t-1")

    assert trace.artifacts == {"log": REF}
    assert trace.redactions == {"jwt": 3, "email": 1}
    assert trace.metrics is not None
    assert trace.metrics.num_events == 2
    assert trace.revision == 3


def test_an_update_keeps_events_and_receipts(store: TraceStore) -> None:
    created(store)
    receipt = Receipt("key", "k", "0" * 64, NOON, {"x": 1}, expires_at=NOON)
    store.append("t-1", accepting(a_thought("kept"), receipts=(receipt,), artifacts={"log": REF}))

    changed = store.update("t-1", lambda trace, chain: trace.model_copy(update={"status": "finalized"}))

    assert changed.revision == store.load("t-1").revision == 3
    assert contents(store) == [("kept", 1)]
    head = store.head("t-1")
    assert head.trace.status == "finalized"
    assert head.receipts["key", "k"] == receipt
    assert head.current().artifacts == {"log": REF}


def test_an_update_that_hands_back_what_it_got_changes_nothing(store: TraceStore) -> None:
    created(store)

    assert store.update("t-1", lambda trace, chain: trace).revision == 1
    assert store.load("t-1").revision == 1


def test_a_trace_that_is_being_finalized_is_found_again(store: TraceStore) -> None:
    created(store)
    assert store.unfinished() == []

    store.update("t-1", lambda trace, chain: trace.model_copy(update={"status": "finalizing"}))
    assert store.unfinished() == ["t-1"]

    store.update("t-1", lambda trace, chain: trace.model_copy(update={"status": "finalized"}))
    assert store.unfinished() == []


def test_a_deleted_trace_leaves_its_tombstone(store: TraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("secret")))

    store.delete("t-1", {"deleted_at": "today", "reason": "on request"})

    with pytest.raises(TraceDeletedError, match="today"):
        store.load("t-1")
    with pytest.raises(TraceDeletedError, match="on request"):
        store.create(a_trace("t-1"), Record())


def test_concurrent_appends_lose_nothing(store: TraceStore) -> None:
    created(store)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: store.append("t-1", accepting(a_thought(str(number)))), range(200)))

    read = contents(store)
    assert sorted(seq or 0 for _, seq in read) == list(range(1, 201))
    assert {content for content, _ in read} == {str(number) for number in range(200)}


def test_what_is_written_counts_at_once_and_is_kept_when_the_last_of_it_is_synced(store: TraceStore) -> None:
    created(store)

    first = store.write("t-1", accepting(a_thought("1")))
    second = store.write("t-1", accepting(a_thought("2")))

    assert store.head("t-1").num_events == 2
    assert first.journal is second.journal
    assert first.end <= second.end
    second.sync()
    assert contents(store) == [("1", 1), ("2", 2)]


def test_updates_between_appends_lose_nothing(store: TraceStore) -> None:
    created(store)

    def step(number: int) -> None:
        if number % 10 == 0:
            store.update("t-1", lambda trace, chain: trace.model_copy(update={"bug_id": str(number)}))
        else:
            store.append("t-1", accepting(a_thought(str(number))))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(step, range(100)))

    assert {content for content, _ in contents(store)} == {str(number) for number in range(100) if number % 10}
    assert store.load("t-1").revision == 101
