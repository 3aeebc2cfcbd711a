"""Finalize: the trace is closed and sealed, everything in it is checked, and the result is sealed with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future

from app.dispatch.base import Dispatcher
from app.errors import BusyError, NotFoundError
from app.models.job import FinalizeRequest, JobState, JobStatus, QAJob, job_id_of
from app.models.qa import QAResults
from app.models.trace import Trace
from app.qa.investigation import Progress
from app.qa.judging import UnknownRubricError
from app.qa.pipeline import QAPipeline, QARequest, no_progress
from app.qa.workspaces import Workspaces
from app.services.loading import load_bounded
from app.services.sealing import Sealer
from app.storage.base import TraceStore
from app.utils.clock import Clock

_log = logging.getLogger(__name__)


class JobNotFoundError(NotFoundError):
    """There is no such job."""

    code = "job_not_found"


class FinalizeService:
    """Runs quality assurance on traces, one run a trace at a time."""

    def __init__(
        self,
        store: TraceStore,
        pipeline: QAPipeline,
        find_workspaces: Callable[[Trace], Workspaces],
        dispatcher: Dispatcher,
        sealer: Sealer,
        clock: Clock,
        max_judged_bytes: int,
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._find_workspaces = find_workspaces
        self._dispatcher = dispatcher
        self._sealer = sealer
        self._clock = clock
        self._max_judged_bytes = max_judged_bytes
        self._running: set[str] = set()
        self._guard = threading.Lock()

    def submit(self, job: QAJob, progress: Progress = no_progress) -> Future[Trace]:
        """Close the trace to new events, seal it, and have everything in it checked. What comes of it is the finalized trace.

        When this returns the trace is closed on disk: a crash from now on is made up for at the next start. A finalized trace
        is checked anew; its earlier result is kept as history, and its events never change. ``progress`` is told of each stage,
        from another thread.

        Raises:
            TraceNotFoundError: no trace has this id.
            UnknownRubricError: a rubric that the job names is not there.
            BusyError: the trace is being finalized.
        """
        trace_id = job.trace_id
        self._pipeline.refuse_unknown_rubrics(job.request.rubrics)
        with self._guard:
            if trace_id in self._running:
                raise BusyError(f"Trace {trace_id} is being finalized", trace_id=trace_id)
            self._running.add(trace_id)
        try:
            self._store.update(trace_id, lambda trace, chain: self._closed(trace, chain, job.request))
            future = self._dispatcher.submit(job, lambda taken: self._run(taken, progress))
        except BaseException:
            self._done(trace_id)
            raise
        future.add_done_callback(lambda done: self._ended(trace_id, done))
        return future

    def resume(self) -> int:
        """Take up what a crash interrupted, as it was asked for. Returns how many traces that are."""
        interrupted = self._store.unfinished()
        for trace_id in interrupted:
            try:
                self._resume(trace_id)
            except NotFoundError:
                _log.warning("a trace to be finalized is gone", extra={"trace_id": trace_id})
        return len(interrupted)

    def _resume(self, trace_id: str) -> None:
        request = self._store.head(trace_id).trace.finalize_request or FinalizeRequest()
        try:
            self.submit(QAJob(trace_id=trace_id, request=request))
        except UnknownRubricError as error:
            _log.warning(
                "an interrupted finalize judges by other rubrics", extra={"trace_id": trace_id, "problem": error.detail}
            )
            self.submit(QAJob(trace_id=trace_id, request=request.model_copy(update={"rubrics": None})))

    def job(self, job_id: str) -> JobStatus:
        """How a job stands.

        Raises:
            JobNotFoundError: no job has this id: its trace was never finalized.
        """
        trace_id = job_id.removeprefix("qa-")
        try:
            status = self._store.head(trace_id).trace.status
        except (NotFoundError, ValueError):
            raise JobNotFoundError from None
        if job_id != job_id_of(trace_id) or status == "open":
            raise JobNotFoundError
        with self._guard:
            is_running = trace_id in self._running
        state: JobState = "done" if status == "finalized" and not is_running else "running" if is_running else "failed"
        return JobStatus(job_id=job_id, trace_id=trace_id, status=state)

    def _run(self, job: QAJob, progress: Progress) -> Trace:
        loaded = load_bounded(self._store, job.trace_id, self._max_judged_bytes)
        workspaces = self._find_workspaces(loaded.trace)
        request = QARequest(loaded.trace, workspaces, job.request, loaded.left_out)
        results = self._pipeline.run(request, progress)
        done = self._store.update(job.trace_id, lambda closed, chain: self._with_results(closed, chain, results))
        _log.info("trace finalized", extra={"trace_id": job.trace_id, "verdict": results.verification.verdict})
        return done

    def _closed(self, trace: Trace, chain: bytes, request: FinalizeRequest) -> Trace:
        return self._sealer.sealed(trace.model_copy(update={"status": "finalizing", "finalize_request": request}), chain)

    def _with_results(self, trace: Trace, chain: bytes, results: QAResults) -> Trace:
        history = trace.qa_history if trace.qa_results is None else (*trace.qa_history, trace.qa_results)
        update = {
            "qa_results": results,
            "qa_history": history,
            "status": "finalized",
            "finalized_at": self._clock(),
        }
        return self._sealer.sealed(trace.model_copy(update=update), chain)

    def _ended(self, trace_id: str, future: Future[Trace]) -> None:
        self._done(trace_id)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            # it stays closed, and is taken up again by the next finalize or the next start
            _log.error("a finalize failed", extra={"trace_id": trace_id}, exc_info=error)

    def _done(self, trace_id: str) -> None:
        with self._guard:
            self._running.discard(trace_id)
