"""Waiting for the disk without keeping the event loop waiting."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from app.storage.base import Written


class _Waiting(NamedTuple):
    written: Written
    done: asyncio.Future[None]


_Group = list[_Waiting]
"""All who wait for one journal, and are served by one sync."""


class GroupSync:
    """Has the disk waited for elsewhere than on the event loop: one wait for all who wait for the same journal.

    Its methods are called on the event loop that it was made on.
    """

    def __init__(self, threads: int = 4) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[object, _Group] = {}
        """By journal, where one is being synced: who came since."""
        self._synced: list[tuple[_Group, Exception | None]] = []
        self._is_called = False
        self._guard = threading.Lock()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="disk")

    async def on_disk(self, written: Written) -> None:
        """Return when ``written`` is synced; raise what its ``sync`` raises."""
        if written.journal is None:
            return  # nothing to wait for
        done = self._loop.create_future()
        waiting = self._waiting.get(written.journal)
        if waiting is not None:
            waiting.append(_Waiting(written, done))
        else:
            self._waiting[written.journal] = []
            self._threads.submit(self._sync, [_Waiting(written, done)])
        await done

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()

    def _sync(self, group: _Group) -> None:
        last = max(group, key=lambda waiting: waiting.written.end).written
        error: Exception | None = None
        try:
            last.sync()
        except Exception as raised:  # noqa: BLE001 -- told to whoever waits
            error = raised
        with self._guard:
            self._synced.append((group, error))
            is_called, self._is_called = self._is_called, True
        if not is_called:
            # one call for all that are done when it is heard
            self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        with self._guard:
            synced, self._synced = self._synced, []
            self._is_called = False
        for group, error in synced:
            for _, done in group:
                if done.done():
                    continue  # its client has gone
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)
            self._go_on(group[0].written.journal)

    def _go_on(self, journal: object) -> None:
        following = self._waiting[journal]
        if following:
            self._waiting[journal] = []
            self._threads.submit(self._sync, following)
        else:
            del self._waiting[journal]
