"""What every index of traces promises. An index is derived: it may be thrown away, and is filled again from the traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.models.query import TracePage, TraceQuery
from app.rules.summaries import Described


@dataclass(frozen=True)
class IndexEntry:
    """What an index keeps of one trace."""

    described: Described
    fingerprint: str
    """What the trace looked like on disk before it was read: another fingerprint, another content."""


class TraceIndex(Protocol):
    """Summaries by what they say. What it does not know it does not find; it is never the only place of anything."""

    def put(self, entries: Sequence[IndexEntry]) -> None:
        """Keep the entries, each in place of the earlier one of its trace: all of them, or none where it raises.

        Raises:
            StorageFullError: there is no room.
            UnavailableError: it cannot be written now.
        """
        ...

    def remove(self, trace_ids: Iterable[str]) -> None:
        """Forget these traces; ids that it does not know are passed over.

        Raises:
            StorageFullError: there is no room.
            UnavailableError: it cannot be written now.
        """
        ...

    def find(self, query: TraceQuery) -> TracePage:
        """One page of the traces that a query finds, in its order; ties in an order that never changes.

        Pages taken one behind the other hold every trace that was there all the time exactly once.

        Raises:
            InvalidError: the cursor is not of this query.
            UnavailableError: it cannot be read now.
        """
        ...

    def fingerprints_of(self, trace_ids: Sequence[str]) -> dict[str, str]:
        """The fingerprints of those of the traces that it knows."""
        ...

    def known(self) -> Iterator[str]:
        """The ids of all traces that it knows. Traces may come and go meanwhile."""
        ...

    def tidy(self) -> bool:
        """A short step of wiping what is left of removed traces. Returns whether there is more to do."""
        ...

    def when_lost(self, refill: Callable[[], None]) -> None:
        """Have ``refill`` called whenever the content was lost and an empty index stands in its place."""
        ...

    def close(self) -> None:
        """Let go of everything. No call may follow."""
        ...


class TraceInventory(Protocol):
    """Which traces there are, and whether they have changed, at the price of a look at the folder."""

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        """Id and fingerprint of every trace, in any order. Traces may come and go meanwhile."""
        ...

    def fingerprint(self, trace_id: str) -> str | None:
        """The fingerprint of one trace; ``None`` where there is none.

        It changes whenever the trace does: the size and the modification time (in nanoseconds) of its files will do.
        """
        ...
