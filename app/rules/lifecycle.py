"""Which state of a trace allows what: open → finalizing → finalized."""

from __future__ import annotations

from app.errors import BusyError, TraceClosedError
from app.models.trace import Status


def refuse_append_unless_open(trace_id: str, status: Status) -> None:
    """Events are taken while a trace is open.

    Raises:
        TraceClosedError: the trace is finalized.
        BusyError: it is being finalized.
    """
    if status == "finalized":
        raise TraceClosedError(f"Trace {trace_id} is finalized; it takes no more events", trace_id=trace_id)
    if status == "finalizing":
        raise BusyError(f"Trace {trace_id} is being finalized; it takes no more events", trace_id=trace_id)


def refuse_upload_unless_open(trace_id: str, status: Status) -> None:
    """Artifacts are taken while a trace is open.

    Raises:
        TraceClosedError: the trace is finalized.
        BusyError: it is being finalized.
    """
    if status == "finalized":
        raise TraceClosedError(f"Trace {trace_id} is finalized; it takes no more artifacts", trace_id=trace_id)
    if status == "finalizing":
        raise BusyError(f"Trace {trace_id} is being finalized; it takes no more artifacts", trace_id=trace_id)
