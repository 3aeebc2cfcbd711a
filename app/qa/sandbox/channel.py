"""Frames to and from the harness, over the stream that the engine attaches to a container.

The engine delivers the container's two streams in pieces, each with a head of eight bytes: standard output carries the
harness's frames (``protocol.pack``), standard error what it has to say when it breaks. Every wait here ends at the deadline
last set.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from app.qa.guest import protocol

_ENGINE_HEAD = struct.Struct("!BxxxI")
_STDOUT = 1
_PIECE_BYTES = 64 << 10
_BATCH_BYTES = 256 << 10
_COMPLAINT_BYTES = 4096


class StreamLostError(Exception):
    """The stream has ended: the container has, or the engine."""


class DeadlinePassedError(Exception):
    """The time for this is up."""


class ProtocolBrokenError(Exception):
    """What came is nothing that the harness would say."""


class Socket(Protocol):
    """As much of a socket as is used here."""

    def settimeout(self, value: float | None, /) -> None:
        """Seconds that the next call may take."""
        ...

    def sendall(self, data: bytes, /) -> None:
        """Send everything, or raise ``OSError``."""
        ...

    def recv(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end of the stream."""
        ...


class Channel:
    """One conversation's frames. Not for use by several threads."""

    def __init__(self, sock: Socket) -> None:
        self._sock = sock
        self._deadline = time.monotonic()
        self._outgoing = bytearray()
        self._left_in_piece = 0
        self._complaint = b""

    @property
    def complaint(self) -> str:
        """The last of what the harness wrote to standard error, as one line."""
        lines = self._complaint.decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def allow(self, seconds: float) -> None:
        """Everything from here on has to happen within so many seconds, until this is called again."""
        self._deadline = time.monotonic() + seconds

    def put(self, tag: bytes, payload: bytes = b"") -> None:
        """Send a frame, now or with the next ones.

        Raises:
            StreamLostError: nobody takes it.
            DeadlinePassedError: nobody took it in time.
        """
        self._outgoing += protocol.pack(tag, payload)
        if len(self._outgoing) >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what was put and not sent yet. Raises what ``put`` raises."""
        with self._bounded():
            self._sock.sendall(bytes(self._outgoing))
        self._outgoing.clear()

    def receive(self, limits: Mapping[bytes, int]) -> tuple[bytes, bytes]:
        """The next frame. ``limits`` names the tags that may come, each with the most bytes that it may have.

        Raises:
            ProtocolBrokenError: it is none of those, or larger.
            StreamLostError: the stream has ended before or within it.
            DeadlinePassedError: it is not here in time.
        """
        tag, length = protocol.unpack_head(self._exactly(protocol.HEAD_BYTES))
        limit = limits.get(tag)
        if limit is None:
            raise ProtocolBrokenError(f"{tag!r} is no answer that could come here")
        if length > limit:
            raise ProtocolBrokenError(f"an answer of {length} bytes where at most {limit} could come")
        return tag, self._exactly(length)

    def listen_to_the_end(self) -> None:
        """Read on, for the sake of ``complaint``, until the stream ends or the time is up."""
        try:
            while True:
                self._stdout(_PIECE_BYTES)
        except (StreamLostError, DeadlinePassedError):
            return

    def _exactly(self, length: int) -> bytes:
        data = bytearray()
        while len(data) < length:
            data += self._stdout(length - len(data))
        return bytes(data)

    def _stdout(self, limit: int) -> bytes:
        while self._left_in_piece == 0:
            stream, self._left_in_piece = _ENGINE_HEAD.unpack(self._raw(_ENGINE_HEAD.size))
            if stream != _STDOUT:
                self._hear_complaint()
        data = self._recv(min(limit, self._left_in_piece))
        self._left_in_piece -= len(data)
        return data

    def _hear_complaint(self) -> None:
        while self._left_in_piece:
            data = self._recv(self._left_in_piece)
            self._left_in_piece -= len(data)
            self._complaint = (self._complaint + data)[-_COMPLAINT_BYTES:]

    def _raw(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            data += self._recv(length - len(data))
        return data

    def _recv(self, limit: int) -> bytes:
        with self._bounded():
            data = self._sock.recv(min(limit, _PIECE_BYTES))
        if not data:
            raise StreamLostError
        return data

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise DeadlinePassedError
        try:
            self._sock.settimeout(left_s)
            yield
        except TimeoutError as error:
            raise DeadlinePassedError from error
        except OSError as error:
            raise StreamLostError(str(error)) from error
