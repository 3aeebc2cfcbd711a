"""Comparing everything in a data directory with everything else: documents, journals, artifacts, markers and the index.

What is derivable can be repaired; what was changed since it was written is named with its place and never guessed away.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.errors import PRTelemetryError
from app.models.trace import Trace
from app.rules.integrity import verify_stream
from app.storage.disk import disk_errors
from app.storage.file_artifacts import FileArtifactStore
from app.storage.file_traces import FileTraceStore
from app.storage.index import TraceIndex
from app.storage.journal import Damage, read_lines
from app.storage.layout import Layout
from app.utils.json_stream import UnreadableJsonError

Subject = Literal["document", "journal", "artifact", "marker", "index"]
_INDEX_BATCH = 500


@dataclass(frozen=True)
class CheckNote:
    """One thing that is not as it should be."""

    subject: Subject
    name: str
    """The trace, or the hash of the artifact."""
    problem: str
    is_derivable: bool
    """It can be made right from what else is there."""
    is_repaired: bool = False


class DataDirectoryCheck:
    """Looks at a data directory that no server is using."""

    def __init__(self, layout: Layout, index: TraceIndex, public_keys: Mapping[str, bytes], *, repair: bool) -> None:
        self._layout = layout
        self._traces = FileTraceStore(layout)
        self._artifacts = FileArtifactStore(layout)
        self._index = index
        self._public_keys = public_keys
        self._repair = repair

    def run(self) -> Iterator[CheckNote]:
        """Everything that is wrong, trace by trace, then what belongs to none."""
        with disk_errors():
            held: set[str] = set()
            for trace_id in sorted(self._layout.trace_ids()):
                yield from self._check_trace(trace_id, held)
            yield from self._check_leftovers()
            yield from self._check_blobs(held)
            yield from self._check_index()

    def _check_trace(self, trace_id: str, held: set[str]) -> Iterator[CheckNote]:
        yield from self._check_journal(trace_id)
        try:
            trace = self._traces.head(trace_id).current()
        except PRTelemetryError as error:
            yield CheckNote("document", trace_id, error.detail, is_derivable=False)
            return
        yield from self._check_document(trace)
        yield from self._check_artifacts(trace, held)
        marker = self._layout.marker(trace_id)
        if marker.exists() != (trace.status == "finalizing"):
            yield self._note(
                "marker", trace_id, "the mark of a running finalize does not fit the trace's status", is_derivable=True
            )
            if self._repair:
                marker.touch() if trace.status == "finalizing" else marker.unlink()

    def _check_journal(self, trace_id: str) -> Iterator[CheckNote]:
        journal = self._layout.journal(trace_id)
        if not journal.exists():
            return
        with journal.open("rb+") as file:
            damage = next((line for line in read_lines(file, trace_id) if isinstance(line, Damage)), None)
            if damage is None:
                return
            where = f"line {damage.line}, byte {damage.offset}: {damage.reason}"
            yield CheckNote(
                "journal", trace_id, where, is_derivable=damage.is_torn, is_repaired=damage.is_torn and self._repair
            )
            if damage.is_torn and self._repair:
                file.truncate(damage.offset)
                os.fsync(file.fileno())

    def _check_document(self, trace: Trace) -> Iterator[CheckNote]:
        if trace.status == "open":
            return  # its events are checked link by link when it is sealed
        with self._layout.document(trace.trace_id).open("rb") as file:
            try:
                findings = [finding for report in verify_stream(file, self._public_keys) for finding in report.findings]
            except UnreadableJsonError as error:
                yield CheckNote("document", trace.trace_id, str(error), is_derivable=False)
                return
        for finding in findings:
            if finding.is_broken:
                yield CheckNote("document", trace.trace_id, f"{finding.place}: {finding.message}", is_derivable=False)

    def _check_artifacts(self, trace: Trace, held: set[str]) -> Iterator[CheckNote]:
        for name, ref in trace.artifacts.items():
            held.add(ref.sha256)
            blob, link = self._layout.blob(ref.sha256), self._layout.held(trace.trace_id) / ref.sha256
            if not blob.exists():
                can_restore = link.exists() and _sha256(link) == ref.sha256
                yield self._note("artifact", ref.sha256, f"{trace.trace_id}'s {name} is missing", is_derivable=can_restore)
                if can_restore and self._repair:
                    blob.parent.mkdir(exist_ok=True)
                    os.link(link, blob)
            elif _sha256(blob) != ref.sha256:
                problem = f"{trace.trace_id}'s {name} is not what was stored"
                yield CheckNote("artifact", ref.sha256, problem, is_derivable=False)
            elif not link.exists() or not link.samefile(blob):
                # a copy of the directory that did not keep hard links looks like this
                yield self._note("artifact", ref.sha256, f"{trace.trace_id} does not hold its {name}", is_derivable=True)
                if self._repair:
                    link.parent.mkdir(exist_ok=True)
                    link.unlink(missing_ok=True)
                    os.link(blob, link)
        yield from self._check_unattached(trace)

    def _check_unattached(self, trace: Trace) -> Iterator[CheckNote]:
        attached = {ref.sha256 for ref in trace.artifacts.values()}
        folder = self._layout.held(trace.trace_id)
        for link in sorted(folder.iterdir()) if folder.is_dir() else ():
            if link.name not in attached:
                problem = f"{trace.trace_id} holds what came with a request that was refused"
                yield self._note("artifact", link.name, problem, is_derivable=True)
                if self._repair:
                    link.unlink()

    def _check_leftovers(self) -> Iterator[CheckNote]:
        known = set(self._layout.trace_ids())
        for path in sorted(self._layout.traces.glob("[!.]*.jsonl")):
            trace_id = path.name.removesuffix(".jsonl").rpartition(".")[0]
            if trace_id not in known:
                yield self._note("journal", trace_id, f"{path.name} belongs to no trace", is_derivable=True)
                if self._repair:
                    path.unlink()
        for trace_id in self._artifacts.holders():
            if trace_id not in known:
                yield self._note("artifact", trace_id, "artifacts are held for a trace that is not there", is_derivable=True)
                if self._repair:
                    self._artifacts.release(trace_id)

    def _check_blobs(self, held: set[str]) -> Iterator[CheckNote]:
        for blob in sorted(self._layout.artifacts.glob("[0-9a-f][0-9a-f]/*")):
            if blob.name not in held and blob.stat().st_nlink == 1:
                yield self._note("artifact", blob.name, "no trace holds this content", is_derivable=True)
                if self._repair:
                    blob.unlink()

    def _check_index(self) -> Iterator[CheckNote]:
        """Repaired by the next start of a server, which reads what the index does not know."""
        stored = dict(self._traces.fingerprints())
        names = sorted(stored)
        for first in range(0, len(names), _INDEX_BATCH):
            some = names[first : first + _INDEX_BATCH]
            known = self._index.fingerprints_of(tuple(some))
            for trace_id in some:
                if known.get(trace_id) != stored[trace_id]:
                    yield CheckNote("index", trace_id, "the index does not know the trace as it is", is_derivable=True)
        gone = [trace_id for trace_id in self._index.known() if trace_id not in stored]
        for trace_id in gone:
            yield self._note("index", trace_id, "the index knows a trace that is not there", is_derivable=True)
        if gone and self._repair:
            self._index.remove(gone)

    def _note(self, subject: Subject, name: str, problem: str, *, is_derivable: bool) -> CheckNote:
        return CheckNote(subject, name, problem, is_derivable=is_derivable, is_repaired=is_derivable and self._repair)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
