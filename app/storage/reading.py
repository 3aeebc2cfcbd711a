"""Reading traces of a data directory that another process may be writing. Nothing is written, and no lock is taken.

A document is put in place whole, and its journal is folded into it only after that: as long as the document's name stands for
the same file, what was read of both files belongs together. An append that is not on disk yet may be seen already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from app.errors import PRTelemetryError, TraceNotFoundError, UnavailableError
from app.models.events import Event
from app.models.trace import Trace
from app.storage.base import StoredDocument
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout

_TRIES = 20

_Found = TypeVar("_Found")


class TraceReader:
    """What ``TraceStore`` promises of its reading calls, beside a process that owns the directory."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def read(self, trace_id: str) -> StoredDocument:
        """See ``TraceStore.read``.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceDeletedError: it has been deleted.
            UnavailableError: it changes faster than it can be read.
        """
        return self._steady(trace_id, lambda store: store.read(trace_id), lambda document: document.close())

    def scan(self, trace_id: str) -> tuple[Trace, Iterator[Event]]:
        """See ``TraceStore.scan`` and ``read``."""
        return self._steady(trace_id, lambda store: store.scan(trace_id), lambda scanned: _exhaust(scanned[1]))

    def _steady(self, trace_id: str, look: Callable[[FileTraceStore], _Found], give_up: Callable[[_Found], object]) -> _Found:
        for _ in range(_TRIES):
            before = self._identity(trace_id)
            try:
                found = look(FileTraceStore(self._layout))
            except PRTelemetryError:
                if self._identity(trace_id) == before:
                    raise
            else:
                if self._identity(trace_id) == before:
                    return found
                give_up(found)
        raise UnavailableError(f"Trace {trace_id} changes faster than it can be read; try again")

    def _identity(self, trace_id: str) -> tuple[int, int, int] | None:
        try:
            info = self._layout.document(trace_id).stat()
        except ValueError:
            raise TraceNotFoundError(trace_id) from None
        except OSError:
            return None
        return info.st_ino, info.st_mtime_ns, info.st_size


def _exhaust(events: Iterator[Event]) -> None:
    for _ in events:
        pass
