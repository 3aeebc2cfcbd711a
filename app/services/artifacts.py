"""Files that belong to traces: streamed in and out, checked, content-addressed."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from app.errors import (
    ArtifactExistsError,
    ArtifactNotFoundError,
    DangerousInputError,
    InvalidError,
    MalformedError,
    NotFoundError,
    PRTelemetryError,
    TooLargeError,
    UnavailableError,
)
from app.models.trace import ArtifactRef, Session
from app.rules.lifecycle import refuse_unless_open
from app.services.intake import refuse_without_consent
from app.storage.base import ArtifactStore, Record, StoredBlob, TraceHead, TraceStore
from app.utils.archives import ArchiveError, ArchiveLimits, read_archive

TREE_NAMES = frozenset({"workspace", "final_workspace", "tests"})
"""Artifacts that are trees of files, sent as a tar archive."""


@dataclass(frozen=True)
class Upload:
    """An artifact as it arrives."""

    trace_id: str
    name: str
    media_type: str
    chunks: Iterable[bytes]
    expected_sha256: str | None = None
    kind: str | None = None
    """Where it is not what its name says."""
    event_id: str | None = None
    """The event that it belongs to."""


class ArtifactService:
    """Takes artifacts in and hands them out."""

    def __init__(self, traces: TraceStore, artifacts: ArtifactStore, limits: ArchiveLimits) -> None:
        self._traces = traces
        self._artifacts = artifacts
        self._limits = limits
        self._uploads: Counter[str] = Counter()
        self._refused: set[str] = set()
        self._guard = threading.Lock()

    def put(self, upload: Upload) -> tuple[ArtifactRef, bool]:
        """Keep an artifact of an open trace. Returns it, and whether it is new.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceClosedError: the trace is finalized.
            ArtifactExistsError: the name is taken by another content.
            DangerousInputError: an archive holds paths that leave it, links or devices.
            TooLargeError: an archive unpacks to more than is taken.
            MalformedError: an archive cannot be read.
            InvalidError: the content does not have the hash that the client announced.
        """
        # before anything is received: nobody fills the disk for a trace that takes nothing
        trace = self._traces.head(upload.trace_id).trace
        refuse_unless_open(trace.trace_id, trace.status, "artifacts")
        refuse_without_consent(upload.kind or kind_of(upload.name), trace.session)
        with self.uploading(upload.trace_id):
            return self._attach(upload, self._receive(upload))

    def keep(self, upload: Upload, session: Session | None) -> ArtifactRef:
        """Keep a content that becomes an artifact with the events it belongs to: the caller attaches it, within ``uploading``.

        Raises:
            NoConsentError: the session's consent does not cover it.
            DangerousInputError: an archive holds paths that leave it, links or devices.
            TooLargeError: an archive unpacks to more than is taken.
            MalformedError: an archive cannot be read.
        """
        refuse_without_consent(upload.kind or kind_of(upload.name), session)
        return _ref(upload, self._receive(upload))

    @contextmanager
    def uploading(self, trace_id: str) -> Iterator[None]:
        """Artifacts of a trace are received and attached within. Of what is refused, nothing stays."""
        with self._guard:
            self._uploads[trace_id] += 1
        try:
            yield
        except BaseException:
            with self._guard:
                self._refused.add(trace_id)
            raise
        finally:
            self._end_upload(trace_id)

    def _end_upload(self, trace_id: str) -> None:
        """The last one out removes what was refused: another upload may be about to attach the same content."""
        with self._guard:
            self._uploads[trace_id] -= 1
            if self._uploads[trace_id]:
                return
            del self._uploads[trace_id]
            if trace_id in self._refused:
                self._refused.discard(trace_id)
                self._trim(trace_id)

    def _trim(self, trace_id: str) -> None:
        try:
            attached = {ref.sha256 for ref in self._traces.head(trace_id).artifacts.values()}
        except NotFoundError:
            attached = set()
        except PRTelemetryError:
            return  # what stays is found by `check`
        with contextlib.suppress(UnavailableError):
            self._artifacts.trim(trace_id, attached)

    def find_all(self, trace_id: str) -> dict[str, ArtifactRef]:
        """The artifacts of a trace by name.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        return dict(self._traces.head(trace_id).artifacts)

    def load(self, trace_id: str, name: str) -> ArtifactRef:
        """One artifact of a trace.

        Raises:
            TraceNotFoundError: no trace has this id.
            ArtifactNotFoundError: the trace has no artifact of this name.
        """
        try:
            return self.find_all(trace_id)[name]
        except KeyError:
            raise ArtifactNotFoundError(f"Trace {trace_id} has no artifact {name}") from None

    def open(self, ref: ArtifactRef) -> AbstractContextManager[BinaryIO]:
        """The content of an artifact."""
        return self._artifacts.open(ref.sha256)

    def _receive(self, upload: Upload) -> StoredBlob:
        def check(content: BinaryIO, blob: StoredBlob) -> None:
            if upload.expected_sha256 not in (None, blob.sha256):
                raise InvalidError(f"The content has the SHA-256 {blob.sha256}, not the one announced")
            if upload.name in TREE_NAMES:
                self._check_tree(content, blob.size_bytes)

        return self._artifacts.put(upload.trace_id, upload.chunks, check)

    def _attach(self, upload: Upload, blob: StoredBlob) -> tuple[ArtifactRef, bool]:
        ref = _ref(upload, blob)
        is_new = True

        def attach(head: TraceHead) -> Record | None:
            nonlocal ref, is_new
            refuse_unless_open(upload.trace_id, head.trace.status, "artifacts")
            stored = head.artifacts.get(upload.name)
            if stored is None:
                return Record(artifacts={upload.name: ref})
            refuse_another(upload.trace_id, upload.name, stored, ref)
            ref, is_new = stored, False
            return None

        self._traces.append(upload.trace_id, attach)
        return ref, is_new

    def _check_tree(self, content: BinaryIO, size_bytes: int) -> None:
        try:
            count = sum(1 for _ in read_archive(content, size_bytes, self._limits))
        except ArchiveError as error:
            families = {"unsafe": DangerousInputError, "too_large": TooLargeError, "unreadable": MalformedError}
            raise families[error.kind](f"The archive is refused: {error}") from error
        if count == 0:
            raise MalformedError("The archive is refused: it holds no file")


def kind_of(name: str) -> str:
    """What an artifact of this name is, where the client does not say."""
    return name if name in TREE_NAMES else "file"


def refuse_another(trace_id: str, name: str, stored: ArtifactRef, ref: ArtifactRef) -> None:
    """A name stands for one content.

    Raises:
        ArtifactExistsError: it stands for another one already.
    """
    if stored.sha256 != ref.sha256:
        raise ArtifactExistsError(f"Trace {trace_id} has another artifact {name}; nothing was overwritten")


def _ref(upload: Upload, blob: StoredBlob) -> ArtifactRef:
    return ArtifactRef(
        sha256=blob.sha256,
        size_bytes=blob.size_bytes,
        media_type=upload.media_type,
        kind=upload.kind or kind_of(upload.name),
        event_id=upload.event_id,
    )
