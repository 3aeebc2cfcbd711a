"""One side of the workload ``exchange``, in a process of its own: it does its work once and tells what that took, as JSON.

``python -m benchmarks.exchange_tasks NAME ARGUMENT…``. What is imported beforehand is in the memory, but not in the time.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from app.bootstrap.batches import exports_of, imports_into
from app.bootstrap.exchanges import intake_of
from app.cli.export import new_folder
from app.cli.export_folder import write_files
from app.formats.base import ReadOptions, ReadSession
from app.formats.registry import read_sessions
from app.formats.source import Source
from app.models.base import STORED
from app.models.events import EVENTS
from app.models.qa import QAResults, Verification
from app.models.trace import TRACE, Consent, NewTrace, Repo, Trace
from app.models.trace import Session as Recorded
from app.rules.metrics import facts_of
from app.rules.sequence import AcceptedEvent
from app.rules.summaries import describe
from app.services.exchange import ImportRequest, Kept, import_sessions
from app.services.export import ExportRequest
from app.services.idempotency import RequestKeys
from app.services.indexing import IndexUpdater
from app.services.ingest import IngestService
from app.settings import Settings, load_unchecked_settings
from app.storage.base import Record
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from app.storage.sqlite_index import SqliteTraceIndex
from app.utils.clock import utc_now
from app.utils.ids import new_uuid
from benchmarks.agent_sessions import claude_code_session
from benchmarks.sessions import Sessions

EVENTS_PER_SESSION, EVENTS_PER_TRACE = 40, 20
_DRAIN_S = 600.0
_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_REPO = Repo(
    name="till",
    url="https://example.org/till.git",
    branch="main",
    commit_before="4f1c2d" + "0" * 34,
    commit_after="9ab3e7" + "0" * 34,
    test_command="python -m pytest -q tests",
)
_OPTIONS = ReadOptions(repo=_REPO)


@dataclass(frozen=True)
class Done:
    """What a side did, and how long it took."""

    items: int
    size_bytes: int
    """Of what was read."""
    seconds: float
    storing_s: float = 0.0
    """Of that, until the sessions were stored, reading left out."""
    peak_bytes: int = 0
    """Most memory that the process ever held."""


# --- made beforehand --------------------------------------------------------------------------------------------------


def make_sessions(folder: Path, count: int) -> Done:
    """Sessions of Claude Code, a file each, and beside them the bodies that ``POST /traces`` would take for the same traces."""
    started, size = time.perf_counter(), 0
    sessions = Sessions()
    folder.mkdir()
    with bodies_of(folder).open("wb") as bodies:
        for number in range(count):
            path = folder / f"session-{number:05}.jsonl"
            path.write_bytes(claude_code_session(sessions, path.stem, EVENTS_PER_SESSION))
            size += path.stat().st_size
            for session in _read(path):
                bodies.write(session.trace.model_dump_json(exclude_unset=True).encode() + b"\n")
    return Done(count, size, time.perf_counter() - started)


def make_traces(data_dir: Path, count: int) -> Done:
    """Finalized traces in a data directory, and an index that knows them."""
    started, layout, sessions = time.perf_counter(), Layout(data_dir), Sessions()
    layout.make()
    store = FileTraceStore(layout)
    for number in range(count):
        trace = finalized_trace(sessions, f"trace-{number:06}")
        store.create(trace.model_copy(update={"events": ()}), Record(events=tuple(_accepted(trace))))
    with exports_of(_settings(data_dir)) as service:
        service.prepare(ExportRequest("jsonl"))
    return Done(count, _size_of(layout), time.perf_counter() - started)


def finalized_trace(sessions: Sessions, trace_id: str) -> Trace:
    """A trace that every filter lets pass."""
    raw = [{"event_id": f"e-{seq}", "seq": seq, **event} for seq, event in enumerate(sessions.events(EVENTS_PER_TRACE), 1)]
    fields = {
        "trace_id": trace_id,
        "developer_id": "benchmark",
        "start_time": _NOON,
        "repo": _REPO.model_dump(),
        "created_at": _NOON,
        "request_sha256": "0" * 64,
    }
    trace = TRACE.validate_python({**fields, "events": EVENTS.validate_json(json.dumps(raw), context=STORED)}, context=STORED)
    found = QAResults(
        tests_passed=True,
        test_exit_code=0,
        test_output_snippet="1 passed",
        reasoning_score=None,
        reasoning_feedback="",
        verification=Verification(verdict="fixed", reason="it was made for a benchmark"),
        started_at=_NOON,
        finished_at=_NOON,
    )
    given = Recorded(consent=Consent())
    return trace.model_copy(update={"status": "finalized", "finalized_at": _NOON, "qa_results": found, "session": given})


def bodies_of(folder: Path) -> Path:
    """Where the bodies of sessions lie."""
    return folder.with_suffix(".bodies")


# --- in -----------------------------------------------------------------------------------------------------------------


def parse_lines(folder: Path, first: int) -> Done:
    """The least that reading can cost: every line, parsed."""
    started, size = time.perf_counter(), 0
    paths = _first(folder, first)
    for path in paths:
        with path.open("rb") as file:
            for line in file:
                size += len(line)
                json.loads(line)
    return Done(len(paths), size, time.perf_counter() - started)


def read_files(folder: Path, first: int) -> Done:
    """Files become sessions, and are forgotten."""
    started, paths = time.perf_counter(), _first(folder, first)
    found = sum(1 for path in paths for _ in _read(path))
    return _all(Done(found, _bytes_of(paths), time.perf_counter() - started), first)


def import_files(folder: Path, first: int, data_dir: Path) -> Done:
    """Files become stored traces, which the index knows."""
    started, storing_s, found, paths = time.perf_counter(), 0.0, 0, _first(folder, first)
    with imports_into(_settings(data_dir)) as imports:

        def keep(session: ReadSession) -> Kept:
            nonlocal storing_s
            before = time.perf_counter()
            kept = imports.store(session)
            storing_s += time.perf_counter() - before
            return kept

        for path in paths:
            with path.open("rb") as file:
                done = import_sessions(Source(str(path), file), ImportRequest(options=_OPTIONS), keep)
                found += sum(session.status == "stored" for session in done)
    return _all(Done(found, _bytes_of(paths), time.perf_counter() - started, storing_s), first)


def ingest_bodies(folder: Path, first: int, data_dir: Path) -> Done:
    """What ``POST /traces`` does with the bodies of the same traces, HTTP left out."""
    size, storing_s, found = 0, 0.0, 0
    started = time.perf_counter()
    with _ingest_into(_settings(data_dir)) as ingest, bodies_of(folder).open("rb") as bodies:
        for body in islice(bodies, first):
            before = time.perf_counter()
            found += ingest.create(NewTrace.model_validate_json(body), request=body).is_new
            storing_s += time.perf_counter() - before
            size += len(body)
    return _all(Done(found, size, time.perf_counter() - started, storing_s), first)


# --- out ----------------------------------------------------------------------------------------------------------------


def export_lines(data_dir: Path, out: Path) -> Done:
    """A folder of canonical lines, with card and manifest."""
    started = time.perf_counter()
    with exports_of(_settings(data_dir)) as service:
        export = service.prepare(ExportRequest("jsonl"))
        with new_folder(out) as folder:
            write_files(export.files(), folder)
    seconds = time.perf_counter() - started
    return Done(export.report.chosen, _size_of(Layout(data_dir)), seconds)


def copy_documents(data_dir: Path, out: Path) -> Done:
    """The least that writing can cost: the bytes of the same documents, one behind the other in one file."""
    started, layout = time.perf_counter(), Layout(data_dir)
    ids = sorted(layout.trace_ids())
    with out.open("xb") as target:
        for trace_id in ids:
            with layout.document(trace_id).open("rb") as document:
                shutil.copyfileobj(document, target)
    return Done(len(ids), out.stat().st_size, time.perf_counter() - started)


# --- pieces -------------------------------------------------------------------------------------------------------------


@contextmanager
def _ingest_into(settings: Settings) -> Iterator[IngestService]:
    """As an import has it: store, index and screening of a data directory."""
    layout = Layout(settings.data_dir)
    layout.make()
    with DataDirLock(layout.lock), closing(SqliteTraceIndex(layout.index)) as index:
        store = FileTraceStore(layout)
        updater = IndexUpdater(lambda trace_id: describe(*store.scan(trace_id)), store, index)
        store.watch(updater.touch, updater.grew)
        with closing(updater):
            updater.catch_up()
            yield IngestService(store, intake_of(settings), RequestKeys(), utc_now, new_uuid)
            updater.drain(_DRAIN_S)


def _settings(data_dir: Path) -> Settings:
    return load_unchecked_settings().model_copy(update={"data_dir": data_dir})


def _read(path: Path) -> Iterator[ReadSession]:
    with path.open("rb") as file:
        yield from read_sessions(Source(str(path), file), None, _OPTIONS)


def _first(folder: Path, count: int) -> list[Path]:
    return sorted(folder.iterdir())[:count]


def _accepted(trace: Trace) -> Iterator[AcceptedEvent]:
    for event in trace.events:
        content = event.model_dump_json().encode()
        yield AcceptedEvent(event.seq or 0, event.event_id or "", event.timestamp, content, b"", facts_of(event))


def _bytes_of(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _size_of(layout: Layout) -> int:
    return _bytes_of([layout.document(trace_id) for trace_id in layout.trace_ids()])


def _all(done: Done, expected: int) -> Done:
    if done.items != expected:
        raise RuntimeError(f"{expected} sessions were to go in, {done.items} did")
    return done


def peak_bytes(status: str) -> int:
    """The most resident memory, out of ``/proc/PID/status``."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise RuntimeError("this kernel does not tell how much memory a process held")
    return int(found[1]) * 1024


TASKS: dict[str, Callable[..., Done]] = {
    "make-sessions": lambda folder, count: make_sessions(Path(folder), int(count)),
    "make-traces": lambda data_dir, count: make_traces(Path(data_dir), int(count)),
    "parse": lambda folder, first: parse_lines(Path(folder), int(first)),
    "read": lambda folder, first: read_files(Path(folder), int(first)),
    "import": lambda folder, first, data_dir: import_files(Path(folder), int(first), Path(data_dir)),
    "ingest": lambda folder, first, data_dir: ingest_bodies(Path(folder), int(first), Path(data_dir)),
    "export": lambda data_dir, out: export_lines(Path(data_dir), Path(out)),
    "copy": lambda data_dir, out: copy_documents(Path(data_dir), Path(out)),
}

if __name__ == "__main__":
    _done = TASKS[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(asdict(_done) | {"peak_bytes": peak_bytes(Path("/proc/self/status").read_text())}))
