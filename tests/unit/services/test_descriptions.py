"""What came in just now is described from memory, and exactly as it would be from the disk."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from app.errors import TraceDeletedError, TraceExistsError
from app.models.events import Event
from app.models.trace import NewTrace, Trace
from app.rules.redaction.policy import RedactionPolicy
from app.rules.summaries import Described, describe
from app.services.descriptions import Descriptions
from app.services.idempotency import RequestKeys
from app.services.ingest import IngestService
from app.services.intake import Intake
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from tests.builders import NOON, a_new_trace, a_thought, an_edit, an_event
from tests.contract.test_trace_store import accepting

SECRET = "ghp_" + "a1B2" * 9
SAID = [
    a_thought("the last", minute=9),
    an_edit(diff="--- a/till.py\n+++ b/till.py\n@@ -1 +1 @@\n-a\n+b\n", minute=1),
    an_event("terminal_command", minute=2, command=f"deploy --token {SECRET}", exit_code=0, output="", duration_ms=1),
    a_thought("the first", minute=0),
]


class CountingStore(FileTraceStore):
    """Notes which traces are read."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        self.scanned: list[str] = []

    def scan(self, trace_id: str) -> tuple[Trace, Iterator[Event]]:
        self.scanned.append(trace_id)
        return super().scan(trace_id)


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    layout = Layout(tmp_path)
    layout.make()
    return CountingStore(layout)


def ingest_into(store: CountingStore, descriptions: Descriptions) -> IngestService:
    ids = count(1)
    return IngestService(
        store, Intake(RedactionPolicy()), RequestKeys(), lambda: NOON, lambda: f"new-{next(ids)}", descriptions
    )


def a_told_trace(trace_id: str, *, title: str = "Discounts") -> NewTrace:
    return a_new_trace(trace_id=trace_id, task={"title": title}, events=SAID)


def read(store: CountingStore, trace_id: str) -> Described:
    return describe(*store.scan(trace_id))


def test_it_says_what_reading_would(store: CountingStore) -> None:
    descriptions = Descriptions(store)
    ingest_into(store, descriptions).create(a_told_trace("t-1"))

    described = descriptions.of("t-1")

    assert store.scanned == []
    assert described == read(store, "t-1")
    assert described.text.splitlines()[:2] == ["Discounts", "the first"]
    assert SECRET not in described.text


def test_a_trace_that_has_grown_is_read(store: CountingStore) -> None:
    descriptions = Descriptions(store)
    ingest_into(store, descriptions).create(a_told_trace("t-1"))
    store.append("t-1", accepting(a_thought("more")))

    assert "more" in descriptions.of("t-1").text
    assert store.scanned == ["t-1"]


def test_it_is_told_once(store: CountingStore) -> None:
    descriptions = Descriptions(store)
    ingest_into(store, descriptions).create(a_told_trace("t-1"))

    assert descriptions.of("t-1") == descriptions.of("t-1")
    assert store.scanned == ["t-1"]


def test_nothing_is_said_of_a_trace_that_was_refused(store: CountingStore) -> None:
    descriptions = Descriptions(store)
    ingest = ingest_into(store, descriptions)
    ingest.create(a_told_trace("t-1"))

    with pytest.raises(TraceExistsError):
        ingest.create(a_told_trace("t-1", title="Another"))

    assert descriptions.of("t-1").summary.task_title == "Discounts"


def test_what_was_noted_of_another_trace_with_the_id_is_not_told(store: CountingStore) -> None:
    descriptions = Descriptions(store)
    ingest_into(store, descriptions).create(a_told_trace("t-1"))
    trace = store.head("t-1").trace
    earlier = trace.model_copy(update={"created_at": trace.created_at.replace(year=2001), "developer_id": "another"})
    descriptions.note(earlier, ())

    assert descriptions.of("t-1").summary.developer_id == trace.developer_id


def test_a_trace_that_is_gone_is_gone(store: CountingStore) -> None:
    descriptions = Descriptions(store)
    ingest_into(store, descriptions).create(a_told_trace("t-1"))
    store.delete("t-1", {"reason": "on request"})

    with pytest.raises(TraceDeletedError):
        descriptions.of("t-1")


def test_what_there_is_no_room_for_is_read(store: CountingStore) -> None:
    descriptions = Descriptions(store, most_characters=100)
    ingest = ingest_into(store, descriptions)
    for number in (1, 2):
        ingest.create(a_told_trace(f"t-{number}"))

    assert descriptions.of("t-2") == read(store, "t-2")
    assert store.scanned == ["t-2", "t-2"]
    descriptions.of("t-1")
    assert store.scanned == ["t-2", "t-2"]

    ingest.create(a_told_trace("t-3"))
    descriptions.of("t-3")
    assert store.scanned == ["t-2", "t-2"]
