"""What a cache did so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Stats:
    """Counters of a cache. They only grow."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0
    """Entries that made room for others."""
    expirations: int = 0
    """Entries whose deadline came."""

    @property
    def hit_ratio(self) -> float | None:
        """Hits among all lookups, ``None`` before the first lookup."""
        lookups = self.hits + self.misses
        return self.hits / lookups if lookups else None
