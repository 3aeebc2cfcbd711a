"""Replays of traces, open or finalized. A replay answers and changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from app.dispatch.base import Dispatcher
from app.models.replay import ReplayRequest, ReplayResult
from app.models.trace import Trace
from app.qa.replay import Replayer, ReplayTask
from app.qa.workspaces import Workspaces
from app.services.loading import load_bounded
from app.storage.base import TraceStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    trace_id: str
    request: ReplayRequest


class ReplayService:
    """Replays what is stored, in the line that finalizes wait in."""

    def __init__(
        self,
        store: TraceStore,
        replayer: Replayer,
        find_workspaces: Callable[[Trace], Workspaces],
        dispatcher: Dispatcher,
        max_judged_bytes: int,
    ) -> None:
        self._store = store
        self._replayer = replayer
        self._find_workspaces = find_workspaces
        self._dispatcher = dispatcher
        self._max_judged_bytes = max_judged_bytes

    def submit(self, trace_id: str, request: ReplayRequest) -> Future[ReplayResult]:
        """Have a trace replayed as it is now. What stands in the way is part of the answer.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        self._store.head(trace_id)
        return self._dispatcher.submit(_Job(trace_id, request), self._run)

    def _run(self, job: _Job) -> ReplayResult:
        loaded = load_bounded(self._store, job.trace_id, self._max_judged_bytes)
        task = ReplayTask(
            trace=loaded.trace,
            workspaces=self._find_workspaces(loaded.trace),
            test_command=job.request.test_command,
            replay_commands=job.request.replay_commands,
            left_out=loaded.left_out,
        )
        result = self._replayer.replay(task)
        counts = result.replay.counts.model_dump()
        _log.info("trace replayed", extra={"trace_id": job.trace_id, "outcome": result.replay.outcome, **counts})
        return result
