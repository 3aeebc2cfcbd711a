"""Traces as files: one JSON document each, and beside it a journal of what came since, while the trace is open."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO
from weakref import WeakValueDictionary

from app.errors import CorruptError, TraceDeletedError, TraceExistsError, TraceNotFoundError
from app.models.base import STORED
from app.models.events import EVENT, Event
from app.models.trace import Trace
from app.storage.base import Accept, Receipt, Record, StoredDocument, TraceHead, WouldWaitError, Written
from app.storage.codec import decode_record, encode_record, render_document
from app.storage.disk import disk_errors
from app.storage.journal import Damage, encode_line, first_checksum, read_lines
from app.storage.journal_writer import JournalWriter
from app.storage.known import Known, known_from_start, read_known
from app.storage.layout import Layout
from app.storage.trace_files import TraceFiles, closing, damaged
from app.utils.atomic import create_file, fsync_folder, replace_file

_MOST_KNOWN = 256
_BLOCK_BYTES = 256 * 1024


@dataclass
class _Slot:
    """One trace's lock, and what is known of it; ``None`` where it has to be looked up."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    known: Known | None = None

    @property
    def is_at_hand(self) -> bool:
        """Whether the next append finds everything in memory and its journal open."""
        return self.known is not None and self.known.writer is not None


class FileTraceStore:
    """A ``TraceStore`` on a local file system. One process owns the directory (see ``DataDirLock``)."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._on_change: Callable[[str], None] = lambda _: None
        self._on_growth: Callable[[str], None] = lambda _: None
        self._slots: WeakValueDictionary[str, _Slot] = WeakValueDictionary()
        self._recent: dict[str, _Slot] = {}
        self._guard = threading.Lock()

    def watch(self, on_change: Callable[[str], None], on_growth: Callable[[str], None]) -> None:
        """Call these with the id of each trace that has changed, or has only more events than before, once that is on disk."""
        self._on_change, self._on_growth = on_change, on_growth

    def create(self, trace: Trace, record: Record) -> None:
        """See ``TraceStore.create``."""
        trace_id = trace.trace_id
        with self._held(trace_id) as slot, disk_errors():
            self._refuse_taken(trace_id)
            slot.known = None
            if record.receipts:
                # before the document: a journal without one is nobody's, and is swept
                replace_file(self._layout.journal(trace_id), _receipts_line(trace_id, record.receipts))
            events = sorted(record.events, key=lambda event: (event.timestamp, event.seq))
            content = b"".join(render_document(trace, (event.content for event in events)))
            try:
                create_file(self._layout.document(trace_id), content)
            except FileExistsError:
                raise _taken(trace_id) from None
            if trace.status == "open" and not record.receipts:
                slot.known = known_from_start(trace, record)
        self._on_change(trace_id)

    def append(self, trace_id: str, accept: Accept) -> None:
        """See ``TraceStore.append``."""
        self.write(trace_id, accept).sync()

    def write(self, trace_id: str, accept: Accept, *, may_wait: bool = True) -> Written:
        """See ``TraceStore.write``."""
        with self._held(trace_id, may_wait=may_wait) as slot, disk_errors():
            if not (may_wait or slot.is_at_hand):
                raise WouldWaitError
            known = self._look(trace_id, slot)
            record = accept(known.head())
            if record is not None:
                self._writer(trace_id, slot, known).write(encode_record(record))
                known.take(record)
            writer = known.writer
        if writer is None:
            return Written()
        end = writer.size
        # whoever waits holds the slot: while lines are in memory alone, nobody may look the trace up on the disk
        return Written(partial(self._sync, trace_id, slot, writer, end, has_grown=record is not None), writer, end)

    def _sync(self, trace_id: str, slot: _Slot, writer: JournalWriter, end: int, *, has_grown: bool) -> None:
        del slot
        with disk_errors():
            writer.sync(end)
        if has_grown:
            self._on_growth(trace_id)

    def head(self, trace_id: str) -> TraceHead:
        """See ``TraceStore.head``."""
        with self._held(trace_id) as slot, disk_errors():
            return self._look(trace_id, slot).head()

    def scan(self, trace_id: str) -> tuple[Trace, Iterator[Event]]:
        """See ``TraceStore.scan``."""
        with self._snapshot(trace_id) as (files, known):
            trace = known.head().current()
            in_document = known.last_seq_in_document
        return trace, _parsed(files, in_document)

    def load(self, trace_id: str) -> Trace:
        """See ``TraceStore.load``."""
        trace, events = self.scan(trace_id)
        return trace.model_copy(update={"events": tuple(events)})

    def read(self, trace_id: str) -> StoredDocument:
        """See ``TraceStore.read``."""
        with self._snapshot(trace_id) as (files, known):
            trace = known.head().current()
            in_document = known.last_seq_in_document
            is_whole = trace.status != "open"
        if is_whole:
            size = files.document.seek(0, 2)
            return StoredDocument(_until_done(files, files.document_blocks()), size, trace.revision, _etag(trace), files.close)
        blocks = render_document(trace, (files.read_at(place) for place in files.places(in_document)))
        return StoredDocument(_until_done(files, blocks), None, trace.revision, _etag(trace), files.close)

    def read_events(self, trace_id: str, after: int, limit: int) -> list[bytes]:
        """See ``TraceStore.read_events``."""
        with self._snapshot(trace_id) as (files, known):
            in_document = known.last_seq_in_document
        with closing(files), disk_errors():
            places = sorted(
                (place for place in files.places(in_document) if place.seq > after), key=lambda place: place.seq
            )  # fmt: skip
            return [files.read_at(place) for place in places[:limit]]

    def update(self, trace_id: str, change: Callable[[Trace, bytes], Trace]) -> Trace:
        """See ``TraceStore.update``."""
        with self._held(trace_id) as slot, disk_errors():
            known = self._look(trace_id, slot)
            current = known.head().current()
            proposed = current.model_copy(update={"revision": current.revision + 1})
            changed = change(proposed, known.chain)
            if changed is proposed:
                return current
            if changed.status == "finalizing":
                replace_file(self._layout.marker(trace_id), b"")
            self._rewrite(trace_id, slot, changed)
            self._on_change(trace_id)
            if changed.status != "finalizing":
                self._layout.marker(trace_id).unlink(missing_ok=True)
        return changed

    def delete(self, trace_id: str, tombstone: Mapping[str, str]) -> None:
        """See ``TraceStore.delete``."""
        with self._held(trace_id) as slot, disk_errors():
            self._open_document(trace_id).close()
            replace_file(self._layout.tombstone(trace_id), json.dumps(dict(tombstone)).encode())
            slot.known = None
            self.remove_files(trace_id)
        self._on_change(trace_id)

    def unfinished(self) -> list[str]:
        """See ``TraceStore.unfinished``."""
        with disk_errors():
            return sorted(path.name for path in self._layout.finalizing.iterdir() if not path.name.startswith("."))

    def remove_files(self, trace_id: str) -> None:
        """Remove what belongs to a trace that has a tombstone; again, where a crash interrupted it."""
        for path in (
            self._layout.document(trace_id),
            self._layout.journal(trace_id),
            self._layout.receipts(trace_id),
            self._layout.marker(trace_id),
        ):
            path.unlink(missing_ok=True)
        fsync_folder(self._layout.traces)

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        """Every trace's id with a value that changes whenever its files do."""
        with disk_errors():
            for trace_id in self._layout.trace_ids():
                fingerprint = self.fingerprint(trace_id)
                if fingerprint is not None:
                    yield trace_id, fingerprint

    def fingerprint(self, trace_id: str) -> str | None:
        """See ``fingerprints``; ``None`` where there is no trace."""
        parts = []
        for path in (self._layout.document(trace_id), self._layout.journal(trace_id)):
            try:
                info = path.stat()
            except FileNotFoundError:
                continue
            parts.append(f"{info.st_mtime_ns:x}-{info.st_size:x}")
        return "/".join(parts) or None

    @contextmanager
    def _held(self, trace_id: str, *, may_wait: bool = True) -> Iterator[_Slot]:
        """The trace's slot, with the trace held still."""
        with self._guard:
            slot = self._slots.get(trace_id)
            if slot is None:
                slot = self._slots[trace_id] = _Slot()
            self._recent.pop(trace_id, None)
            self._recent[trace_id] = slot  # the most recent stay known; a slot in use never goes
            if len(self._recent) > _MOST_KNOWN:
                del self._recent[next(iter(self._recent))]
        if not slot.lock.acquire(blocking=may_wait):
            raise WouldWaitError
        try:
            yield slot
        finally:
            slot.lock.release()

    @contextmanager
    def _snapshot(self, trace_id: str) -> Iterator[tuple[TraceFiles, Known]]:
        """The trace's files, opened while the trace is held still; whoever asked gives them up."""
        with self._held(trace_id) as slot, disk_errors():
            known = self._look(trace_id, slot)
            if known.writer is not None:
                # what is shown or folded is on disk; whoever wrote it is still waiting to be told so
                known.writer.sync(known.writer.size)
            document = self._open_document(trace_id)
            journal = self._layout.journal(trace_id).open("rb") if known.whole_bytes else None
            yield TraceFiles(trace_id, document, journal, known.whole_bytes), known

    def _look(self, trace_id: str, slot: _Slot) -> Known:
        if slot.known is None:
            document = self._open_document(trace_id)
            journal = self._layout.journal(trace_id)
            file = journal.open("rb") if journal.exists() else None
            with closing(TraceFiles(trace_id, document, file)) as files:
                slot.known = read_known(files, self._read_receipts(trace_id))
        return slot.known

    def _writer(self, trace_id: str, slot: _Slot, known: Known) -> JournalWriter:
        if known.writer is None:

            def give_up(writer: JournalWriter) -> None:
                with slot.lock:
                    writer.cut()
                    slot.known = None

            known.writer = JournalWriter(self._layout.journal(trace_id), known.journal_bytes, known.checksum, give_up)
        return known.writer

    def _rewrite(self, trace_id: str, slot: _Slot, trace: Trace) -> None:
        """Fold the journal into a new document."""
        with self._snapshot(trace_id) as (files, known), closing(files):
            receipts = tuple(known.receipts.values())
            if receipts:
                replace_file(self._layout.receipts(trace_id), _receipts_line(trace_id, receipts))
            events = (files.read_at(place) for place in files.places(known.last_seq_in_document))
            slot.known = None
            replace_file(self._layout.document(trace_id), render_document(trace, events))
        # a crash before this line leaves events in both files; reading drops the journal's by their numbers
        self._layout.journal(trace_id).unlink(missing_ok=True)
        fsync_folder(self._layout.traces)

    def _open_document(self, trace_id: str) -> BinaryIO:
        try:
            return self._layout.document(trace_id).open("rb")
        except FileNotFoundError:
            self._refuse_deleted(trace_id)
            raise TraceNotFoundError(trace_id) from None

    def _refuse_taken(self, trace_id: str) -> None:
        if self._layout.document(trace_id).exists():
            raise _taken(trace_id)
        self._refuse_deleted(trace_id)

    def _refuse_deleted(self, trace_id: str) -> None:
        try:
            tombstone = self._layout.tombstone(trace_id).read_bytes()
        except FileNotFoundError:
            return
        raise TraceDeletedError(trace_id, json.loads(tombstone))

    def _read_receipts(self, trace_id: str) -> Iterator[Receipt]:
        try:
            file = self._layout.receipts(trace_id).open("rb")
        except FileNotFoundError:
            return
        with file:
            for line in read_lines(file, trace_id):
                if isinstance(line, Damage):
                    raise damaged(trace_id, line)
                yield from decode_record(line.payload).receipts


def _receipts_line(trace_id: str, receipts: Iterable[Receipt]) -> bytes:
    line, _ = encode_line(first_checksum(trace_id), encode_record(Record(receipts=tuple(receipts))))
    return line


def _taken(trace_id: str) -> TraceExistsError:
    return TraceExistsError(f"Trace {trace_id} exists with another content; nothing was overwritten", trace_id=trace_id)


def _etag(trace: Trace) -> str:
    """Made of what changes with every change: a trace that was deleted and made anew has another ``created_at``."""
    said = f"{trace.trace_id} {trace.created_at.isoformat()} {trace.revision}"
    return f'"{hashlib.sha256(said.encode()).hexdigest()[:32]}"'


def _parsed(files: TraceFiles, last_seq_in_document: int) -> Iterator[Event]:
    with closing(files), disk_errors():
        for place in files.places(last_seq_in_document):
            try:
                yield EVENT.validate_json(files.read_at(place), context=STORED)
            except ValueError as error:
                raise CorruptError(f"An event of trace {files.trace_id} is not one", trace_id=files.trace_id) from error


def _until_done(files: TraceFiles, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces in blocks of some size: whoever sends them changes threads for each."""
    with closing(files), disk_errors():
        gathered: list[bytes] = []
        size = 0
        for piece in pieces:
            gathered.append(piece)
            size += len(piece)
            if size >= _BLOCK_BYTES:
                yield b"".join(gathered)
                gathered, size = [], 0
        yield b"".join(gathered)
