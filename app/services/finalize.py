"""Finalize: the trace is closed, everything in it is checked, and the result is stored with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.errors import BusyError
from app.models.qa import QAResults
from app.models.trace import Trace
from app.qa.pipeline import QAPipeline, QARequest, no_progress
from app.qa.verify import Progress, Workspaces
from app.rules.metrics import measure
from app.services.changes import change_trace
from app.storage.base import TraceStore
from app.utils.clock import Clock

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FinalizeOptions:
    """What a caller may ask for; what is left out comes from the trace and the settings."""

    test_command: str | None = None
    judge: str | None = None


class FinalizeService:
    """Runs quality assurance on traces, one run a trace at a time."""

    def __init__(
        self, store: TraceStore, pipeline: QAPipeline, find_workspaces: Callable[[Trace], Workspaces], clock: Clock
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._find_workspaces = find_workspaces
        self._clock = clock
        self._running: set[str] = set()
        self._guard = threading.Lock()

    def finalize(self, trace_id: str, options: FinalizeOptions, progress: Progress = no_progress) -> Trace:
        """Close the trace to new events, find out about it, and store the result.

        A finalized trace is checked anew: its earlier result is kept as history, its events never change.

        Raises:
            TraceNotFoundError: no trace has this id.
            BusyError: the trace is being finalized by another call.
        """
        with self._alone(trace_id):
            trace = self._close(trace_id)
            request = QARequest(trace, self._find_workspaces(trace), options.test_command, options.judge)
            results = self._pipeline.run(request, progress)
            done = change_trace(self._store, trace_id, lambda closed: self._with_results(closed, results))
            _log.info("trace finalized", extra={"trace_id": trace_id, "verdict": results.verification.verdict})
            return done

    def _close(self, trace_id: str) -> Trace:
        """The trace as it stands from now on, closed on disk."""
        return change_trace(
            self._store,
            trace_id,
            lambda trace: trace.model_copy(update={"status": "finalizing", "metrics": measure(trace.events)}),
        )

    def _with_results(self, trace: Trace, results: QAResults) -> Trace:
        history = trace.qa_history if trace.qa_results is None else (*trace.qa_history, trace.qa_results)
        return trace.model_copy(
            update={
                "qa_results": results,
                "qa_history": history,
                "status": "finalized",
                "finalized_at": self._clock(),
            }
        )

    @contextmanager
    def _alone(self, trace_id: str) -> Iterator[None]:
        with self._guard:
            if trace_id in self._running:
                raise BusyError(f"Trace {trace_id} is being finalized", trace_id=trace_id)
            self._running.add(trace_id)
        try:
            yield
        finally:
            with self._guard:
                self._running.discard(trace_id)
