"""Writing a journal: many requests share one fsync, and a failed one leaves nothing that was not acknowledged."""

from __future__ import annotations

import errno
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from pathlib import Path

from app.storage.journal import encode_line
from app.utils.atomic import fsync_folder


class JournalWriter:
    """The end of one journal. ``write`` is called under the trace's lock, ``sync`` outside of it.

    A line is in memory until somebody syncs it: lines that wait together are written together.
    """

    def __init__(self, path: Path, size: int, checksum: bytes, on_failure: Callable[[JournalWriter], None]) -> None:
        is_new = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._close = weakref.finalize(self, os.close, self._descriptor)
        self._on_failure = on_failure
        self._sync_lock = threading.Lock()
        self._checksum = checksum
        self._failed = False
        self._unwritten: deque[bytes] = deque()
        self.size = size
        """Bytes, with those that are not written yet."""
        self.synced = size
        """Bytes that survive a crash."""
        # what stands behind the last whole line was never acknowledged
        os.ftruncate(self._descriptor, size)
        if is_new:
            fsync_folder(path.parent)

    def write(self, payload: bytes) -> int:
        """Add a line. Returns where it ends: the line is safe once ``sync`` of that returned.

        Raises:
            OSError: the journal has failed; nothing was added.
        """
        if self._failed:
            raise _io_error()
        line, self._checksum = encode_line(self._checksum, payload)
        self._unwritten.append(line)
        self.size += len(line)
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
            try:
                self._sync_waiting()
                return
            except OSError as error:
                # a page that could not be written may be marked clean: what the disk holds behind `synced` is anybody's guess
                self._failed = True
                failure = error
        # not while others wait for the disk: giving up takes the trace's lock, which they may hold
        self._on_failure(self)
        raise failure

    def _sync_waiting(self) -> None:
        """Write and sync all that waits now; lines may be added meanwhile."""
        lines = [self._unwritten.popleft() for _ in range(len(self._unwritten))]
        content = lines[0] if len(lines) == 1 else b"".join(lines)
        _write_all(self._descriptor, content, self.synced)
        os.fdatasync(self._descriptor)
        self.synced += len(content)

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
