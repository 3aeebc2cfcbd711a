"""Many conversations at once, in one loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

from app.qa.judge.calls import MAX_UNDER_WAY, Came, Deadline, Pause, carry_on
from app.qa.judge.endpoint import ChatRequest, Exchange, Failed, Reply
from tests.llm_judging import Pauses

Talk = Generator[ChatRequest | Pause, Came | None, str]


def request(text: str) -> ChatRequest:
    return ChatRequest("m", [{"role": "user", "content": text}])


def echo(asked: ChatRequest, timeout_s: float) -> Exchange:
    return Exchange(Reply(f"{asked.messages[0]['content']}!"))


def said(came: Came | None) -> str:
    assert came is not None
    outcome = came.exchange.outcome
    return str(outcome.content if isinstance(outcome, Reply) else outcome)


def talk(text: str, *pauses: float) -> Talk:
    for seconds in pauses:
        yield Pause(seconds)
    return said((yield request(text)))


def a_deadline(clock: Pauses, seconds: float = 60) -> Deadline:
    return Deadline(clock.monotonic() + seconds, clock.monotonic)


def test_results_come_in_the_order_of_the_conversations() -> None:
    clock = Pauses()

    assert carry_on([talk("a", 2, 1), talk("b"), talk("c", 1)], echo, 5, a_deadline(clock), clock.sleep) == ["a!", "b!", "c!"]
    assert sum(clock.slept) == pytest.approx(3)


def test_a_conversation_that_asks_nothing_is_ended_at_once() -> None:
    def silent() -> Talk:
        return "nothing"
        yield Pause(0)

    clock = Pauses()

    assert carry_on([silent()], echo, 5, a_deadline(clock), clock.sleep) == ["nothing"]
    assert carry_on([], echo, 5, a_deadline(clock), clock.sleep) == []


def test_requests_are_under_way_together_but_not_too_many() -> None:
    guard, under_way, most = threading.Lock(), [0], [0]

    def ask(asked: ChatRequest, timeout_s: float) -> Exchange:
        with guard:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.01)
        with guard:
            under_way[0] -= 1
        return echo(asked, timeout_s)

    clock = Pauses()
    talks = [talk(str(number)) for number in range(40)]

    assert carry_on(talks, ask, 5, a_deadline(clock), clock.sleep) == [f"{number}!" for number in range(40)]
    assert 2 <= most[0] <= MAX_UNDER_WAY


def test_a_request_gets_no_more_time_than_the_deadline_leaves() -> None:
    given: list[float] = []

    def ask(asked: ChatRequest, timeout_s: float) -> Exchange:
        given.append(timeout_s)
        return echo(asked, timeout_s)

    clock = Pauses()
    carry_on([talk("a"), talk("b", 8)], ask, 5, a_deadline(clock, 10), clock.sleep)

    assert given == [5, pytest.approx(2)]


def test_after_the_deadline_nothing_is_sent() -> None:
    sent: list[ChatRequest] = []

    def ask(asked: ChatRequest, timeout_s: float) -> Exchange:
        sent.append(asked)
        return echo(asked, timeout_s)

    def late() -> Generator[ChatRequest | Pause, Came | None, tuple[bool, object]]:
        yield Pause(11)
        came = yield request("a")
        assert came is not None
        return came.was_sent, came.exchange.outcome

    clock = Pauses()

    assert carry_on([late()], ask, 5, a_deadline(clock, 10), clock.sleep) == [
        (False, Failed("timeout", "the deadline had passed"))
    ]
    assert sent == []


def test_a_request_that_does_not_come_back_is_given_up() -> None:
    over = threading.Event()

    def ask(asked: ChatRequest, timeout_s: float) -> Exchange:
        over.wait(30)
        return echo(asked, timeout_s)

    clock = Pauses()
    try:
        (result,) = carry_on([talk("a")], ask, 0.05, a_deadline(clock), clock.sleep)
    finally:
        over.set()

    assert "no whole answer within" in result


def test_an_error_of_ours_is_not_hidden() -> None:
    def ask(asked: ChatRequest, timeout_s: float) -> Exchange:
        raise ZeroDivisionError

    clock = Pauses()
    with pytest.raises(ZeroDivisionError):
        carry_on([talk("a")], ask, 5, a_deadline(clock), clock.sleep)
