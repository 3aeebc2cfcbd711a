"""Stand-ins that keep the promises of the interfaces they stand in for."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from app.errors import ArtifactNotFoundError, RevisionConflictError, TraceExistsError, TraceNotFoundError
from app.models.events import Event
from app.models.qa import ImageRef, Limits
from app.models.trace import Trace
from app.qa.base import RunResult, RunSpec, SandboxState
from app.rules.sequence import in_reading_order
from app.storage.base import Accept, StoredBlob, TraceHead


class MemoryTraceStore:
    """A ``TraceStore`` that forgets."""

    def __init__(self) -> None:
        self._traces: dict[str, Trace] = {}
        self._lock = threading.RLock()

    def create(self, trace: Trace) -> None:
        with self._lock:
            if trace.trace_id in self._traces:
                raise TraceExistsError
            self._traces[trace.trace_id] = trace

    def append(self, trace_id: str, accept: Accept) -> tuple[Event, ...]:
        with self._lock:
            trace = self.load(trace_id)
            ids = {event.event_id for event in trace.events if event.event_id is not None}
            added = accept(TraceHead(trace_id, trace.status, trace.revision, len(trace.events), ids))
            merged = in_reading_order((*trace.events, *added))
            self._traces[trace_id] = trace.model_copy(update={"events": merged, "revision": trace.revision + 1})
            return added

    def load(self, trace_id: str) -> Trace:
        with self._lock:
            if trace_id not in self._traces:
                raise TraceNotFoundError(trace_id)
            return self._traces[trace_id]

    def replace(self, trace: Trace, expected: int) -> None:
        with self._lock:
            if self.load(trace.trace_id).revision != expected:
                raise RevisionConflictError
            self._traces[trace.trace_id] = trace


class MemoryArtifactStore:
    """An ``ArtifactStore`` that forgets."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, chunks: Iterable[bytes], check: Callable[[BinaryIO], None] | None = None) -> StoredBlob:
        content = b"".join(chunks)
        if check is not None:
            check(io.BytesIO(content))
        sha256 = hashlib.sha256(content).hexdigest()
        self._blobs[sha256] = content
        return StoredBlob(sha256, len(content))

    @contextmanager
    def open(self, sha256: str) -> Iterator[BinaryIO]:
        if sha256 not in self._blobs:
            raise ArtifactNotFoundError
        yield io.BytesIO(self._blobs[sha256])


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

    def image(self) -> ImageRef:
        return ImageRef(name="scripted")

    def run(self, spec: RunSpec) -> RunResult:
        files = {file.path: file.content.read() for file in spec.tree.files()}
        self.runs.append((spec, files))
        return self.answer(spec, files)

    def state(self) -> SandboxState:
        return self.ready

    def sweep(self) -> int:
        return 0
