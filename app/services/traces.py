"""Reading traces."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from app.models.trace import Trace
from app.rules.documents import render_document
from app.rules.metrics import measure
from app.storage.base import TraceStore


@dataclass(frozen=True)
class Document:
    """A trace as it is handed out."""

    content: bytes
    """JSON, UTF-8."""
    etag: str
    """Changes whenever the content does (RFC 9110, section 8.8.3)."""


class TraceService:
    """Hands out stored traces."""

    def __init__(self, store: TraceStore) -> None:
        self._store = store

    def document(self, trace_id: str) -> Document:
        """The document of a trace, events in time order.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        trace = self._store.load(trace_id)
        return as_document(trace)


def as_document(trace: Trace) -> Document:
    """A trace with its counts brought up to date, as bytes."""
    content = render_document(trace.model_copy(update={"metrics": measure(trace.events)}))
    return Document(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
