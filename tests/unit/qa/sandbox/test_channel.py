"""Frames over the engine's attached stream."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import pytest

from app.qa.guest import protocol
from app.qa.sandbox.channel import Channel, DeadlinePassedError, ProtocolBrokenError, StreamLostError

LIMITS = {protocol.READY: 0, protocol.DATA: 10}


def piece(data: bytes, stream: int = 1) -> bytes:
    """A piece of a container's output (1) or error (2), as the engine delivers it."""
    return struct.pack("!BxxxI", stream, len(data)) + data


class Container:
    """The other end of a channel."""

    def __init__(self) -> None:
        self.channel_end, self.engine_end = socket.socketpair()
        self.channel = Channel(self.channel_end)
        self.channel.allow(60)

    def says(self, data: bytes) -> None:
        """Let this come to the channel, and nothing after it."""
        self.engine_end.sendall(data)
        self.engine_end.shutdown(socket.SHUT_WR)


@pytest.fixture
def container() -> Iterator[Container]:
    container = Container()
    yield container
    container.channel_end.close()
    container.engine_end.close()


@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_frames_are_put_together_from_any_pieces(container: Container, step: int) -> None:
    frames = protocol.pack(protocol.DATA, b"hello") + protocol.pack(protocol.READY)
    container.says(b"".join(piece(frames[start : start + step]) for start in range(0, len(frames), step)))

    assert container.channel.receive(LIMITS) == (protocol.DATA, b"hello")
    assert container.channel.receive(LIMITS) == (protocol.READY, b"")


def test_standard_error_is_kept_apart(container: Container) -> None:
    frame = protocol.pack(protocol.DATA, b"hello")
    container.says(piece(b"Traceback\n", stream=2) + piece(frame[:3]) + piece(b"KeyError: 'a'\n", stream=2) + piece(frame[3:]))

    assert container.channel.receive(LIMITS) == (protocol.DATA, b"hello")
    assert container.channel.complaint == "KeyError: 'a'"


def test_a_complaint_after_the_last_frame_is_heard(container: Container) -> None:
    container.says(piece(b"x" * 10_000 + b"\nlast words\n", stream=2))

    container.channel.listen_to_the_end()

    assert container.channel.complaint == "last words"


@pytest.mark.parametrize(
    "forged",
    [
        b"FAILED tests/test_a.py\n",
        protocol.pack(protocol.OUTCOME),
        protocol.pack(protocol.READY, b"!"),
        protocol.pack(protocol.DATA, b"12345678901"),
        struct.pack("!cI", protocol.DATA, 0xFFFFFFFF),
    ],
)
def test_what_does_not_fit_is_not_believed(container: Container, forged: bytes) -> None:
    container.says(piece(forged))

    with pytest.raises(ProtocolBrokenError):
        container.channel.receive(LIMITS)


@pytest.mark.parametrize("cut", [0, 4, 9, 15])
def test_a_stream_that_ends_within_a_frame_is_lost(container: Container, cut: int) -> None:
    container.says(piece(protocol.pack(protocol.DATA, b"hello"))[:cut])

    with pytest.raises(StreamLostError):
        container.channel.receive(LIMITS)


def test_waiting_ends_at_the_deadline(container: Container) -> None:
    container.channel.allow(0.05)

    with pytest.raises(DeadlinePassedError):
        container.channel.receive(LIMITS)


def test_sending_ends_at_the_deadline_when_nobody_reads(container: Container) -> None:
    container.channel.allow(0.05)

    with pytest.raises(DeadlinePassedError):
        container.channel.put(protocol.DATA, bytes(64 << 20))


def test_sending_to_nobody_is_a_lost_stream(container: Container) -> None:
    container.engine_end.close()
    container.channel.put(protocol.END)

    with pytest.raises(StreamLostError):
        container.channel.flush()


def test_frames_go_out_in_order_once_flushed(container: Container) -> None:
    container.channel.put(protocol.FILE, b"{}")
    container.channel.put(protocol.END)
    container.channel.flush()

    assert container.engine_end.recv(100) == protocol.pack(protocol.FILE, b"{}") + protocol.pack(protocol.END)
