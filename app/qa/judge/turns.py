"""One after the other: whoever would ask a model what it is being asked just now waits, and finds the answers in the cache."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

TurnName = tuple[str, ...]


@dataclass
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    wanted_by: int = 0


class Turns:
    """Turns by name, for any number of threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turns: dict[TurnName, _Turn] = {}

    @contextmanager
    def take(self, names: Iterable[TurnName]) -> Iterator[None]:
        """Wait for all of these turns, and have them until the end. They are taken in one order by everybody."""
        with ExitStack() as held:
            for name in sorted(set(names)):
                held.enter_context(self._take(name))
            yield

    @contextmanager
    def _take(self, name: TurnName) -> Iterator[None]:
        with self._guard:
            turn = self._turns.setdefault(name, _Turn())
            turn.wanted_by += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.wanted_by -= 1
                if not turn.wanted_by:
                    del self._turns[name]
