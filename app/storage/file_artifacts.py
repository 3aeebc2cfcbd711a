"""Artifacts as files, named by their SHA-256. Hard links count who holds them."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from app.errors import ArtifactNotFoundError, CorruptError
from app.storage.base import CheckContent, StoredBlob
from app.storage.disk import disk_errors
from app.storage.layout import Layout
from app.utils.atomic import fsync_folder


class FileArtifactStore:
    """An ``ArtifactStore`` on a local file system.

    A content lies at ``artifacts/ab/abcdef…``, and each trace that holds it has a hard link to it in
    ``artifacts/held/<trace>/``: the file system itself counts the holders, and no crash can lose count.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._links = threading.Lock()

    def sweep(self) -> None:
        """Remove what uploads left behind that an earlier process did not live to finish."""
        with disk_errors():
            for draft in self._layout.incoming.iterdir():
                draft.unlink(missing_ok=True)

    def put(self, trace_id: str, chunks: Iterable[bytes], check: CheckContent | None = None) -> StoredBlob:
        """See ``ArtifactStore.put``."""
        draft = self._layout.incoming / secrets.token_hex(16)
        try:
            blob = self._receive(draft, chunks)
            if check is not None:
                with draft.open("rb") as file:
                    check(file, blob)
            with disk_errors(), self._links:
                self._keep(trace_id, draft, blob)
        finally:
            draft.unlink(missing_ok=True)
        return blob

    @contextmanager
    def open(self, sha256: str) -> Iterator[BinaryIO]:
        """See ``ArtifactStore.open``. The content is compared with its name before it is handed out.

        Raises:
            CorruptError: the content is not what was stored.
        """
        try:
            file = self._layout.blob(sha256).open("rb")
        except FileNotFoundError:
            raise ArtifactNotFoundError(f"No artifact has the hash {sha256}") from None
        with file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise CorruptError(f"The artifact {sha256} is not what was stored")
            file.seek(0)
            yield file

    def trim(self, trace_id: str, keep: Set[str]) -> None:
        """See ``ArtifactStore.trim``."""
        folder = self._layout.held(trace_id)
        with disk_errors(), self._links:
            links = list(folder.iterdir()) if folder.is_dir() else []
            for link in links:
                if link.name not in keep:
                    blob = self._layout.blob(link.name)
                    link.unlink()
                    if blob.exists() and blob.stat().st_nlink == 1:
                        blob.unlink()
            if links and not any(link.name in keep for link in links):
                folder.rmdir()

    def release(self, trace_id: str) -> None:
        """See ``ArtifactStore.release``."""
        self.trim(trace_id, frozenset())

    def holders(self) -> Iterator[str]:
        """The traces that hold something."""
        with disk_errors():
            yield from sorted(path.name for path in self._layout.holdings.iterdir())

    def _receive(self, draft: Path, chunks: Iterable[bytes]) -> StoredBlob:
        digest = hashlib.sha256()
        size = 0
        with disk_errors():
            # nothing is left to be written when it is closed, which a full disk would refuse
            file = draft.open("xb", buffering=0)
        with file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                with disk_errors():
                    _write_all(file, chunk)
            with disk_errors():
                os.fsync(file.fileno())
        return StoredBlob(digest.hexdigest(), size)

    def _keep(self, trace_id: str, draft: Path, blob: StoredBlob) -> None:
        target, held = self._layout.blob(blob.sha256), self._layout.held(trace_id) / blob.sha256
        for folder in (target.parent, held.parent):
            if not folder.exists():
                folder.mkdir()
                fsync_folder(folder.parent)
        if not target.exists():
            os.link(draft, target)
            fsync_folder(target.parent)
        if not held.exists():
            os.link(target, held)
            fsync_folder(held.parent)


def _write_all(file: FileIO, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[file.write(view) :]
