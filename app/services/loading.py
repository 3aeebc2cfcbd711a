"""Loading traces for quality assurance: whole, or, where they are too large for that, what the tests rest on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.models.events import CodeEdit, Event, TerminalCommand, TestResult
from app.models.trace import Trace
from app.rules.repeatable import changes_files
from app.storage.base import TraceStore


@dataclass(frozen=True)
class LoadedTrace:
    """A trace in memory."""

    trace: Trace
    left_out: str | None = None
    """What of its events is not here, and why."""

    @property
    def is_whole(self) -> bool:
        """Nothing was left out."""
        return self.left_out is None


def load_bounded(store: TraceStore, trace_id: str, max_bytes: int) -> LoadedTrace:
    """The trace, whole; or, where its document is larger than ``max_bytes``, with its edits, its test results, and the commands
    that change files.

    Raises:
        TraceNotFoundError: no trace has this id.
        CorruptError: what is on disk is not a trace.
    """
    document = store.read(trace_id)
    document.close()
    if document.size_bytes is None or document.size_bytes <= max_bytes:
        return LoadedTrace(store.load(trace_id))
    trace, events = store.scan(trace_id)
    left_out = f"commits and commands were left out: the trace is larger than MAX_JUDGED_BYTES ({max_bytes})"
    return LoadedTrace(trace.model_copy(update={"events": tuple(_what_tests_rest_on(events))}), left_out)


def _what_tests_rest_on(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if isinstance(event, CodeEdit | TestResult):
            yield event
        elif isinstance(event, TerminalCommand) and changes_files(event.data.command):
            yield event.model_copy(update={"data": event.data.model_copy(update={"output": ""})})
