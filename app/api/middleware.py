"""What stands before every route: who may talk to an open server, and how long and how large a body may be."""

from __future__ import annotations

import asyncio
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import as_problem
from app.errors import MalformedError, NotLocalError, PRTelemetryError, SlowClientError, TooLargeError

_LENGTH_DIGITS = 18
ARTIFACT_PATH = re.compile(r"^/traces/[^/]+/artifacts/[^/]+$")
_SLOWEST_BYTES_PER_S = 8 * 1024


def header(scope: Scope, name: bytes) -> str | None:
    """The first header with this name, in lower case as servers hand it over; these few are looked up for every request."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return None


class BodyGate:
    """Bounds every request body while it is read, with and without a Content-Length.

    A body may take ``timeout_s``, and a second more for every 8 KiB that have arrived: a client that sends a byte now and then
    runs out of time, a slow line does not.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, max_artifact_bytes: int, timeout_s: float) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._max_artifact_bytes = max_artifact_bytes
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_artifact = scope["method"] == "PUT" and ARTIFACT_PATH.match(scope["path"]) is not None
        limit = self._max_artifact_bytes if is_artifact else self._max_body_bytes
        try:
            _refuse_announced(header(scope, b"content-length"), limit)
        except PRTelemetryError as error:
            await as_problem(error)(scope, receive, send)
            return
        await self._app(scope, _Bounded(receive, limit, self._timeout_s), send)


class _Bounded:
    def __init__(self, receive: Receive, limit: int, timeout_s: float) -> None:
        self._receive = receive
        self._limit = limit
        self._timeout_s = timeout_s
        self._received = 0
        self._started = asyncio.get_running_loop().time()
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._started + self._timeout_s + self._received / _SLOWEST_BYTES_PER_S):
                message = await self._receive()
        except TimeoutError:
            self._complete = True
            raise SlowClientError from None
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._received > self._limit:
                self._complete = True
                raise TooLargeError(f"The body is larger than {self._limit} bytes")
        return message


def _refuse_announced(content_length: str | None, limit: int) -> None:
    if content_length is None:
        return
    if not content_length.isdecimal() or len(content_length) > _LENGTH_DIGITS:
        raise MalformedError("The Content-Length header is not a number")
    if int(content_length) > limit:
        raise TooLargeError(f"The body is larger than {limit} bytes")


class LoopbackOnly:
    """Keeps a server without a token to clients on its own machine, browsers on other sites' pages included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "http" and not _is_local(scope):
            await as_problem(NotLocalError())(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _is_local(scope: Scope) -> bool:
    client = scope.get("client")
    headers = Headers(scope=scope)
    if client is None or not _is_loopback(client[0]) or not _is_loopback(_host_name(headers.get("host", ""))):
        return False
    origin = headers.get("origin")
    return origin is None or _is_loopback(_host_name(origin.partition("://")[2]))


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(name: str) -> bool:
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
