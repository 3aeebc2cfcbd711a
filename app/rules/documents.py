"""A trace as the bytes of its document. Events are spliced in as they are, so that they are serialised once in their life."""

from __future__ import annotations

from collections.abc import Iterable

from app.models.events import Event
from app.models.trace import Trace

_BEFORE_EVENTS = ("schema_version", "trace_id", "developer_id", "bug_id", "start_time", "end_time", "repo", "task", "session",
                  "environment")  # fmt: skip
_AFTER_EVENTS = {"events", *_BEFORE_EVENTS}


def render_event(event: Event) -> bytes:
    """An event as compact JSON: what the client said and what the server added; fields that nobody filled are left out."""
    return event.model_dump_json(exclude_unset=True).encode()


def render_document(trace: Trace) -> bytes:
    """The whole document as compact JSON, events in the trace's order."""
    return splice_document(trace, (render_event(event) for event in trace.events))


def splice_document(trace: Trace, events: Iterable[bytes]) -> bytes:
    """The document around events that are rendered already."""
    opening = trace.model_dump_json(include=set(_BEFORE_EVENTS)).encode()
    closing = trace.model_dump_json(exclude=_AFTER_EVENTS).encode()
    return opening[:-1] + b',"events":[' + b",".join(events) + b"]," + closing[1:]
