"""Files that belong to traces: streamed in and out, checked, content-addressed."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from app.errors import (
    ArtifactExistsError,
    ArtifactNotFoundError,
    DangerousInputError,
    InvalidError,
    MalformedError,
    TooLargeError,
)
from app.models.trace import ArtifactRef, Trace
from app.rules.lifecycle import refuse_upload_unless_open
from app.services.changes import change_trace
from app.storage.base import ArtifactStore, StoredBlob, TraceStore
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


class ArtifactService:
    """Takes artifacts in and hands them out."""

    def __init__(self, traces: TraceStore, artifacts: ArtifactStore, limits: ArchiveLimits) -> None:
        self._traces = traces
        self._artifacts = artifacts
        self._limits = limits

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
        trace = self._traces.load(upload.trace_id)
        refuse_upload_unless_open(trace.trace_id, trace.status)
        blob = self._artifacts.put(upload.chunks, self._check_tree if upload.name in TREE_NAMES else None)
        if upload.expected_sha256 not in (None, blob.sha256):
            raise InvalidError(f"The content has the SHA-256 {blob.sha256}, not the one announced")
        return self._attach(upload, blob)

    def find_all(self, trace_id: str) -> dict[str, ArtifactRef]:
        """The artifacts of a trace by name.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        return self._traces.load(trace_id).artifacts

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

    def _attach(self, upload: Upload, blob: StoredBlob) -> tuple[ArtifactRef, bool]:
        ref = ArtifactRef(
            sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            media_type=upload.media_type,
            kind=upload.name if upload.name in TREE_NAMES else "file",
        )
        is_new = True

        def attach(trace: Trace) -> Trace:
            nonlocal is_new
            refuse_upload_unless_open(trace.trace_id, trace.status)
            is_new = upload.name not in trace.artifacts
            if not is_new:
                _refuse_another(trace, upload.name, ref)
                return trace
            return trace.model_copy(update={"artifacts": {**trace.artifacts, upload.name: ref}})

        stored = change_trace(self._traces, upload.trace_id, attach)
        return stored.artifacts[upload.name], is_new

    def _check_tree(self, file: BinaryIO) -> None:
        size = file.seek(0, 2)
        file.seek(0)
        try:
            count = sum(1 for _ in read_archive(file, size, self._limits))
        except ArchiveError as error:
            families = {"unsafe": DangerousInputError, "too_large": TooLargeError, "unreadable": MalformedError}
            raise families[error.kind](f"The archive is refused: {error}") from error
        if count == 0:
            raise MalformedError("The archive is refused: it holds no file")


def _refuse_another(trace: Trace, name: str, ref: ArtifactRef) -> None:
    if trace.artifacts[name].sha256 != ref.sha256:
        raise ArtifactExistsError(f"Trace {trace.trace_id} has another artifact {name}; nothing was overwritten")
