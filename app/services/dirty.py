"""Which traces are to be indexed next, and when. No thread and no clock: the time is an argument."""

from __future__ import annotations

import heapq
from itertools import islice

MIN_REST_S = 1.0
"""A trace that only grows is read at most this often."""
LAZY_SHARE = 0.05
"""At most this share of the time goes into reading traces that only grow."""
_MOST_REMEMBERED = 10_000


class DirtyTraces:
    """Traces that have changed: urgent ones in order of their change, growing ones when they have rested."""

    def __init__(self) -> None:
        self._urgent: dict[str, int] = {}
        self._growing: dict[str, float] = {}
        self._order: list[tuple[float, str]] = []
        self._rest_until: dict[str, float] = {}
        self._lazy_from = 0.0
        self._tickets = 0
        self._in_work: dict[str, int | None] = {}

    @property
    def ticket(self) -> int:
        """Stands for everything that has become urgent so far."""
        return self._tickets

    def touch(self, trace_id: str) -> None:
        """The trace has changed: it is next."""
        self._growing.pop(trace_id, None)
        self._tickets += 1
        self._urgent.setdefault(trace_id, self._tickets)

    def grew(self, trace_id: str, now: float) -> bool:
        """The trace has more events than before: it is read again when it has rested. ``False`` where it waited already."""
        if trace_id in self._urgent or trace_id in self._growing:
            return False
        self._growing[trace_id] = max(self._rest_until.get(trace_id, now), now)
        heapq.heappush(self._order, (self._growing[trace_id], trace_id))
        return True

    def take(self, now: float, most: int) -> list[str]:
        """What is to be read now; urgent ones first, growing ones one at a time. ``finish`` or ``give_back`` has to follow."""
        self._in_work = dict(islice(self._urgent.items(), most))
        for trace_id in self._in_work:
            del self._urgent[trace_id]
        if not self._in_work:
            self._take_growing(now)
        return list(self._in_work)

    def finish(self, now: float, cost_s: float) -> None:
        """What was taken is done, and took ``cost_s``."""
        if None in self._in_work.values():
            self._lazy_from = now + cost_s * (1 / LAZY_SHARE - 1)
        for trace_id in self._in_work:
            self._rest_until[trace_id] = now + MIN_REST_S
        self._in_work = {}
        if len(self._rest_until) > _MOST_REMEMBERED:
            self._rest_until = {name: until for name, until in self._rest_until.items() if until > now}

    def give_back(self, now: float) -> None:
        """What was taken could not be done: it is as if it had not been taken."""
        urgent = {trace_id: ticket for trace_id, ticket in self._in_work.items() if ticket is not None}
        growing = [trace_id for trace_id, ticket in self._in_work.items() if ticket is None]
        # in front, with the older ticket where the trace has been touched again meanwhile
        self._urgent = urgent | {trace_id: ticket for trace_id, ticket in self._urgent.items() if trace_id not in urgent}
        self._in_work = {}
        for trace_id in growing:
            self.grew(trace_id, now)

    def is_done(self, ticket: int) -> bool:
        """Whether everything that was urgent when the ticket was drawn is done."""
        oldest = next(iter(self._urgent.values()), None)
        return all(open_ticket is None or open_ticket > ticket for open_ticket in (oldest, *self._in_work.values()))

    def hasten(self) -> None:
        """Whatever rests becomes urgent."""
        for trace_id in tuple(self._growing):
            self.touch(trace_id)

    def wait_s(self, now: float) -> float | None:
        """How long nothing is to be done, unless something happens; ``None`` where nothing waits."""
        if self._urgent:
            return 0.0
        self._drop_stale()
        return max(self._order[0][0] - now, self._lazy_from - now, 0.0) if self._order else None

    def _take_growing(self, now: float) -> None:
        self._drop_stale()
        if self._order and self._order[0][0] <= now and self._lazy_from <= now:
            _, trace_id = heapq.heappop(self._order)
            del self._growing[trace_id]
            self._in_work = {trace_id: None}

    def _drop_stale(self) -> None:
        """Forget places in the order of traces that have become urgent since."""
        while self._order and self._growing.get(self._order[0][1]) != self._order[0][0]:
            heapq.heappop(self._order)
