"""The cache: values by key, at most so many of them, each for at most so long.

When an entry goes is decided in two places: ``ExpiryQueue`` knows whose deadline has come, ``RecencyList`` who makes room.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from larder.clock import Clock
from larder.expiry import ExpiryQueue
from larder.recency import RecencyList
from larder.stats import Stats

FOREVER: Final = float("inf")
"""The lifetime of an entry without a deadline."""


@dataclass
class Entry:
    """A value, and until when it is kept."""

    value: Any
    deadline: float


class Cache:
    """Keeps up to ``max_entries`` values; the one used longest ago makes room for a new one.

    An entry is there before its deadline and gone at it. Every operation first lets go what is due.
    """

    def __init__(self, max_entries: int, *, ttl: float = FOREVER, clock: Clock = time.monotonic) -> None:
        if max_entries < 1:
            raise ValueError("a cache needs room for at least one entry")
        self.stats = Stats()
        self._max_entries = max_entries
        self._ttl = _checked(ttl)
        self._clock = clock
        self._entries: dict[Hashable, Entry] = {}
        self._deadlines = ExpiryQueue()
        self._recency = RecencyList()

    def __len__(self) -> int:
        self.purge()
        return len(self._entries)

    def __contains__(self, key: Hashable) -> bool:
        self.purge()
        return key in self._entries

    def __iter__(self) -> Iterator[Hashable]:
        """The keys, from the one used longest ago to the one used last."""
        self.purge()
        return iter(list(self._recency))

    def get(self, key: Hashable, default: Any = None) -> Any:
        """The value of ``key``, which counts as a use, or ``default``."""
        self.purge()
        entry = self._entries.get(key)
        if entry is None:
            self.stats.misses += 1
            return default
        self.stats.hits += 1
        self._recency.use(key)
        return entry.value

    def put(self, key: Hashable, value: Any, *, ttl: float | None = None) -> None:
        """Keep ``value`` for ``ttl`` seconds from now (by default, as long as the cache was told to)."""
        self.purge()
        if key not in self._entries and len(self._entries) >= self._max_entries:
            self._evict()
        self._entries[key] = Entry(value, FOREVER)
        self._renew(key, self._ttl if ttl is None else _checked(ttl))
        self._recency.use(key)

    def touch(self, key: Hashable, *, ttl: float | None = None) -> bool:
        """Give ``key`` another ``ttl`` seconds from now. Answers whether the key was there."""
        self.purge()
        if key not in self._entries:
            return False
        self._renew(key, self._ttl if ttl is None else _checked(ttl))
        self._recency.use(key)
        return True

    def remove(self, key: Hashable) -> bool:
        """Let go of ``key``. Answers whether it was there."""
        self.purge()
        if key not in self._entries:
            return False
        self._deadlines.cancel(key)
        self._drop(key)
        return True

    def ttl_left(self, key: Hashable) -> float | None:
        """How many seconds ``key`` has left, ``None`` when it is not there."""
        self.purge()
        entry = self._entries.get(key)
        return None if entry is None else entry.deadline - self._clock()

    def next_deadline(self) -> float | None:
        """When the next entry goes by itself, for whoever wants to call ``purge`` in time."""
        return self._deadlines.next_deadline()

    def purge(self) -> int:
        """Let go of every entry that is due. Answers how many there were."""
        due = self._deadlines.pop_due(self._clock())
        for key in due:
            self._drop(key)
        self.stats.expirations += len(due)
        return len(due)

    def _renew(self, key: Hashable, ttl: float) -> None:
        deadline = self._clock() + ttl
        self._entries[key].deadline = deadline
        if deadline == FOREVER:
            self._deadlines.cancel(key)
        else:
            self._deadlines.schedule(key, deadline)

    def _evict(self) -> None:
        key = self._recency.oldest()
        self._deadlines.cancel(key)
        self._drop(key)
        self.stats.evictions += 1

    def _drop(self, key: Hashable) -> None:
        del self._entries[key]
        self._recency.forget(key)


def _checked(ttl: float) -> float:
    if not ttl > 0:
        raise ValueError(f"a lifetime is longer than nothing, not {ttl!r}")
    return ttl
