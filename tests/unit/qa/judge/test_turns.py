"""Turns: who has one keeps the others waiting, and nobody else."""

from __future__ import annotations

import threading
import time

from app.qa.judge.turns import Turns


def wanted_by(turns: Turns, *name: str) -> int:
    turn = turns._turns.get(name)
    return turn.wanted_by if turn is not None else 0


def test_whoever_comes_second_waits_for_the_first() -> None:
    turns, order = Turns(), []

    def second() -> None:
        with turns.take([("b",), ("a",)]):
            order.append("second")

    with turns.take([("a",)]):
        thread = threading.Thread(target=second)
        thread.start()
        while wanted_by(turns, "a") < 2:
            time.sleep(0.001)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_other_turns_are_free_meanwhile() -> None:
    turns = Turns()

    with turns.take([("a",)]), turns.take([("b",), ("b",)]):
        assert (wanted_by(turns, "a"), wanted_by(turns, "b")) == (1, 1)


def test_nothing_is_remembered_of_turns_that_are_over() -> None:
    turns = Turns()

    try:
        with turns.take([("a",), ("b",)]):
            raise ValueError("a fault in here")
    except ValueError:
        pass

    assert turns._turns == {}


def test_many_who_want_several_in_any_order_all_come_through() -> None:
    turns, taken = Turns(), []

    def take(names: list[tuple[str, ...]]) -> None:
        for _ in range(50):
            with turns.take(names):
                taken.append(names)

    threads = [threading.Thread(target=take, args=([("a",), ("b",)][::step],)) for step in (1, -1) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(taken) == 400
