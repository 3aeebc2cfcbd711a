"""How many may run at once. Whoever comes first is served first."""

from __future__ import annotations

import threading
from collections import deque


class Slots:
    """A number of places, taken and given back by any number of threads."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, most: int) -> int:
        """Wait for this caller's turn and a free place. Returns how many were taken: at least one, at most ``most``."""
        ticket = object()
        with self._changed:
            self._line.append(ticket)
            try:
                self._changed.wait_for(lambda: self._free > 0 and self._line[0] is ticket)
                taken = min(most, self._free)
                self._free -= taken
            finally:
                # also where whoever waited has given up
                self._line.remove(ticket)
                self._changed.notify_all()
            return taken

    def give_back(self, count: int) -> None:
        """Let others have them."""
        with self._changed:
            self._free += count
            self._changed.notify_all()
