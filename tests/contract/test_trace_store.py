"""What every ``TraceStore`` promises."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.errors import RevisionConflictError, TraceExistsError, TraceNotFoundError
from app.models.events import Event
from app.rules.documents import render_document
from app.rules.sequence import accept_events
from app.storage.base import Accept, TraceHead, TraceStore
from tests.builders import NOON, a_thought, a_trace, events


def accepting(*documents: dict[str, object]) -> Accept:
    """Takes the events, numbered after those that are there."""

    def accept(head: TraceHead) -> tuple[Event, ...]:
        return accept_events(
            events(*documents),
            taken_ids=head.event_ids,
            first_seq=head.num_events + 1,
            received_at=NOON,
            new_id=lambda: f"new-{head.num_events}",
        )

    return accept


def test_an_id_is_taken_once(store: TraceStore) -> None:
    store.create(a_trace("t-1", developer_id="first"))

    with pytest.raises(TraceExistsError):
        store.create(a_trace("t-1", developer_id="second"))

    assert store.load("t-1").developer_id == "first"


def test_what_was_created_is_read_back_as_it_was(store: TraceStore) -> None:
    trace = a_trace("t-1", bug_id="B-9", events=events(a_thought("ünï ☃", minute=1)))

    store.create(trace)

    assert render_document(store.load("t-1")) == render_document(trace)


def test_an_unknown_trace_is_not_found(store: TraceStore) -> None:
    with pytest.raises(TraceNotFoundError):
        store.load("nobody")
    with pytest.raises(TraceNotFoundError):
        store.append("nobody", accepting(a_thought()))
    with pytest.raises(TraceNotFoundError):
        store.replace(a_trace("nobody"), expected=1)


def test_appended_events_are_read_in_time_order(store: TraceStore) -> None:
    store.create(a_trace("t-1"))

    store.append("t-1", accepting(a_thought("late", minute=9)))
    store.append("t-1", accepting(a_thought("early", minute=1), a_thought("also late", minute=9)))

    read = store.load("t-1").events
    assert [(event.data.model_dump()["content"], event.seq) for event in read] == [("early", 2), ("late", 1), ("also late", 3)]


def test_an_append_that_raised_left_nothing(store: TraceStore) -> None:
    store.create(a_trace("t-1"))

    def refuse(head: TraceHead) -> tuple[Event, ...]:
        raise ValueError(head.trace_id)

    with pytest.raises(ValueError, match="t-1"):
        store.append("t-1", refuse)

    assert store.load("t-1").events == ()
    assert store.load("t-1").revision == 1


def test_whoever_decides_sees_what_is_stored(store: TraceStore) -> None:
    store.create(a_trace("t-1"))
    store.append("t-1", accepting(a_thought()))
    seen: list[TraceHead] = []

    def look(head: TraceHead) -> tuple[Event, ...]:
        seen.append(TraceHead(head.trace_id, head.status, head.revision, head.num_events, set(head.event_ids)))
        return accepting(a_thought())(head)

    store.append("t-1", look)

    assert seen == [TraceHead("t-1", "open", 2, 1, {"new-0"})]


def test_every_change_raises_the_revision(store: TraceStore) -> None:
    store.create(a_trace("t-1"))
    store.append("t-1", accepting(a_thought()))
    trace = store.load("t-1")

    store.replace(trace.model_copy(update={"bug_id": "B", "revision": 3}), expected=trace.revision)

    assert trace.revision == 2
    assert store.load("t-1").revision == 3


def test_a_state_that_others_have_changed_is_not_replaced(store: TraceStore) -> None:
    store.create(a_trace("t-1"))
    stale = store.load("t-1")
    store.append("t-1", accepting(a_thought("kept")))

    with pytest.raises(RevisionConflictError):
        store.replace(stale.model_copy(update={"bug_id": "B", "revision": 2}), expected=stale.revision)

    assert len(store.load("t-1").events) == 1


def test_events_survive_a_replace_and_go_on_being_numbered(store: TraceStore) -> None:
    store.create(a_trace("t-1"))
    store.append("t-1", accepting(a_thought("one")))
    trace = store.load("t-1")
    store.replace(trace.model_copy(update={"revision": trace.revision + 1}), expected=trace.revision)

    store.append("t-1", accepting(a_thought("two")))

    assert [event.seq for event in store.load("t-1").events] == [1, 2]


def test_concurrent_appends_lose_nothing(store: TraceStore) -> None:
    store.create(a_trace("t-1"))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda number: store.append("t-1", accepting(a_thought(str(number)))), range(200)))

    read = store.load("t-1").events
    assert sorted(event.seq or 0 for event in read) == list(range(1, 201))
    assert {event.data.model_dump()["content"] for event in read} == {str(number) for number in range(200)}
