"""Compressed requests and answers. A request's body is bounded after it is unpacked, too: a small one may hold a large one."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.middleware import ARTIFACT_PATH, header
from app.api.problems import as_problem
from app.errors import MalformedError, TooLargeError, UnsupportedMediaTypeError

_GZIP = frozenset({"gzip", "x-gzip"})
_SMALLEST_ANSWER_BYTES = 1024
_LEVEL = 5
_BLOCK_BYTES = 64 * 1024
_MOST_MEMBERS = 1000
_GZIP_WINDOW = zlib.MAX_WBITS | 16


class CompressedAnswers:
    """Answers in gzip where the client takes it and there is enough to save.

    Artifacts are handed out as they are stored, and streams of events line by line. An answer that is compressed has other
    bytes than its ETag says, so that the tag becomes a weak one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(app, minimum_size=_SMALLEST_ANSWER_BYTES, compresslevel=_LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http" or _stays_as_it_is(scope) or _is_artifact(scope) or _asks_for_stream(scope):
            await self._app(scope, receive, send)
            return

        async def send_weakened(message: Message) -> None:
            if message["type"] == "http.response.start":
                _weaken_etag(MutableHeaders(scope=message))
            await send(message)

        await self._gzip(_with_plain_choice(scope), receive, send_weakened)


class CompressedRequests:
    """Unpacks bodies with ``Content-Encoding: gzip`` while they are read, up to ``max_body_bytes``.

    Stands behind ``BodyGate``, which bounds the same bodies as they arrive. Artifacts are stored as they are sent, so that they
    take no such header.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        encodings = _encodings(scope) if scope["type"] == "http" else []
        if not encodings:
            await self._app(scope, receive, send)
        elif _is_artifact(scope):
            await _refuse(
                "An artifact is stored as it is sent; leave the Content-Encoding header out", "identity", scope, receive, send
            )
        elif len(encodings) > 1 or encodings[0] not in _GZIP:
            named = ", ".join(encodings)[:100]
            await _refuse(f"The body's Content-Encoding is {named}; this server takes gzip", "gzip", scope, receive, send)
        else:
            await self._app(_unpacked_scope(scope), _Unpacking(receive, self._max_body_bytes), send)


class _Unpacking:
    """A ``receive`` that hands on what is in a gzip stream, in pieces of at most 64 KiB."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._gunzip = Gunzip()
        self._pieces: Iterator[bytes] = iter(())
        self._unpacked = 0
        self._has_all = False
        self._is_over = False

    async def __call__(self) -> Message:
        while not self._is_over:
            piece = self._next_piece()
            if piece is not None:
                return {"type": "http.request", "body": piece, "more_body": True}
            if self._has_all:
                self._is_over = True
                self._gunzip.finish()
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive()
            if message["type"] != "http.request":
                self._is_over = True
                return message
            self._has_all = not message.get("more_body", False)
            self._pieces = self._gunzip.unpack(message.get("body", b""))
        return await self._receive()

    def _next_piece(self) -> bytes | None:
        try:
            piece = next(self._pieces, None)
        except MalformedError:
            self._is_over = True
            raise
        self._unpacked += len(piece or b"")
        if self._unpacked > self._limit:
            self._is_over = True
            raise TooLargeError(f"The body is larger than {self._limit} bytes when unpacked")
        return piece


class Gunzip:
    """Unpacks a gzip stream that arrives in parts. Never holds more than a block of what is in it."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_WINDOW)
        self._members = 1
        self._has_begun = False

    def unpack(self, packed: bytes) -> Iterator[bytes]:
        """What this part adds, in blocks. To be read to its end before the next part.

        Raises:
            MalformedError: this is no gzip.
        """
        while packed:
            if self._stream.eof:
                self._begin_member()
            self._has_begun = True
            try:
                block = self._stream.decompress(packed, _BLOCK_BYTES)
            except zlib.error:
                raise MalformedError("The body is not the gzip that its Content-Encoding says") from None
            packed = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if block:
                yield block

    def finish(self) -> None:
        """Nothing more comes.

        Raises:
            MalformedError: the stream is not at its end.
        """
        if self._has_begun and not self._stream.eof:
            raise MalformedError("The body ends in the middle of its gzip stream")

    def _begin_member(self) -> None:
        """A gzip stream may be several, one behind the other; thousands of them are there to cost time."""
        self._members += 1
        if self._members > _MOST_MEMBERS:
            raise MalformedError(f"The body consists of more than {_MOST_MEMBERS} gzip streams")
        self._stream = zlib.decompressobj(_GZIP_WINDOW)


def _is_artifact(scope: Scope) -> bool:
    return scope["method"] in ("PUT", "GET", "HEAD") and ARTIFACT_PATH.match(scope["path"]) is not None


def _asks_for_stream(scope: Scope) -> bool:
    return "text/event-stream" in Headers(scope=scope).get("accept", "")


def _encodings(scope: Scope) -> list[str]:
    """What was done to the body, in order; nothing where it is as it is."""
    if header(scope, b"content-encoding") is None:
        return []
    lines = ",".join(Headers(scope=scope).getlist("content-encoding"))
    names = (name.strip().lower() for name in lines.split(","))
    return [name for name in names if name not in ("", "identity")]


def _stays_as_it_is(scope: Scope) -> bool:
    """Without a body to compress, or asked for by who takes none; what a cache may keep says by what it varies all the same."""
    if scope["method"] == "GET":
        return False
    if scope["method"] == "HEAD" or header(scope, b"accept-encoding") is None:
        return True
    return not _takes_gzip(Headers(scope=scope).getlist("accept-encoding"))


def _unpacked_scope(scope: Scope) -> Scope:
    """The request without what is true of the packed body only."""
    gone = (b"content-encoding", b"content-length")
    return {**scope, "headers": [(name, value) for name, value in scope["headers"] if name.lower() not in gone]}


async def _refuse(sentence: str, taken: str, scope: Scope, receive: Receive, send: Send) -> None:
    answer = as_problem(UnsupportedMediaTypeError(sentence))
    answer.headers["Accept-Encoding"] = taken
    await answer(scope, receive, send)


def _with_plain_choice(scope: Scope) -> Scope:
    """The request with an Accept-Encoding header that names gzip, or none: weights are decided here."""
    others = [(name, value) for name, value in scope["headers"] if name.lower() != b"accept-encoding"]
    chosen = [(b"accept-encoding", b"gzip")] if _takes_gzip(Headers(scope=scope).getlist("accept-encoding")) else []
    return {**scope, "headers": others + chosen}


def _takes_gzip(lines: list[str]) -> bool:
    for choice in ",".join(lines).lower().split(","):
        name, *parameters = (part.strip() for part in choice.split(";"))
        if name in _GZIP:
            return not any(re.fullmatch(r"q=0(\.0*)?", parameter) for parameter in parameters)
    return False


def _weaken_etag(headers: MutableHeaders) -> None:
    tag = headers.get("etag")
    if tag is not None and headers.get("content-encoding") == "gzip" and not tag.startswith("W/"):
        headers["ETag"] = f"W/{tag}"
