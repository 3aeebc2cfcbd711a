"""Which key is due when.

The queue is a heap of records. Searching a heap for the record of one key is slow, so nothing is ever taken out of its middle:
a record that no longer counts stays where it is and is thrown away when it comes to the top.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True, order=True)
class Record:
    """One entry of the heap. ``number`` keeps keys of the same deadline in the order in which they were scheduled."""

    deadline: float
    number: int
    key: Hashable = field(compare=False)


class ExpiryQueue:
    """Keys and their deadlines, earliest first. A key has one deadline at most."""

    def __init__(self) -> None:
        self._heap: list[Record] = []
        self._numbers = count()
        self._live: set[Hashable] = set()

    def __len__(self) -> int:
        """How many keys have a deadline."""
        return len(self._live)

    def schedule(self, key: Hashable, deadline: float) -> None:
        """Give ``key`` a deadline. It replaces the one that the key had."""
        heapq.heappush(self._heap, Record(deadline, next(self._numbers), key))
        self._live.add(key)

    def cancel(self, key: Hashable) -> None:
        """Take the key's deadline away, if it has one."""
        self._live.discard(key)

    def next_deadline(self) -> float | None:
        """The earliest deadline, ``None`` when no key has one."""
        self._drop_stale()
        return self._heap[0].deadline if self._heap else None

    def pop_due(self, now: float) -> list[Hashable]:
        """Take out the keys whose deadline has come (``deadline <= now``), earliest first."""
        due: list[Hashable] = []
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            record = heapq.heappop(self._heap)
            self._live.discard(record.key)
            due.append(record.key)
        return due

    def _drop_stale(self) -> None:
        while self._heap and self._heap[0].key not in self._live:
            heapq.heappop(self._heap)
