"""Writing a journal: many requests share one fsync, and a failed one leaves nothing that was not acknowledged."""

from __future__ import annotations

import errno
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

from app.storage.journal import encode_line
from app.utils.atomic import fsync_folder


class JournalWriter:
    """The end of one journal. ``write`` is called under the trace's lock, ``sync`` outside of it."""

    def __init__(self, path: Path, size: int, checksum: bytes, on_failure: Callable[[JournalWriter], None]) -> None:
        is_new = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._on_failure = on_failure
        self._sync_lock = threading.Lock()
        self._checksum = checksum
        self._failed = False
        self.size = size
        """Bytes written."""
        self.synced = size
        """Bytes that survive a crash."""
        # what stands behind the last whole line was never acknowledged
        os.ftruncate(self._descriptor, size)
        if is_new:
            fsync_folder(path.parent)

    def write(self, payload: bytes) -> int:
        """Write a line. Returns where it ends: the line is safe once ``sync`` of that returned.

        Raises:
            OSError: nothing was written.
        """
        if self._failed:
            raise _io_error()
        line, checksum = encode_line(self._checksum, payload)
        try:
            _write_all(self._descriptor, line, self.size)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(line)
        self._checksum = checksum
        return self.size

    def sync(self, end: int) -> None:
        """Return when everything up to ``end`` survives a crash. Who comes while another waits for the disk is served with it.

        Raises:
            OSError: it does not, and has been cut off.
        """
        if self.synced >= end:
            return
        with self._sync_lock:
            if self.synced >= end:
                return
            if self._failed:
                raise _io_error()
            written = self.size
            try:
                os.fdatasync(self._descriptor)
                self.synced = written
                return
            except OSError as error:
                # a page that could not be written may be marked clean: what the disk holds behind `synced` is anybody's guess
                self._failed = True
                failure = error
        # not while others wait for the disk: giving up takes the trace's lock, which they may hold
        self._on_failure(self)
        raise failure

    def cut(self) -> None:
        """Remove what was not acknowledged. Called under the trace's lock."""
        os.ftruncate(self._descriptor, self.synced)

    def close(self) -> None:
        """Give the file up; also done when nobody knows the writer any more."""
        self._close()


def _io_error() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    view = memoryview(content)
    while view:
        written = os.pwrite(descriptor, view, offset)
        offset += written
        view = view[written:]
