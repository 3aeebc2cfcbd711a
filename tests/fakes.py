"""Stand-ins that keep the promises of the interfaces they stand in for."""

from __future__ import annotations

import hashlib
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from app.errors import ArtifactNotFoundError, TraceDeletedError, TraceExistsError, TraceNotFoundError
from app.models.base import STORED
from app.models.events import Event
from app.models.qa import ImageRef, Limits
from app.models.trace import Trace
from app.qa.base import RunResult, RunSpec, SandboxSession, SandboxState
from app.rules.chain import genesis_of
from app.rules.sequence import AcceptedEvent
from app.storage.base import Accept, CheckContent, Record, StoredBlob, StoredDocument, TraceHead, Written
from app.storage.codec import render_document
from app.storage.known import Known


class MemoryTraceStore:
    """A ``TraceStore`` that forgets. It keeps each trace as what is known of it and its events' bytes."""

    def __init__(self) -> None:
        self._known: dict[str, Known] = {}
        self._events: dict[str, list[AcceptedEvent]] = {}
        self._gone: dict[str, Mapping[str, str]] = {}
        self._lock = threading.RLock()

    def create(self, trace: Trace, record: Record) -> None:
        with self._lock:
            if trace.trace_id in self._known:
                raise TraceExistsError
            if trace.trace_id in self._gone:
                raise TraceDeletedError(trace.trace_id, self._gone[trace.trace_id])
            known = Known(trace=trace, chain=genesis_of(trace), checksum=b"", redactions=Counter(trace.redactions))
            known.take(record)
            known.records = 0
            self._known[trace.trace_id], self._events[trace.trace_id] = known, list(record.events)

    def append(self, trace_id: str, accept: Accept) -> None:
        self.write(trace_id, accept).sync()

    def write(self, trace_id: str, accept: Accept, *, may_wait: bool = True) -> Written:
        with self._lock:
            known = self._find(trace_id)
            record = accept(known.head())
            if record is not None:
                known.take(record)
                self._events[trace_id] += record.events
        return Written()

    def head(self, trace_id: str) -> TraceHead:
        with self._lock:
            return self._find(trace_id).head()

    def load(self, trace_id: str) -> Trace:
        return Trace.model_validate_json(b"".join(self.read(trace_id).blocks), context=STORED)

    def scan(self, trace_id: str) -> tuple[Trace, Iterator[Event]]:
        trace = self.load(trace_id)
        return trace.model_copy(update={"events": ()}), iter(trace.events)

    def read(self, trace_id: str) -> StoredDocument:
        with self._lock:
            trace = self._find(trace_id).head().current()
            events = sorted(self._events[trace_id], key=lambda event: (event.timestamp, event.seq))
            blocks = iter(list(render_document(trace, (event.content for event in events))))
            return StoredDocument(blocks, None, trace.revision, f'"{trace.revision}"')

    def read_events(self, trace_id: str, after: int, limit: int) -> list[bytes]:
        with self._lock:
            self._find(trace_id)
            return [event.content for event in self._events[trace_id] if event.seq > after][:limit]

    def update(self, trace_id: str, change: Callable[[Trace, bytes], Trace]) -> Trace:
        with self._lock:
            known = self._find(trace_id)
            current = known.head().current()
            proposed = current.model_copy(update={"revision": current.revision + 1})
            changed = change(proposed, known.chain)
            if changed is proposed:
                return current
            known.trace, known.records = changed, 0
            return changed

    def delete(self, trace_id: str, tombstone: Mapping[str, str]) -> None:
        with self._lock:
            self._find(trace_id)
            self._gone[trace_id] = tombstone
            del self._known[trace_id], self._events[trace_id]

    def unfinished(self) -> list[str]:
        return sorted(trace_id for trace_id, known in self._known.items() if known.trace.status == "finalizing")

    def _find(self, trace_id: str) -> Known:
        if trace_id in self._gone:
            raise TraceDeletedError(trace_id, self._gone[trace_id])
        if trace_id not in self._known:
            raise TraceNotFoundError(trace_id)
        return self._known[trace_id]


class MemoryArtifactStore:
    """An ``ArtifactStore`` that forgets."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._holders: dict[str, set[str]] = {}

    def put(self, trace_id: str, chunks: Iterable[bytes], check: CheckContent | None = None) -> StoredBlob:
        content = b"".join(chunks)
        sha256 = hashlib.sha256(content).hexdigest()
        if check is not None:
            check(io.BytesIO(content), StoredBlob(sha256, len(content)))
        self._blobs[sha256] = content
        self._holders.setdefault(sha256, set()).add(trace_id)
        return StoredBlob(sha256, len(content))

    @contextmanager
    def open(self, sha256: str) -> Iterator[BinaryIO]:
        if sha256 not in self._blobs:
            raise ArtifactNotFoundError
        yield io.BytesIO(self._blobs[sha256])

    def release(self, trace_id: str) -> None:
        self.trim(trace_id, frozenset())

    def trim(self, trace_id: str, keep: Set[str]) -> None:
        for sha256, holders in list(self._holders.items()):
            if sha256 not in keep:
                holders.discard(trace_id)
            if not holders:
                del self._holders[sha256], self._blobs[sha256]


@dataclass
class ScriptedSandbox:
    """A ``Sandbox`` that answers as the test says, and keeps what it was asked."""

    answer: Callable[[RunSpec, dict[str, bytes]], RunResult] = lambda spec, files: RunResult(
        "could_not_run", reason="no engine"
    )
    ready: SandboxState = field(default_factory=lambda: SandboxState(ready=True))
    runs: list[tuple[RunSpec, dict[str, bytes]]] = field(default_factory=list)

    @property
    def limits(self) -> Limits:
        return Limits(memory_bytes=1, cpus=1, timeout_s=1, pids=1, work_bytes=1)

    def image(self, name: str | None = None) -> ImageRef:
        return ImageRef(name=name or "scripted")

    def run(self, spec: RunSpec) -> RunResult:
        files = {file.path: file.content.read() for file in spec.tree.files()}
        self.runs.append((spec, files))
        return self.answer(spec, files)

    @contextmanager
    def sessions(self, most: int) -> Iterator[tuple[SandboxSession, ...]]:
        yield (self,) * min(most, 1)

    def renew(self) -> None:
        """Every run finds nothing of those before it anyway."""

    def state(self) -> SandboxState:
        return self.ready

    def sweep(self) -> int:
        return 0
