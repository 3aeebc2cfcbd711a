"""Places to run in: at most so many are taken, and whoever comes first is served first."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from app.qa.sandbox.slots import Slots


class Line:
    """Threads that wait for slots, one behind the other, and the order in which they were served."""

    def __init__(self, slots: Slots, pool: ThreadPoolExecutor) -> None:
        self.served: list[str] = []
        self._slots = slots
        self._pool = pool

    def join(self, name: str, most: int = 1) -> Future[int]:
        """Let a thread wait. Returns when it does."""
        length = len(self._slots._line)
        future = self._pool.submit(self._wait, name, most)
        while len(self._slots._line) == length and not future.done():
            pass
        return future

    def _wait(self, name: str, most: int) -> int:
        taken = self._slots.take(most)
        self.served.append(name)
        return taken


@pytest.mark.parametrize(("count", "most", "taken"), [(2, 1, 1), (2, 2, 2), (2, 5, 2), (1, 2, 1)])
def test_as_many_are_taken_as_are_wanted_and_free(count: int, most: int, taken: int) -> None:
    assert Slots(count).take(most) == taken


def test_one_that_is_free_is_enough_to_go_on() -> None:
    slots = Slots(2)
    slots.take(1)

    assert slots.take(2) == 1


def test_what_was_given_back_is_taken_in_the_order_of_coming() -> None:
    slots = Slots(1)
    slots.take(1)
    with ThreadPoolExecutor(4) as pool:
        line = Line(slots, pool)
        waiting = [line.join(name) for name in "abcd"]
        for future in waiting:
            slots.give_back(1)
            future.result(30)

    assert line.served == ["a", "b", "c", "d"]


def test_who_wants_much_does_not_wait_for_all_of_it_and_lets_nobody_pass() -> None:
    slots = Slots(2)
    slots.take(2)
    with ThreadPoolExecutor(2) as pool:
        line = Line(slots, pool)
        first, second = line.join("first", 2), line.join("second", 1)
        slots.give_back(1)
        taken = first.result(30)
        slots.give_back(1)
        second.result(30)

    assert (taken, line.served) == (1, ["first", "second"])


def test_never_are_more_taken_than_there_are() -> None:
    slots, lock, in_use, most_in_use = Slots(3), threading.Lock(), [0], [0]

    def use(most: int) -> None:
        for _ in range(200):
            taken = slots.take(most)
            with lock:
                in_use[0] += taken
                most_in_use[0] = max(most_in_use[0], in_use[0])
            with lock:
                in_use[0] -= taken
            slots.give_back(taken)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(use, [1, 2, 3, 4] * 2))

    assert most_in_use[0] <= 3
    assert slots.take(9) == 3


class GivenUpError(Exception):
    """Whoever waited was interrupted."""


class Interrupted(threading.Condition):
    """A condition on which nobody can wait in peace."""

    def wait(self, timeout: float | None = None) -> bool:
        raise GivenUpError


def test_who_gives_up_waiting_stands_in_nobodys_way() -> None:
    slots = Slots(1)
    slots.take(1)
    patient, slots._changed = slots._changed, Interrupted()
    with pytest.raises(GivenUpError):
        slots.take(1)
    slots._changed = patient
    slots.give_back(1)

    assert slots.take(1) == 1
