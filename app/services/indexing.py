"""Keeping the index in step with the traces, behind their backs: whoever changes a trace does not wait for it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice

from app.errors import CorruptError, NotFoundError, PRTelemetryError, UnavailableError
from app.rules.summaries import Described
from app.services.dirty import DirtyTraces
from app.storage.index import IndexEntry, TraceIndex, TraceInventory

_log = logging.getLogger(__name__)
_BATCH = 64
_RETRY_S = 5.0
_UNHURRIED_SHARE = 0.25
"""At most this share of the time goes into the index while nobody waits for it."""
_PATIENCE_S = 2.0
"""A comparison that takes no longer is waited for, as it does with a few thousand traces."""

Timer = Callable[[], float]
Describe = Callable[[str], Described]
"""Reads a trace for the index. Raises ``TraceNotFoundError`` where there is none, ``CorruptError`` where it cannot be read."""


class IndexUpdater:
    """One thread that reads what has changed and tells the index. It starts with the first call and ends with ``close``.

    What it has not done when the process ends, the next start does: ``catch_up`` compares the index with what is stored.
    """

    def __init__(self, describe: Describe, inventory: TraceInventory, index: TraceIndex, timer: Timer = time.monotonic) -> None:
        self._describe = describe
        self._inventory = inventory
        self._index = index
        self._timer = timer
        self._dirty = DirtyTraces()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = False
        self._comparison: Iterator[list[str]] | None = None
        self._comparing_since = 0.0
        self._blocked_until: float | None = None
        self._chores_from = 0.0
        self._unhurried_from = 0.0
        self._waiting = 0
        self._is_untidy = False
        index.when_lost(self.catch_up)

    @property
    def is_caught_up(self) -> bool:
        """Whether the index knows every trace that was there at the start."""
        return self._comparison is None

    def touch(self, trace_id: str) -> None:
        """A trace is new, gone, or says something else than before. Returns at once."""
        with self._changed:
            self._dirty.touch(trace_id)
            self._wake()

    def grew(self, trace_id: str) -> None:
        """A trace has more events. Returns at once; the index follows within moments, later where many traces grow."""
        with self._changed:
            if self._dirty.grew(trace_id, self._timer()):
                self._wake()

    def catch_up(self) -> None:
        """Compare the index with all traces, in the background, beside everything else."""
        with self._changed:
            self._comparison = self._differences()
            self._comparing_since = self._timer()
            self._wake()

    def flush(self, timeout_s: float) -> bool:
        """Wait until the index knows what ``touch`` was told before this call. ``False`` where that takes longer.

        While the index cannot be written, the answer is ``False`` at once. A comparison that has just begun is waited for, too.
        """
        with self._changed:
            ticket = self._dirty.ticket

            def is_enough() -> bool:
                return self._dirty.is_done(ticket) and not self._is_comparison_young()

            self._wait_for(lambda: is_enough() or self._cannot_go_on(), timeout_s)
            return self._dirty.is_done(ticket)

    def drain(self, timeout_s: float) -> bool:
        """Like ``flush``, for everything: growing traces do not rest, and what goes on in the background is done."""
        with self._changed:
            self._dirty.hasten()
            ticket = self._dirty.ticket
            self._wake()

            def is_done() -> bool:
                return self._dirty.is_done(ticket) and self._comparison is None and not self._is_untidy

            self._wait_for(lambda: is_done() or self._cannot_go_on(), timeout_s)
            return is_done()

    def close(self) -> None:
        """End the thread after the step that it is at."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _wait_for(self, is_done: Callable[[], bool], timeout_s: float) -> None:
        """Wait, and have the thread hurry meanwhile."""
        self._waiting += 1
        self._changed.notify_all()
        try:
            self._changed.wait_for(is_done, timeout_s)
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        if self._thread is None and not self._is_closed:
            # not a daemon: one that is stopped in the middle of a write at the interpreter's end takes it down
            self._thread = threading.Thread(target=self._run, name="index-updater")
            self._thread.start()
        self._changed.notify_all()

    def _is_comparison_young(self) -> bool:
        return self._comparison is not None and self._timer() - self._comparing_since < _PATIENCE_S

    def _cannot_go_on(self) -> bool:
        return self._is_closed or self._blocked_until is not None

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._is_closed and self._wait_s() != 0.0:
                    self._changed.wait(self._wait_s())
                if self._is_closed:
                    return
                if self._wait_s() != 0.0:
                    continue
                taken = self._dirty.take(self._timer(), _BATCH)
                comparison = self._comparison
            if taken:
                self._index_taken(taken)
            elif comparison is not None:
                self._compare_on(comparison)
            elif self._is_untidy:
                self._tidy()

    def _wait_s(self) -> float | None:
        """How long there is nothing to do; ``None``: until something happens."""
        now = self._timer()
        if self._blocked_until is not None and self._blocked_until > now:
            return self._blocked_until - now
        wait_s = self._dirty.wait_s(now)
        if wait_s is not None and not self._waiting:
            # while nobody asks, those who write come first
            wait_s = max(wait_s, self._unhurried_from - now)
        waits = [wait_s]
        if self._comparison is not None or self._is_untidy:
            waits.append(max(self._chores_from - now, 0.0))
        return min((wait for wait in waits if wait is not None), default=None)

    def _index_taken(self, taken: list[str]) -> None:
        started = self._timer()
        is_done = self._index_all(taken)
        with self._changed:
            now = self._timer()
            self._unhurried_from = now + (now - started) * (1 / _UNHURRIED_SHARE - 1)
            if is_done:
                self._dirty.finish(now, now - started)
            else:
                self._dirty.give_back(now)
            self._changed.notify_all()

    def _compare_on(self, comparison: Iterator[list[str]]) -> None:
        """One step of the comparison. What stops it has it begin anew when the index can be used again."""
        started = self._timer()
        try:
            differing = next(comparison, None)
        except UnavailableError as error:
            self._block(error)
            is_done = False
        else:
            is_done = self._index_all(differing or [])
        with self._changed:
            now = self._timer()
            self._chores_from = now + (now - started)
            if self._comparison is comparison and not is_done:
                self._comparison = self._differences()
            elif self._comparison is comparison and differing is None:
                self._comparison = None
            self._changed.notify_all()

    def _tidy(self) -> None:
        started = self._timer()
        try:
            self._is_untidy = self._index.tidy()
        except UnavailableError as error:
            self._block(error)
        with self._changed:
            now = self._timer()
            self._chores_from = now + (now - started)
            self._changed.notify_all()

    def _differences(self) -> Iterator[list[str]]:
        """The traces that the index does not know as they are, and those that it knows and are no more; in small lists."""
        fingerprints = self._inventory.fingerprints()
        while stored := dict(islice(fingerprints, _BATCH)):
            known = self._index.fingerprints_of(tuple(stored))
            yield [trace_id for trace_id, fingerprint in stored.items() if known.get(trace_id) != fingerprint]
        indexed = self._index.known()
        while some := list(islice(indexed, _BATCH)):
            yield [trace_id for trace_id in some if not self._inventory.fingerprint(trace_id)]

    def _index_all(self, trace_ids: list[str]) -> bool:
        """Tell the index about these traces as they are now. ``False`` where it could not be told."""
        if not trace_ids:
            return True
        entries: list[IndexEntry] = []
        gone: list[str] = []
        for trace_id in trace_ids:
            self._read(trace_id, entries, gone)
        try:
            self._index.put(entries)
            self._index.remove(gone)
        except UnavailableError as error:
            self._block(error)
            return False
        self._is_untidy = self._is_untidy or bool(gone)
        self._unblock()
        return True

    def _read(self, trace_id: str, entries: list[IndexEntry], gone: list[str]) -> None:
        """Sort the trace into those that are listed and those that are not; what cannot be read now stays as it is."""
        try:
            # before the trace: what changes in between is seen as a difference later
            fingerprint = self._inventory.fingerprint(trace_id)
            if not fingerprint:
                gone.append(trace_id)
                return
            entries.append(IndexEntry(self._describe(trace_id), fingerprint))
        except NotFoundError:
            gone.append(trace_id)
        except CorruptError as error:
            _log.error("damaged trace is not listed", extra={"trace_id": trace_id, "detail": error.detail})
            gone.append(trace_id)
        except Exception as error:  # noqa: BLE001 -- the thread's own door: one trace does not stop the others
            _log.error("trace could not be read for the index", extra={"trace_id": trace_id}, exc_info=error)

    def _block(self, error: PRTelemetryError) -> None:
        """Rest for a while; said once, until it works again."""
        with self._changed:
            if self._blocked_until is None:
                _log.warning("index cannot be kept in step now", extra={"code": error.code, "detail": error.detail})
            self._blocked_until = self._timer() + _RETRY_S
            self._changed.notify_all()

    def _unblock(self) -> None:
        with self._changed:
            if self._blocked_until is not None:
                _log.info("index is kept in step again")
                self._blocked_until = None
