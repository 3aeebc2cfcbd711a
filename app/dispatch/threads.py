"""Jobs in threads of the server's own process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from app.dispatch.base import Job, Result


class ThreadDispatcher:
    """A ``Dispatcher`` that runs a few jobs at once; the others wait in line."""

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="qa")

    def submit(self, job: Job, run: Callable[[Job], Result]) -> Future[Result]:
        """See ``Dispatcher.submit``."""
        return self._pool.submit(run, job)

    def close(self) -> None:
        """See ``Dispatcher.close``."""
        self._pool.shutdown(wait=True, cancel_futures=True)
