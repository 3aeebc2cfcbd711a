"""What the file store does beyond the interface: what lies on disk, and what a crash leaves."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import CorruptError, SettingsError, StorageFullError, UnavailableError
from app.storage.base import Receipt, Record, TraceHead, WouldWaitError
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.recovery import RecoveryNote, recover
from tests.builders import NOON, a_thought, a_trace, an_edit
from tests.contract.test_trace_store import accepting, contents, created, first_events


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    return layout


@pytest.fixture
def store(layout: Layout) -> FileTraceStore:
    return FileTraceStore(layout)


def restarted(layout: Layout) -> tuple[FileTraceStore, list[RecoveryNote]]:
    """The store of the next process, after it has brought things into order."""
    store = FileTraceStore(layout)
    return store, recover(layout, store, FileArtifactStore(layout))


def test_a_trace_is_one_json_file(layout: Layout, store: FileTraceStore) -> None:
    created(store)

    assert json.loads((layout.traces / "t-1.json").read_text())["trace_id"] == "t-1"
    assert [path.name for path in layout.traces.iterdir()] == ["t-1.json"]


def test_what_is_known_of_a_new_trace_is_what_its_file_says(layout: Layout, store: FileTraceStore) -> None:
    trace = a_trace("t-1", redactions={"email": 2})
    store.create(trace, Record(first_events(trace, a_thought("late", minute=3), an_edit(minute=1))))

    known, read = store.head("t-1"), FileTraceStore(layout).head("t-1")

    assert known.metrics is not None
    assert read.metrics is not None
    assert known.metrics() == read.metrics()
    assert replace(known, metrics=None) == replace(read, metrics=None)


def test_a_finalized_trace_is_one_json_file_again(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("one")))

    store.update("t-1", lambda trace, chain: trace.model_copy(update={"status": "finalized"}))

    document = json.loads((layout.traces / "t-1.json").read_text())
    assert [event["data"]["content"] for event in document["events"]] == ["one"]
    assert [path.name for path in layout.traces.iterdir()] == ["t-1.json"]


def test_each_event_stands_on_a_line_of_its_own(layout: Layout, store: FileTraceStore) -> None:
    trace = a_trace("t-1")
    store.create(trace, Record(first_events(trace, a_thought("a\nb"), a_thought("c"))))

    lines = layout.document("t-1").read_bytes().splitlines()

    assert len(lines) == 4
    assert json.loads(lines[1].rstrip(b","))["data"]["content"] == "a\nb"


def test_an_append_does_not_touch_the_document(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    before = layout.document("t-1").stat()

    store.append("t-1", accepting(a_thought()))

    assert layout.document("t-1").stat() == before
    assert layout.journal("t-1").read_bytes().count(b"\n") == 1


def test_a_torn_last_line_was_never_acknowledged(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("acknowledged")))
    whole = layout.journal("t-1").read_bytes()
    store.append("t-1", accepting(a_thought("torn")))
    torn = layout.journal("t-1").read_bytes()[: len(whole) + 100]
    layout.journal("t-1").write_bytes(torn)

    reopened, notes = restarted(layout)
    reopened.append("t-1", accepting(a_thought("after the crash")))

    assert contents(reopened) == [("acknowledged", 1), ("after the crash", 2)]
    assert [(note.trace_id, note.is_damage) for note in notes] == [("t-1", False)]
    assert contents(FileTraceStore(layout)) == contents(reopened)


def test_a_damaged_line_is_reported_with_its_place_and_left_alone(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("one")))
    store.append("t-1", accepting(a_thought("two")))
    damaged = layout.journal("t-1").read_bytes().replace(b'"one"', b'"eno"')
    layout.journal("t-1").write_bytes(damaged)

    reopened, notes = restarted(layout)

    assert [(note.trace_id, note.is_damage) for note in notes] == [("t-1", True)]
    assert "line 1, byte 0" in notes[0].problem
    for attempt in (lambda: reopened.load("t-1"), lambda: reopened.append("t-1", accepting(a_thought()))):
        with pytest.raises(CorruptError, match="line 1, byte 0"):
            attempt()
    assert layout.journal("t-1").read_bytes() == damaged


def test_a_crash_between_document_and_journal_doubles_nothing(layout: Layout, store: FileTraceStore) -> None:
    trace = a_trace("t-1")
    store.create(trace, Record(first_events(trace, a_thought("first"))))
    store.append("t-1", accepting(a_thought("once")))
    journal = layout.journal("t-1").read_bytes()
    store.update("t-1", lambda trace, chain: trace.model_copy(update={"bug_id": "B"}))
    layout.journal("t-1").write_bytes(journal)

    reopened, _ = restarted(layout)

    assert contents(reopened) == [("first", 1), ("once", 2)]
    reopened.append("t-1", accepting(a_thought("next")))
    assert contents(reopened)[-1] == ("next", 3)


def test_receipts_survive_a_restart_before_and_after_the_end(layout: Layout, store: FileTraceStore) -> None:
    receipt = Receipt("chunk", "c-1", "0" * 64, NOON, {"events_added": 1}, chunk_seq=1)
    token = Receipt("token", "upload", "1" * 64, NOON, expires_at=NOON)
    store.create(a_trace("t-1"), Record(receipts=(token,)))
    store.append("t-1", accepting(a_thought(), receipts=(receipt,)))

    open_again, _ = restarted(layout)
    assert dict(open_again.head("t-1").receipts) == {("chunk", "c-1"): receipt, ("token", "upload"): token}

    open_again.update("t-1", lambda trace, chain: trace.model_copy(update={"status": "finalized"}))
    closed, _ = restarted(layout)
    assert dict(closed.head("t-1").receipts) == {("chunk", "c-1"): receipt, ("token", "upload"): token}
    assert "upload" not in layout.document("t-1").read_text()


def test_a_creation_that_was_never_acknowledged_is_swept(layout: Layout, store: FileTraceStore) -> None:
    store.create(a_trace("t-1"), Record(receipts=(Receipt("token", "upload", "1" * 64, NOON),)))
    layout.document("t-1").unlink()
    (layout.traces / ".t-2.json.abc.draft").write_text("{")

    restarted(layout)

    assert list(layout.traces.iterdir()) == []


def test_an_interrupted_deletion_is_completed(layout: Layout, store: FileTraceStore) -> None:
    created(store)
    blob = FileArtifactStore(layout).put("t-1", [b"x"])
    layout.tombstone("t-1").write_text(json.dumps({"deleted_at": "today", "reason": "r"}))

    restarted(layout)

    assert list(layout.traces.iterdir()) == []
    assert not layout.blob(blob.sha256).exists()


def test_a_document_that_is_no_trace_is_corrupt(layout: Layout, store: FileTraceStore) -> None:
    for content in ("{}", "", '{"events":[\n],"x":1}\n', "\n\n\n"):
        layout.document("t-1").write_text(content)

        with pytest.raises(CorruptError):
            FileTraceStore(layout).load("t-1")


def test_a_document_of_another_trace_is_corrupt(layout: Layout, store: FileTraceStore) -> None:
    created(store, "t-2")
    layout.document("t-2").rename(layout.document("t-1"))

    with pytest.raises(CorruptError, match="another trace"):
        FileTraceStore(layout).load("t-1")


def test_a_missing_data_directory_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be used"):
        FileTraceStore(Layout(tmp_path / "gone")).create(a_trace("t-1"), Record())


def test_a_failed_sync_leaves_nothing_that_was_not_acknowledged(
    layout: Layout, store: FileTraceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(store)
    store.append("t-1", accepting(a_thought("kept")))

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(StorageFullError):
            store.append("t-1", accepting(a_thought("lost")))
    store.append("t-1", accepting(a_thought("after")))

    assert contents(store) == [("kept", 1), ("after", 2)]
    assert contents(FileTraceStore(layout)) == contents(store)


def test_what_waits_together_is_synced_together(layout: Layout, store: FileTraceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    created(store)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)

    written = [store.write("t-1", accepting(a_thought(str(number)))) for number in range(5)]
    assert layout.journal("t-1").stat().st_size == 0
    written[-1].sync()
    written[0].sync()

    assert len(synced) == 1
    assert contents(FileTraceStore(layout)) == [(str(number), number + 1) for number in range(5)]


def test_who_may_not_wait_is_told_when_a_trace_is_not_at_hand(store: FileTraceStore) -> None:
    created(store)
    with pytest.raises(WouldWaitError):
        store.write("t-1", accepting(a_thought("first")), may_wait=False)
    store.append("t-1", accepting(a_thought("first")))

    def while_held(head: TraceHead) -> None:
        with ThreadPoolExecutor(1) as pool, pytest.raises(WouldWaitError):
            pool.submit(store.write, "t-1", accepting(a_thought("third")), may_wait=False).result()

    store.append("t-1", while_held)
    store.write("t-1", accepting(a_thought("second")), may_wait=False).sync()
    assert contents(store) == [("first", 1), ("second", 2)]


def test_more_traces_than_are_remembered(layout: Layout, store: FileTraceStore) -> None:
    for number in range(300):
        created(store, f"t-{number}")
        store.append(f"t-{number}", accepting(a_thought(str(number))))

    store.append("t-0", accepting(a_thought("again")))

    assert contents(store, "t-0") == [("0", 1), ("again", 2)]


@pytest.mark.parametrize("trace_id", ["../x", "a/b", "", ".", "..", "a\x00", "a\n", "x" * 129, "-a", "ä"])
def test_an_id_never_leaves_the_data_directory(layout: Layout, trace_id: str) -> None:
    for path in (layout.document, layout.journal, layout.receipts, layout.marker, layout.tombstone, layout.held):
        with pytest.raises(ValueError, match="not a name"):
            path(trace_id)


def test_one_process_owns_a_data_directory(tmp_path: Path) -> None:
    with DataDirLock(tmp_path / "lock"), pytest.raises(SettingsError, match="in use by another process"):
        DataDirLock(tmp_path / "lock")

    DataDirLock(tmp_path / "lock").release()


def test_lines_that_wait_for_the_disk_are_not_forgotten_while_many_other_traces_are_used(
    layout: Layout, store: FileTraceStore
) -> None:
    created(store)
    first = store.write("t-1", accepting(a_thought("one")))
    for number in range(300):
        created(store, f"other-{number}")

    second = store.write("t-1", accepting(a_thought("two")))
    second.sync()
    first.sync()

    assert contents(store) == [("one", 1), ("two", 2)]
    assert contents(restarted(layout)[0]) == [("one", 1), ("two", 2)]
