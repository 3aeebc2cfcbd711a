"""Which state of a trace allows what: open → finalizing → finalized."""

from __future__ import annotations

from typing import Literal

from app.errors import BusyError, TraceClosedError
from app.models.trace import Status


def refuse_unless_open(trace_id: str, status: Status, what: Literal["events", "artifacts"]) -> None:
    """Events and artifacts are taken while a trace is open.

    Raises:
        TraceClosedError: the trace is finalized.
        BusyError: it is being finalized.
    """
    if status == "finalized":
        raise TraceClosedError(f"Trace {trace_id} is finalized; it takes no more {what}", trace_id=trace_id)
    if status == "finalizing":
        raise BusyError(f"Trace {trace_id} is being finalized; it takes no more {what}", trace_id=trace_id)
