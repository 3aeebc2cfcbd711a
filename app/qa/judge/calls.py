"""Carrying on many conversations at once: one loop, one deadline.

A conversation is a generator. It yields what it wants to send, or how long it wants to pause, and is handed what came of it.
Conversations take turns in the thread of the caller; only requests have threads of their own, so that nothing but the sending
goes on at the same time.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.qa.judge.endpoint import THREAD_NAME, ChatRequest, Exchange, Failed, late

MAX_UNDER_WAY = 12
GRACE_S = 1.0
"""A request ends by itself within its time; one that does not, by a name server for instance, is waited for so much longer."""
CLOSE_ENOUGH_S = 1e-6

Ask = Callable[[ChatRequest, float], Exchange]
T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """A conversation wants to wait."""

    seconds: float


@dataclass(frozen=True)
class Came:
    """What came of a request."""

    exchange: Exchange
    duration_ms: int = 0
    was_sent: bool = True


Conversation = Generator[ChatRequest | Pause, Came | None, T]


@dataclass(frozen=True)
class Deadline:
    """A moment by which everything has ended."""

    ends_at: float
    monotonic: Callable[[], float]

    @property
    def remaining_s(self) -> float:
        """Time that is left; negative afterwards."""
        return self.ends_at - self.monotonic()


def carry_on(
    conversations: Sequence[Conversation[T]], ask: Ask, timeout_s: float, deadline: Deadline, sleep: Callable[[float], None]
) -> list[T]:
    """Every conversation to its end, in their order. A request has ``timeout_s``, and never more than the deadline leaves."""
    return _Loop(conversations, ask, timeout_s, deadline, sleep).run()


@dataclass(frozen=True)
class _UnderWay:
    index: int
    timeout_s: float
    sent_at: float
    given_up_at: float
    """In real time: sockets know no other."""


class _Loop(Generic[T]):
    def __init__(
        self,
        conversations: Sequence[Conversation[T]],
        ask: Ask,
        timeout_s: float,
        deadline: Deadline,
        sleep: Callable[[float], None],
    ) -> None:
        self._conversations = conversations
        self._ask = ask
        self._timeout_s = timeout_s
        self._deadline = deadline
        self._sleep = sleep
        self._results: dict[int, T] = {}
        self._in_line: deque[tuple[int, ChatRequest]] = deque()
        self._pausing: list[tuple[float, int]] = []
        self._under_way: dict[futures.Future[Exchange], _UnderWay] = {}

    def run(self) -> list[T]:
        for index in range(len(self._conversations)):
            self._go_on(index, None)
        while self._in_line or self._pausing or self._under_way:
            while self._in_line and len(self._under_way) < MAX_UNDER_WAY:
                self._send(*self._in_line.popleft())
            self._wait()
            self._take_answers()
            self._end_pauses()
        return [self._results[index] for index in range(len(self._conversations))]

    def _go_on(self, index: int, came: Came | None) -> None:
        try:
            step = self._conversations[index].send(came)
        except StopIteration as end:
            self._results[index] = end.value
            return
        if isinstance(step, Pause):
            heapq.heappush(self._pausing, (self._deadline.monotonic() + step.seconds, index))
        else:
            self._in_line.append((index, step))

    def _send(self, index: int, request: ChatRequest) -> None:
        timeout_s = min(self._timeout_s, self._deadline.remaining_s)
        if timeout_s <= 0:
            self._go_on(index, Came(Exchange(Failed("timeout", "the deadline had passed")), was_sent=False))
            return
        given_up_at = time.monotonic() + timeout_s + min(GRACE_S, timeout_s)
        call = _in_a_thread(lambda: self._ask(request, timeout_s))
        self._under_way[call] = _UnderWay(index, timeout_s, self._deadline.monotonic(), given_up_at)

    def _wait(self) -> None:
        """Until there is something to do: an answer, the end of a pause, or a request to give up."""
        pause_s = self._pausing[0][0] - self._deadline.monotonic() if self._pausing else None
        if not self._under_way:
            if pause_s is not None and not self._in_line:
                self._sleep(max(0.0, pause_s))
            return
        patience_s = min(call.given_up_at for call in self._under_way.values()) - time.monotonic()
        wait_s = patience_s if pause_s is None else min(patience_s, pause_s)
        futures.wait(self._under_way, timeout=max(0.0, wait_s), return_when=futures.FIRST_COMPLETED)

    def _take_answers(self) -> None:
        now = time.monotonic()
        for call, sent in list(self._under_way.items()):
            if call.done() or now >= sent.given_up_at:
                del self._under_way[call]
                exchange = call.result() if call.done() else late(sent.timeout_s)
                self._go_on(sent.index, Came(exchange, round((self._deadline.monotonic() - sent.sent_at) * 1000)))

    def _end_pauses(self) -> None:
        while self._pausing and self._pausing[0][0] <= self._deadline.monotonic() + CLOSE_ENOUGH_S:
            self._go_on(heapq.heappop(self._pausing)[1], None)


def _in_a_thread(call: Callable[[], Exchange]) -> futures.Future[Exchange]:
    """The value of a call, some time. The thread does not keep the process alive; a pool's threads would."""
    future: futures.Future[Exchange] = futures.Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where the value is asked for
            future.set_exception(error)

    threading.Thread(target=work, name=THREAD_NAME, daemon=True).start()
    return future
