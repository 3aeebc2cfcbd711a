"""Finding traces."""

from __future__ import annotations

from app.models.query import TracePage, TraceQuery
from app.services.indexing import IndexUpdater
from app.storage.index import TraceIndex

_LONGEST_WAIT_S = 2.0


class QueryService:
    """Answers queries from the index, which follows the traces."""

    def __init__(self, index: TraceIndex, updater: IndexUpdater, longest_wait_s: float = _LONGEST_WAIT_S) -> None:
        self._index = index
        self._updater = updater
        self._longest_wait_s = longest_wait_s

    def find(self, query: TraceQuery) -> TracePage:
        """One page. It knows what happened before the call, save for events that were appended within the last moments.

        Where the index falls behind for longer than a short wait, or is still being built, ``complete`` is ``False``.

        Raises:
            InvalidError: the cursor is not of this query.
            UnavailableError: the index cannot be read now.
        """
        is_fresh = self._updater.flush(self._longest_wait_s)
        was_caught_up = self._updater.is_caught_up
        page = self._index.find(query)
        if was_caught_up and not self._updater.is_caught_up:
            # it was lost under this very question; a small one is filled again in no time
            is_fresh = self._updater.flush(self._longest_wait_s)
            page = self._index.find(query)
        return page.model_copy(update={"complete": is_fresh and self._updater.is_caught_up})
