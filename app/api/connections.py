"""Connections: what happens to a client before its request is one. Used by ``serve``; plain uvicorn has no such limits."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.api.problems import problem

_MAX_HEADER_BYTES = 64 * 1024


class GuardedProtocol(HttpToolsProtocol):
    """HTTP/1.1 with a limit on how long and how large a request's head may be, and problem documents for what is no HTTP."""

    head_timeout_s = 30.0
    _waiting: asyncio.TimerHandle | None = None
    _in_head = True
    _in_body = False
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See ``asyncio.Protocol``."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        if self._in_head:
            # the rest of a body that was answered before its end has its time, too, but is no head
            self._head_bytes += 0 if self._in_body else len(data)
        elif self._waiting is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()
        super().data_received(data)
        if self._in_head and self._head_bytes > _MAX_HEADER_BYTES:
            self._refuse(431, f"The request's headers are larger than {_MAX_HEADER_BYTES} bytes", "headers_too_large")

    def on_headers_complete(self) -> None:
        """The head is here; the body is bounded by the application."""
        self._in_head = False
        self._in_body = True
        self._head_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body, where there is one, is here."""
        self._in_body = False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, msg, "invalid_http")

    def _expect_head(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        self._waiting = self.loop.call_later(self.head_timeout_s, self._give_up)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._refuse(408, "The request's headers did not arrive in time", "request_timeout")

    def _refuse(self, status: int, detail: str, code: str) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        answer = problem(status, detail, code)
        head = f"HTTP/1.1 {status} \r\nconnection: close\r\n".encode()
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in answer.raw_headers)
        self.transport.write(head + lines + b"\r\n" + cast("bytes", answer.body))
        self.transport.close()


def guarded_protocol(head_timeout_s: float) -> type[GuardedProtocol]:
    """The protocol with its limit. uvicorn makes one instance for each connection."""
    return type("Guarded", (GuardedProtocol,), {"head_timeout_s": head_timeout_s})
