"""Work that is done again and again, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Periodic:
    """Does the work at once and then every ``every_s`` seconds, until it is closed. The work handles its own errors."""

    def __init__(self, work: Callable[[], object], every_s: float, name: str) -> None:
        self._work = work
        self._every_s = every_s
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def close(self) -> None:
        """Return when the work is done, and do no more."""
        self._closed.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self._work()
            if self._closed.wait(self._every_s):
                return
