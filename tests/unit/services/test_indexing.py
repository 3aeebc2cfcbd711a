"""The index follows the traces, whatever happens to either."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.errors import CorruptError, StorageFullError, TraceNotFoundError
from app.models.query import TraceQuery
from app.rules.summaries import Described
from app.services.indexing import IndexUpdater
from app.services.queries import QueryService
from app.storage.sqlite_index import SqliteTraceIndex
from tests.index_entries import a_summary

LONG_S = 30.0
"""Never waited out by a test that passes."""


class Shelf:
    """Traces as an updater sees them."""

    def __init__(self) -> None:
        self.traces: dict[str, tuple[str, int]] = {}
        self.described: list[str] = []
        self.error: dict[str, Exception] = {}

    def keep(self, trace_id: str, text: str = "") -> None:
        self.traces[trace_id] = (text, self.traces.get(trace_id, ("", 0))[1] + 1)

    def describe(self, trace_id: str) -> Described:
        self.described.append(trace_id)
        if trace_id in self.error:
            raise self.error[trace_id]
        if trace_id not in self.traces:
            raise TraceNotFoundError(trace_id)
        text, revision = self.traces[trace_id]
        return Described(a_summary(trace_id, num_events=revision), frozenset(), text)

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        yield from [(trace_id, str(revision)) for trace_id, (_, revision) in self.traces.items()]

    def fingerprint(self, trace_id: str) -> str | None:
        return str(self.traces[trace_id][1]) if trace_id in self.traces else None


class MovableTimer:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class RefusingIndex(SqliteTraceIndex):
    """Refuses to be written while ``is_full``."""

    is_full = False

    def put(self, entries: object) -> None:
        if self.is_full:
            raise StorageFullError
        super().put(entries)  # type: ignore[arg-type]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def timer() -> MovableTimer:
    return MovableTimer()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def index(path: Path) -> Iterator[RefusingIndex]:
    index = RefusingIndex(path)
    yield index
    index.close()


@pytest.fixture
def make_updater(shelf: Shelf, index: RefusingIndex, timer: MovableTimer) -> Iterator[Callable[[], IndexUpdater]]:
    with ExitStack() as started:

        def make() -> IndexUpdater:
            updater = IndexUpdater(shelf.describe, shelf, index, timer)
            started.callback(updater.close)
            return updater

        yield make


@pytest.fixture
def updater(make_updater: Callable[[], IndexUpdater]) -> IndexUpdater:
    return make_updater()


def listed(index: SqliteTraceIndex, **query: object) -> list[str]:
    return sorted(item.trace_id for item in index.find(TraceQuery.model_validate(query)).items)


def test_a_touched_trace_is_listed_after_a_flush(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex) -> None:
    shelf.keep("t-1", "needle")
    updater.touch("t-1")

    assert updater.flush(LONG_S)
    assert listed(index, q="needle") == ["t-1"]


def test_a_trace_that_is_gone_is_not_listed(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex) -> None:
    shelf.keep("t-1")
    updater.touch("t-1")
    updater.flush(LONG_S)
    del shelf.traces["t-1"]
    updater.touch("t-1")

    assert updater.drain(LONG_S)
    assert listed(index) == []


def test_a_growing_trace_is_not_waited_for_and_drained_when_asked(
    updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex
) -> None:
    shelf.keep("t-1")
    updater.touch("t-1")
    updater.flush(LONG_S)
    shelf.keep("t-1")
    updater.grew("t-1")

    assert updater.flush(LONG_S)
    assert shelf.described == ["t-1"]
    assert updater.drain(LONG_S)
    assert index.find(TraceQuery()).items[0].num_events == 2


def test_catching_up_finds_what_is_new_changed_and_gone(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex) -> None:
    for name in ("same", "changes", "goes"):
        shelf.keep(name)
    updater.catch_up()
    assert updater.drain(LONG_S)
    shelf.described.clear()
    shelf.keep("changes")
    shelf.keep("new")
    del shelf.traces["goes"]

    updater.catch_up()

    assert updater.drain(LONG_S)
    assert updater.is_caught_up
    assert listed(index) == ["changes", "new", "same"]
    assert sorted(shelf.described) == ["changes", "new"]


def test_catching_up_takes_many_traces_in_small_steps(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex) -> None:
    names = [f"t-{n:03}" for n in range(150)]
    for name in names:
        shelf.keep(name)

    updater.catch_up()

    assert updater.drain(LONG_S)
    assert listed(index, limit=200) == names


def test_a_damaged_trace_is_not_listed_and_the_others_are(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex) -> None:
    for name in ("a", "damaged", "odd", "z"):
        shelf.keep(name)
    shelf.error = {"damaged": CorruptError("line 3"), "odd": RuntimeError("a bug")}

    updater.catch_up()

    assert updater.drain(LONG_S)
    assert listed(index) == ["a", "z"]


def test_a_listed_trace_that_becomes_damaged_is_listed_no_more(
    updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex
) -> None:
    shelf.keep("t-1")
    updater.touch("t-1")
    updater.flush(LONG_S)
    shelf.error = {"t-1": CorruptError("line 3")}
    updater.touch("t-1")

    assert updater.flush(LONG_S)
    assert listed(index) == []


def test_a_full_disk_stops_nobody_and_is_made_up_for(
    updater: IndexUpdater, shelf: Shelf, index: RefusingIndex, timer: MovableTimer
) -> None:
    index.is_full = True
    shelf.keep("t-1")
    updater.touch("t-1")

    assert not updater.flush(LONG_S)
    assert listed(index) == []
    index.is_full = False
    timer.now += 60
    updater.touch("t-2")
    while not updater.flush(LONG_S):
        pass
    assert listed(index) == ["t-1"]


def test_a_comparison_that_the_disk_stopped_begins_anew(
    updater: IndexUpdater, shelf: Shelf, index: RefusingIndex, timer: MovableTimer
) -> None:
    index.is_full = True
    shelf.keep("t-1")
    updater.catch_up()
    assert not updater.drain(LONG_S)
    assert not updater.is_caught_up
    index.is_full = False
    timer.now += 60

    updater.touch("unknown")
    while not updater.drain(LONG_S):
        pass

    assert updater.is_caught_up
    assert listed(index) == ["t-1"]


def test_a_lost_index_is_filled_again(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex, path: Path) -> None:
    shelf.keep("t-1")
    updater.touch("t-1")
    updater.flush(LONG_S)
    path.unlink()

    listed(index)

    assert updater.drain(LONG_S)
    assert listed(index) == ["t-1"]


def test_touching_never_waits_for_a_trace_that_is_being_read(
    shelf: Shelf, index: SqliteTraceIndex, timer: MovableTimer
) -> None:
    is_reading, may_go_on = threading.Event(), threading.Event()

    def slowly(trace_id: str) -> Described:
        is_reading.set()
        assert may_go_on.wait(LONG_S)
        return shelf.describe(trace_id)

    updater = IndexUpdater(slowly, shelf, index, timer)
    shelf.keep("t-1")
    updater.touch("t-1")
    assert is_reading.wait(LONG_S)

    for _ in range(100):
        updater.touch("t-1")
    assert not updater.flush(0)
    may_go_on.set()

    assert updater.flush(LONG_S)
    assert shelf.described == ["t-1", "t-1"]
    updater.close()


def test_after_the_end_nothing_is_read(updater: IndexUpdater, shelf: Shelf) -> None:
    updater.close()
    shelf.keep("t-1")
    updater.touch("t-1")
    updater.catch_up()

    assert not updater.flush(LONG_S)
    assert shelf.described == []
    assert not [thread for thread in threading.enumerate() if thread.name == "index-updater"]


def test_a_query_sees_what_happened_before_it(updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex) -> None:
    queries = QueryService(index, updater)
    shelf.keep("t-1")
    updater.touch("t-1")

    page = queries.find(TraceQuery())

    assert [item.trace_id for item in page.items] == ["t-1"]
    assert page.complete


def test_a_query_says_where_the_index_is_behind(updater: IndexUpdater, shelf: Shelf, index: RefusingIndex) -> None:
    index.is_full = True
    shelf.keep("t-1")
    updater.touch("t-1")

    page = QueryService(index, updater).find(TraceQuery())

    assert page.items == ()
    assert not page.complete


def test_a_query_right_after_the_start_waits_for_a_short_comparison(
    updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex
) -> None:
    shelf.keep("t-1")
    updater.catch_up()

    page = QueryService(index, updater, longest_wait_s=LONG_S).find(TraceQuery())

    assert [item.trace_id for item in page.items] == ["t-1"]
    assert page.complete


def test_a_query_does_not_wait_for_a_long_comparison(shelf: Shelf, index: SqliteTraceIndex, timer: MovableTimer) -> None:
    is_reading, may_go_on = threading.Event(), threading.Event()

    def slowly(trace_id: str) -> Described:
        timer.now += 10
        is_reading.set()
        assert may_go_on.wait(LONG_S)
        return shelf.describe(trace_id)

    shelf.keep("t-1")
    updater = IndexUpdater(slowly, shelf, index, timer)
    updater.catch_up()
    assert is_reading.wait(LONG_S)

    page = QueryService(index, updater, longest_wait_s=LONG_S).find(TraceQuery())

    assert page.items == ()
    assert not page.complete
    may_go_on.set()
    updater.close()


def test_an_index_that_is_lost_under_a_query_is_filled_before_the_answer(
    updater: IndexUpdater, shelf: Shelf, index: SqliteTraceIndex, path: Path
) -> None:
    queries = QueryService(index, updater, longest_wait_s=LONG_S)
    shelf.keep("t-1")
    updater.touch("t-1")
    assert queries.find(TraceQuery()).complete
    path.unlink()

    page = queries.find(TraceQuery())

    assert [item.trace_id for item in page.items] == ["t-1"]
    assert page.complete
