"""What the file store does beyond the interface: what lies on disk, and what a crash leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import CorruptError, SettingsError, UnavailableError
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from tests.builders import a_thought, a_trace
from tests.contract.test_trace_store import accepting


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.make()
    return layout


def test_a_trace_is_one_json_file(layout: Layout) -> None:
    FileTraceStore(layout).create(a_trace("t-1"))

    assert json.loads((layout.traces / "t-1.json").read_text())["trace_id"] == "t-1"
    assert [path.name for path in layout.traces.iterdir()] == ["t-1.json"]


def test_an_append_does_not_rewrite_the_document(layout: Layout) -> None:
    store = FileTraceStore(layout)
    store.create(a_trace("t-1"))
    before = layout.document("t-1").stat()

    store.append("t-1", accepting(a_thought()))

    assert layout.document("t-1").stat().st_ino == before.st_ino
    assert layout.journal("t-1").read_bytes().count(b"\n") == 1


def test_a_torn_last_line_was_never_acknowledged(layout: Layout) -> None:
    store = FileTraceStore(layout)
    store.create(a_trace("t-1"))
    store.append("t-1", accepting(a_thought("acknowledged")))
    with layout.journal("t-1").open("ab") as journal:
        journal.write(b'[{"event_type": "reasoning_st')

    reopened = FileTraceStore(layout)
    reopened.append("t-1", accepting(a_thought("after the crash")))

    contents = [event.data.model_dump()["content"] for event in FileTraceStore(layout).load("t-1").events]
    assert contents == ["acknowledged", "after the crash"]


def test_a_damaged_line_is_reported_with_its_place(layout: Layout) -> None:
    store = FileTraceStore(layout)
    store.create(a_trace("t-1"))
    store.append("t-1", accepting(a_thought("one")))
    store.append("t-1", accepting(a_thought("two")))
    lines = layout.journal("t-1").read_bytes().splitlines(keepends=True)
    layout.journal("t-1").write_bytes(lines[0][:10] + b"\n" + lines[1])

    with pytest.raises(CorruptError, match="line 1"):
        FileTraceStore(layout).load("t-1")


def test_a_crash_between_document_and_journal_doubles_nothing(layout: Layout) -> None:
    store = FileTraceStore(layout)
    store.create(a_trace("t-1"))
    store.append("t-1", accepting(a_thought("once")))
    journal = layout.journal("t-1").read_bytes()
    trace = store.load("t-1")
    store.replace(trace.model_copy(update={"revision": 3}), expected=2)
    layout.journal("t-1").write_bytes(journal)

    read = FileTraceStore(layout).load("t-1")

    assert [event.seq for event in read.events] == [1]
    assert read.revision == 3


def test_a_document_that_is_no_trace_is_corrupt(layout: Layout) -> None:
    layout.document("t-1").write_text("{}")

    with pytest.raises(CorruptError, match="t-1"):
        FileTraceStore(layout).load("t-1")


def test_a_missing_data_directory_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="cannot be used"):
        FileTraceStore(Layout(tmp_path / "gone")).create(a_trace("t-1"))


@pytest.mark.parametrize("trace_id", ["../x", "a/b", "", ".", "..", "a\x00", "a\n", "x" * 129, "-a", "ä"])
def test_an_id_never_leaves_the_data_directory(layout: Layout, trace_id: str) -> None:
    with pytest.raises(ValueError, match="not a name"):
        layout.document(trace_id)


def test_one_process_owns_a_data_directory(tmp_path: Path) -> None:
    with DataDirLock(tmp_path / "lock"), pytest.raises(SettingsError, match="in use by another process"):
        DataDirLock(tmp_path / "lock")

    DataDirLock(tmp_path / "lock").release()
