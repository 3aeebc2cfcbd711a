"""A client that costs next to nothing: requests rendered beforehand, raw sockets, one thread for all connections.

It knows as much HTTP as it takes to find where an answer ends. It is meant for servers on this machine alone.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

HOST = "127.0.0.1"
TOKEN = "benchmark-token"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_BLOCK_BYTES = 1024 * 1024
_SILENCE_S = 120.0


class Request(NamedTuple):
    """A request as it is sent, and how many events it carries."""

    head: bytes
    body: bytes = b""
    events: int = 0
    event_bytes: int = 0


class UnexpectedAnswerError(Exception):
    """The server did not answer with success."""


def request(method: str, path: str, body: bytes = b"", events: int = 0, event_bytes: int = 0) -> Request:
    """A request, rendered."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", f"Authorization: Bearer {TOKEN}"]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return Request(("\r\n".join(lines) + "\r\n\r\n").encode(), body, events, event_bytes)


@dataclass
class Load:
    """What a run of requests came to."""

    seconds: float = 0.0
    client_cpu_s: float = 0.0
    requests: int = 0
    events: int = 0
    event_bytes: int = 0
    answer_bytes: int = 0
    latencies_s: list[float] = field(default_factory=list)


class _Connection:
    """One request at a time, one answer at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port), timeout=_SILENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.unsent: list[memoryview] = []
        self.current = Request(b"")
        self.started = 0.0
        self._head = bytearray()
        self._missing: int | None = None
        self._tail = b""
        self.received = 0

    def begin(self, following: Request) -> None:
        """Send as much as the socket takes."""
        self.current, self.started = following, time.perf_counter()
        self.unsent = [memoryview(part) for part in (following.head, following.body) if part]
        self._head.clear()
        self._missing, self._tail, self.received = None, b"", 0
        self.send()

    def send(self) -> None:
        """Send more of the request."""
        while self.unsent:
            try:
                sent = self.socket.sendmsg(self.unsent)
            except BlockingIOError:
                return
            while self.unsent and sent >= len(self.unsent[0]):
                sent -= len(self.unsent.pop(0))
            if sent:
                self.unsent[0] = self.unsent[0][sent:]

    def receive(self, buffer: memoryview) -> bool:
        """Take what has arrived. Returns whether the answer is complete."""
        try:
            size = self.socket.recv_into(buffer)
        except BlockingIOError:
            return False
        if size == 0:
            raise UnexpectedAnswerError("the server closed the connection")
        self.received += size
        if self._missing is not None:
            self._missing -= size
            return self._missing <= 0
        if self._tail:
            self._tail = (self._tail + bytes(buffer[max(0, size - 5) : size]))[-5:]
            return self._tail == b"0\r\n\r\n"
        self._head += buffer[:size]
        return self._parse_head()

    def _parse_head(self) -> bool:
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return False
        if self._head[9:10] != b"2":
            raise UnexpectedAnswerError(self._head[:2000].decode("utf-8", "replace"))
        length = _LENGTH.search(self._head, 0, end + 2)
        if length is not None:
            self._missing = int(length[1]) - (len(self._head) - end - 4)
            return self._missing <= 0
        if _CHUNKED.search(self._head, 0, end + 2) is None:
            self._missing = 0
            return True
        self._tail = bytes(self._head[-5:])
        return self._tail == b"0\r\n\r\n"


def run_load(port: int, plans: Sequence[Iterator[Request]], seconds: float | None = None) -> Load:
    """Run one connection for each plan, all at once, until the plans end or the time is over; answers under way are awaited."""
    connections = [_Connection(port) for _ in plans]
    try:
        return _run(connections, plans, seconds)
    finally:
        for connection in connections:
            connection.socket.close()


def fetch(port: int, asked: Request) -> bytes:
    """One request, outside of any measurement. Returns the body of the answer, which has to have a known length."""
    with socket.create_connection((HOST, port), timeout=_SILENCE_S) as plain:
        head, _, body = asked.head.partition(b"\r\n")
        plain.sendall(head + b"\r\nConnection: close\r\n" + body + asked.body)
        answer = b"".join(iter(lambda: plain.recv(_BLOCK_BYTES), b""))
    if answer[9:10] != b"2":
        raise UnexpectedAnswerError(answer[:2000].decode("utf-8", "replace"))
    return answer.partition(b"\r\n\r\n")[2]


def _run(connections: list[_Connection], plans: Sequence[Iterator[Request]], seconds: float | None) -> Load:
    load, buffer, poll = Load(), memoryview(bytearray(_BLOCK_BYTES)), select.epoll()
    by_descriptor = {
        connection.socket.fileno(): (connection, plan) for connection, plan in zip(connections, plans, strict=True)
    }
    busy = len(connections)
    cpu, started = time.process_time(), time.perf_counter()
    deadline = started + (seconds if seconds is not None else 3600.0)
    for descriptor, (connection, plan) in by_descriptor.items():
        connection.begin(next(plan))
        poll.register(descriptor, _interest(connection))
    while busy:
        ready = poll.poll(_SILENCE_S)
        if not ready:
            raise UnexpectedAnswerError(f"the server said nothing for {_SILENCE_S:.0f} s")
        for descriptor, happened in ready:
            connection, plan = by_descriptor[descriptor]
            if happened & select.EPOLLOUT:
                connection.send()
                poll.modify(descriptor, _interest(connection))
            if happened & ~select.EPOLLOUT and connection.receive(buffer):
                now = time.perf_counter()
                _note(load, connection, now)
                following = next(plan, None) if now < deadline else None
                if following is None:
                    poll.unregister(descriptor)
                    busy -= 1
                    continue
                connection.begin(following)
                if connection.unsent:
                    poll.modify(descriptor, _interest(connection))
    load.seconds, load.client_cpu_s = time.perf_counter() - started, time.process_time() - cpu
    poll.close()
    return load


def _interest(connection: _Connection) -> int:
    return select.EPOLLIN | (select.EPOLLOUT if connection.unsent else 0)


def _note(load: Load, connection: _Connection, now: float) -> None:
    load.latencies_s.append(now - connection.started)
    load.requests += 1
    load.events += connection.current.events
    load.event_bytes += connection.current.event_bytes
    load.answer_bytes += connection.received
