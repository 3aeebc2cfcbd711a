"""Routes that take a request as it is, for what is asked thousands of times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from app.storage.base import Written


class DirectRoute(APIRoute):
    """Calls its function with the request and nothing else: solving dependencies costs more than the rest of such a route.

    The dependencies that are named beside it stand in the documentation; the function asks for what they would have given.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``APIRoute``."""
        endpoint: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint

        async def handle(request: Request) -> Response:
            return await endpoint(request)

        return handle


class GroupSync:
    """Has the disk waited for elsewhere than on the event loop: one wait for all who wait for the same journal.

    Its methods are called on the event loop.
    """

    def __init__(self, threads: int = 4) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="disk")
        self._waiting: dict[object, list[tuple[Written, asyncio.Future[None]]]] = {}

    async def on_disk(self, written: Written) -> None:
        """Return when ``written`` is synced; raise what its ``sync`` raises."""
        if written.journal is None:
            return  # nothing to wait for
        done = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(written.journal)
        if waiting is not None:
            waiting.append((written, done))
        else:
            self._waiting[written.journal] = []
            self._sync([(written, done)])
        await done

    def close(self) -> None:
        """Wait for what is under way."""
        self._threads.shutdown()

    def _sync(self, group: list[tuple[Written, asyncio.Future[None]]]) -> None:
        last = max((written for written, _ in group), key=lambda written: written.end)
        synced = asyncio.get_running_loop().run_in_executor(self._threads, last.sync)
        synced.add_done_callback(lambda result: self._tell(last.journal, group, result.exception()))

    def _tell(self, journal: object, group: list[tuple[Written, asyncio.Future[None]]], error: BaseException | None) -> None:
        following = self._waiting[journal]
        if following:
            self._waiting[journal] = []
            self._sync(following)
        else:
            del self._waiting[journal]
        for _, done in group:
            if done.done():
                continue  # its client has gone
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
