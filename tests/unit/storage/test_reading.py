"""Reading beside a process that writes: what is read belongs together, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.errors import CorruptError, TraceDeletedError, TraceNotFoundError, UnavailableError
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from app.storage.reading import TraceReader
from tests.builders import a_thought
from tests.contract.test_trace_store import accepting, created


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    return layout


@pytest.fixture
def store(layout: Layout) -> FileTraceStore:
    """Of the process that owns the directory."""
    return FileTraceStore(layout)


class Folding(Layout):
    """A layout under which a trace is folded between the opening of its two files, so many times."""

    store: FileTraceStore
    times: int

    def journal(self, trace_id: str) -> Path:
        if self.times > 0:
            object.__setattr__(self, "times", self.times - 1)
            self.store.append(trace_id, accepting(a_thought("meanwhile")))
            self.store.update(trace_id, lambda trace, _: trace.model_copy(update={"bug_id": str(self.times)}))
        return super().journal(trace_id)


def folding(layout: Layout, store: FileTraceStore, times: int) -> Folding:
    made = Folding(layout.root)
    object.__setattr__(made, "store", store)
    object.__setattr__(made, "times", times)
    return made


def test_what_the_owner_has_is_read(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("one"), a_thought("two", 1)))

    trace, events = TraceReader(layout).scan("t-1")

    assert trace.trace_id == "t-1"
    assert [event.seq for event in events] == [1, 2]
    assert b"".join(TraceReader(layout).read("t-1").blocks) == b"".join(store.read("t-1").blocks)


def test_a_trace_that_is_folded_meanwhile_is_scanned_again(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("before")))

    trace, events = TraceReader(folding(layout, store, times=2)).scan("t-1")

    assert [event.seq for event in events] == [1, 2, 3]
    assert trace.bug_id == "0"


def test_a_trace_that_is_folded_meanwhile_is_read_again(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("before")))

    blocks = TraceReader(folding(layout, store, times=2)).read("t-1").blocks

    assert b"".join(blocks) == b"".join(store.read("t-1").blocks)


def test_a_trace_that_never_rests_is_given_up(layout: Layout, store: FileTraceStore) -> None:
    created(store)

    with pytest.raises(UnavailableError, match="faster"):
        TraceReader(folding(layout, store, times=1000)).read("t-1")


def test_nothing_is_written(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    before = {path: path.stat().st_mtime_ns for path in layout.root.rglob("*")}

    list(TraceReader(layout).scan("t-1")[1])

    assert {path: path.stat().st_mtime_ns for path in layout.root.rglob("*")} == before


def test_what_is_not_there_is_not_found(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.delete("t-1", {"deleted_at": "now", "reason": "on request"})

    with pytest.raises(TraceDeletedError):
        TraceReader(layout).read("t-1")
    for trace_id in ("nowhere", "../t-1", ""):
        with pytest.raises(TraceNotFoundError):
            TraceReader(layout).read(trace_id)


def test_damage_is_told(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    layout.document("t-1").write_text("{")

    with pytest.raises(CorruptError):
        TraceReader(layout).read("t-1")
