"""Retention: traces that have been kept long enough are removed."""

from __future__ import annotations

import logging
from datetime import timedelta

from app.errors import BusyError, NotFoundError
from app.models.query import TraceQuery
from app.services.queries import QueryService
from app.services.traces import TraceService
from app.utils.clock import Clock

_log = logging.getLogger(__name__)


class RetentionService:
    """Removes traces a number of days after they were created, finished or not."""

    def __init__(self, queries: QueryService, traces: TraceService, keep: timedelta, clock: Clock) -> None:
        self._queries = queries
        self._traces = traces
        self._keep = keep
        self._clock = clock

    def sweep(self) -> int:
        """Remove what is older than is kept; a trace that is being finalized waits for the next sweep. Returns how many."""
        query = TraceQuery(created_to=self._clock() - self._keep, sort="created_at", descending=False, limit=200)
        removed = 0
        while True:
            page = self._queries.find(query)
            removed += sum(self._remove(summary.trace_id) for summary in page.items)
            if page.next_cursor is None:
                break
            query = query.model_copy(update={"cursor": page.next_cursor})
        if removed:
            _log.info("traces removed", extra={"count": removed, "days": self._keep.days})
        return removed

    def _remove(self, trace_id: str) -> bool:
        try:
            self._traces.delete(trace_id, f"kept for {self._keep.days} days")
        except (NotFoundError, BusyError):
            return False
        return True
