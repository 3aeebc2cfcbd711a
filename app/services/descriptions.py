"""What the index is told of a trace: from memory while it has only just come in, by reading it otherwise."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from app.models.events import Event
from app.models.trace import Trace
from app.rules.metrics import Tally
from app.rules.summaries import Described, describe
from app.storage.base import TraceStore

_MOST_CHARACTERS = 32 * 1024 * 1024


class _Noted(NamedTuple):
    described: Described
    created_at: datetime
    revision: int


class Descriptions:
    """Describes traces. Those that were noted as they came in are not read again, unless they have changed since."""

    def __init__(self, store: TraceStore, most_characters: int = _MOST_CHARACTERS) -> None:
        self._store = store
        self._room = most_characters
        self._noted: dict[str, _Noted] = {}
        self._guard = threading.Lock()

    def note(self, trace: Trace, events: Iterable[Event], counted: Tally | None = None) -> None:
        """Remember what there is to say of a trace with these events, in the order that they are read in; ``counted`` are the
        counts over them, where there are any yet.

        Where those that wait for the index fill the room already, nothing is remembered: the trace will be read.
        """
        described = describe(trace, events, counted)
        with self._guard:
            self._drop(trace.trace_id)
            if len(described.text) <= self._room:
                self._room -= len(described.text)
                self._noted[trace.trace_id] = _Noted(described, trace.created_at, trace.revision)

    def forget(self, trace_id: str) -> None:
        """The trace was not stored after all."""
        with self._guard:
            self._drop(trace_id)

    def of(self, trace_id: str) -> Described:
        """What there is to say of a trace as it is now.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceDeletedError: it has been deleted.
            CorruptError: it cannot be read.
        """
        with self._guard:
            noted = self._drop(trace_id)
        if noted is not None:
            head = self._store.head(trace_id)
            # another trace may have had the id all along, and kept it
            if (head.trace.created_at, head.revision) == (noted.created_at, noted.revision):
                return noted.described
        return describe(*self._store.scan(trace_id))

    def _drop(self, trace_id: str) -> _Noted | None:
        noted = self._noted.pop(trace_id, None)
        if noted is not None:
            self._room += len(noted.described.text)
        return noted
