"""Traces as files: one JSON document each, and beside it a journal of what came since, while the trace is open."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakValueDictionary

from pydantic import ValidationError

from app.errors import CorruptError, RevisionConflictError, TraceExistsError, TraceNotFoundError
from app.models.base import STORED
from app.models.events import EVENTS, Event
from app.models.trace import Status, Trace
from app.rules.documents import render_document, render_event
from app.rules.sequence import in_reading_order
from app.storage.base import Accept, TraceHead
from app.storage.disk import disk_errors
from app.storage.layout import Layout
from app.utils.atomic import create_file, fsync_folder, replace_file


@dataclass
class _State:
    """What this process knows of a trace, under its lock; ``None`` where it has to look."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    status: Status = "open"
    revision: int = 0
    num_events: int = 0
    event_ids: set[str] | None = None
    journal_bytes: int = 0


class FileTraceStore:
    """A ``TraceStore`` on a local file system. One process owns the directory (see ``DataDirLock``)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._states: WeakValueDictionary[str, _State] = WeakValueDictionary()
        self._recent: dict[str, _State] = {}
        self._guard = threading.Lock()

    def create(self, trace: Trace) -> None:
        """See ``TraceStore.create``."""
        with self._held(trace.trace_id), disk_errors():
            try:
                create_file(self._layout.document(trace.trace_id), render_document(trace))
            except FileExistsError:
                raise TraceExistsError(
                    f"Trace {trace.trace_id} exists with another content; nothing was overwritten", trace_id=trace.trace_id
                ) from None

    def append(self, trace_id: str, accept: Accept) -> tuple[Event, ...]:
        """See ``TraceStore.append``."""
        with self._held(trace_id) as state, disk_errors():
            if state.event_ids is None:
                self._look(trace_id, state)
            events = accept(_head(trace_id, state))
            line = b"[" + b",".join(render_event(event) for event in events) + b"]\n"
            self._append_line(self._layout.journal(trace_id), state, line)
            _remember(state, events)
            return events

    def load(self, trace_id: str) -> Trace:
        """See ``TraceStore.load``."""
        with self._held(trace_id), disk_errors():
            return self._read(trace_id)

    def replace(self, trace: Trace, expected: int) -> None:
        """See ``TraceStore.replace``."""
        with self._held(trace.trace_id) as state, disk_errors():
            stored = self._read(trace.trace_id)
            if stored.revision != expected:
                raise RevisionConflictError(
                    f"Trace {trace.trace_id} has revision {stored.revision}, not {expected}", trace_id=trace.trace_id
                )
            state.event_ids = None
            replace_file(self._layout.document(trace.trace_id), render_document(trace))
            # a crash before this line leaves events in both files; reading drops the journal's by their numbers
            self._layout.journal(trace.trace_id).unlink(missing_ok=True)
            fsync_folder(self._layout.traces)

    @contextmanager
    def _held(self, trace_id: str) -> Iterator[_State]:
        """The trace's state, with the trace held still."""
        with self._guard:
            state = self._states.get(trace_id)
            if state is None:
                state = self._states[trace_id] = _State()
            self._recent.pop(trace_id, None)
            self._recent[trace_id] = state  # the most recent 256 stay known; a state in use never goes
            if len(self._recent) > 256:
                del self._recent[next(iter(self._recent))]
        with state.lock:
            yield state

    def _read(self, trace_id: str) -> Trace:
        document = self._read_document(trace_id)
        chunks, _ = _read_journal(self._layout.journal(trace_id))
        if not chunks:
            return document
        last = max((event.seq or 0 for event in document.events), default=0)
        newer = tuple(event for chunk in chunks for event in chunk if (event.seq or 0) > last)
        if not newer:
            return document
        return document.model_copy(
            update={"events": in_reading_order((*document.events, *newer)), "revision": document.revision + len(chunks)}
        )

    def _read_document(self, trace_id: str) -> Trace:
        try:
            return Trace.model_validate_json(self._layout.document(trace_id).read_bytes(), context=STORED)
        except FileNotFoundError:
            raise TraceNotFoundError(trace_id) from None
        except ValidationError as error:
            raise CorruptError(
                f"The document of trace {trace_id} is not a trace: {error.error_count()} faults", trace_id=trace_id
            ) from error

    def _look(self, trace_id: str, state: _State) -> None:
        trace = self._read(trace_id)
        _, state.journal_bytes = _read_journal(self._layout.journal(trace_id))
        state.status, state.revision, state.num_events = trace.status, trace.revision, 0
        state.event_ids = set()
        _remember(state, trace.events, chunks=0)

    def _append_line(self, journal: Path, state: _State, line: bytes) -> None:
        is_new = not journal.exists()
        descriptor = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            # what stands behind the last whole line was never acknowledged
            os.ftruncate(descriptor, state.journal_bytes)
            _write_all(descriptor, line, state.journal_bytes)
            os.fsync(descriptor)
        except OSError:
            state.event_ids = None
            os.ftruncate(descriptor, state.journal_bytes)
            raise
        finally:
            os.close(descriptor)
        state.journal_bytes += len(line)
        if is_new:
            fsync_folder(journal.parent)


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], offset + written)


def _head(trace_id: str, state: _State) -> TraceHead:
    return TraceHead(trace_id, state.status, state.revision, state.num_events, state.event_ids or set())


def _remember(state: _State, events: Sequence[Event], chunks: int = 1) -> None:
    state.num_events += len(events)
    state.revision += chunks
    if state.event_ids is not None:
        state.event_ids.update(event.event_id for event in events if event.event_id is not None)


def _read_journal(journal: Path) -> tuple[list[tuple[Event, ...]], int]:
    """The chunks of a journal, and the length of their lines in bytes. A torn last line was never acknowledged: passed over."""
    try:
        content = journal.read_bytes()
    except FileNotFoundError:
        return [], 0
    chunks: list[tuple[Event, ...]] = []
    whole = content.rfind(b"\n") + 1
    for number, line in enumerate(content[:whole].splitlines(), 1):
        try:
            chunks.append(EVENTS.validate_json(line, context=STORED))
        except ValidationError as error:
            raise CorruptError(f"The journal {journal.name} is damaged at line {number}") from error
    return chunks, whole
