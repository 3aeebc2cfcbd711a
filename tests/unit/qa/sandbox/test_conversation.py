"""What the server believes of what a container says."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.errors import CorruptError
from app.qa.base import RunResult, RunSpec, TreeFile
from app.qa.guest import protocol
from app.qa.sandbox.channel import Channel, ProtocolBrokenError, StreamLostError
from app.qa.sandbox.conversation import Conversation, parse_outcome
from app.qa.sandbox.profile import SandboxProfile

PROFILE = SandboxProfile(owner="test", result_file_bytes=10, output_head_bytes=10, output_tail_bytes=10)
UNPACKED = protocol.pack(protocol.UNPACKED)
READY = protocol.pack(protocol.READY)
OUTCOME: dict[str, Any] = {
    "exit_code": 0,
    "oom_kills": 0,
    "duration_s": 0.5,
    "output_bytes": 5,
    "records_bytes": 0,
    "files_left_out": 0,
}

Report = Callable[[str], bytes]
"""From the nonce to the report's frames."""


class Peer:
    """A container: delivers ``incoming``; once it has the nonce, also the report. Then the stream ends, or, where it ``hangs``,
    nothing comes any more."""

    def __init__(self, *incoming: bytes, report: Report | None = None, hangs: bool = False) -> None:
        self.sent = bytearray()
        self._hangs = hangs
        self._report = report
        self._incoming = bytearray(as_piece(b"".join(incoming)))

    def settimeout(self, value: float | None, /) -> None:
        assert value is not None

    def sendall(self, data: bytes, /) -> None:
        self.sent += data
        if data.startswith(protocol.NONCE) and self._report is not None:
            self._incoming += as_piece(self._report(data[protocol.HEAD_BYTES :].decode()))

    def recv(self, size: int, /) -> bytes:
        if not self._incoming and self._hangs:
            raise TimeoutError
        data = bytes(self._incoming[:size])
        del self._incoming[:size]
        return data


class SomeFiles:
    """A tree of one file, of which ``missing`` bytes do not come."""

    def __init__(self, missing: int = 0) -> None:
        self._missing = missing

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        yield TreeFile("a.py", 5, io.BytesIO(b"hello"[: 5 - self._missing]))


def as_piece(data: bytes) -> bytes:
    return struct.pack("!BxxxI", 1, len(data)) + data if data else b""


def a_report(nonce: str, *files: tuple[str, bytes], end: str | None = None, **changes: object) -> bytes:
    frames = [protocol.pack(protocol.OUTCOME, json.dumps({**OUTCOME, "nonce": nonce, **changes}).encode())]
    frames += [protocol.pack(protocol.DATA, b"head"), protocol.pack(protocol.DATA, b"tail"), protocol.pack(protocol.DATA, b"")]
    for path, content in files:
        frames += [protocol.pack(protocol.FILE, json.dumps({"path": path}).encode()), protocol.pack(protocol.DATA, content)]
    frames.append(protocol.pack(protocol.END, (nonce if end is None else end).encode()))
    return b"".join(frames)


def a_conversation(peer: Peer, missing: int = 0) -> Conversation:
    spec = RunSpec(("pytest",), SomeFiles(missing), result_files=("/tmp/report.xml",))
    return Conversation(Channel(peer), PROFILE, spec, timeout_s=7.0)


def hold(peer: Peer) -> RunResult:
    return a_conversation(peer).hold()


def test_an_honest_report_is_the_result() -> None:
    result = hold(Peer(UNPACKED, READY, report=lambda nonce: a_report(nonce, ("/tmp/report.xml", b"<x/>"), exit_code=3)))

    assert (result.kind, result.exit_code, result.duration_s) == ("exited", 3, 0.5)
    assert (result.output_head, result.output_tail, result.output_bytes) == (b"head", b"tail", 5)
    assert result.files == {"/tmp/report.xml": b"<x/>"}


def test_the_order_and_the_tree_go_out_first() -> None:
    peer = Peer(UNPACKED, READY, report=a_report)

    hold(peer)

    tag, length = protocol.unpack_head(bytes(peer.sent[: protocol.HEAD_BYTES]))
    order = protocol.Order(json.loads(peer.sent[protocol.HEAD_BYTES : protocol.HEAD_BYTES + length]))
    assert tag == protocol.ORDER
    assert (order.argv, order.timeout_s, order.result_files) == (["pytest"], 7.0, ["/tmp/report.xml"])
    assert protocol.pack(protocol.DATA, b"hello") + 2 * protocol.pack(protocol.END) + protocol.NONCE in peer.sent


def test_no_exit_code_means_that_the_time_was_up() -> None:
    result = hold(Peer(UNPACKED, READY, report=lambda nonce: a_report(nonce, exit_code=None)))

    assert (result.kind, result.exit_code, result.output_head) == ("timed_out", None, b"head")
    assert "7 s" in (result.reason or "")


@pytest.mark.parametrize("exit_code", [0, 137, None])
def test_want_of_memory_explains_whatever_came_of_the_command(exit_code: int | None) -> None:
    result = hold(Peer(UNPACKED, READY, report=lambda nonce: a_report(nonce, exit_code=exit_code, oom_kills=1)))

    assert (result.kind, result.exit_code) == ("out_of_memory", None)


@pytest.mark.parametrize(
    "incoming",
    [
        (b"1 passed\n",),
        (UNPACKED, b"1 passed\n"),
        (UNPACKED, UNPACKED),
        (UNPACKED, protocol.pack(protocol.OUTCOME, json.dumps({**OUTCOME, "nonce": "guessed"}).encode())),
        (UNPACKED, READY, a_report("guessed")),
    ],
)
def test_a_report_that_comes_before_it_is_asked_for_is_not_believed(incoming: tuple[bytes, ...]) -> None:
    assert hold(Peer(*incoming, report=a_report)).kind == "corrupted"


@pytest.mark.parametrize(
    "report",
    [
        lambda nonce: a_report("0" * len(nonce)),
        lambda nonce: a_report(nonce, end="0" * len(nonce)),
        lambda nonce: a_report(nonce, ("/etc/shadow", b"x")),
        lambda nonce: a_report(nonce, ("/tmp/report.xml", b"x"), ("/tmp/report.xml", b"y")),
        lambda nonce: a_report(nonce, ("/tmp/report.xml", b"more than ten")),
        lambda nonce: protocol.pack(protocol.OUTCOME, b"[" * 100_000),
        lambda nonce: protocol.pack(protocol.OUTCOME, b"[]"),
    ],
)
def test_a_report_that_does_not_fit_is_not_believed(report: Report) -> None:
    assert hold(Peer(UNPACKED, READY, report=report)).kind == "corrupted"


@pytest.mark.parametrize(
    "change",
    [
        {"exit_code": 256},
        {"exit_code": -1},
        {"exit_code": True},
        {"exit_code": "0"},
        {"duration_s": float("nan")},
        {"duration_s": None},
        {"duration_s": -1.0},
        {"oom_kills": -1},
        {"output_bytes": "many"},
        {"nonce": "wrong"},
        {"nonce": "ñ"},
        {"nonce": None},
    ],
)
def test_an_impossible_outcome_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProtocolBrokenError):
        parse_outcome(json.dumps({**OUTCOME, "nonce": "right", **change}).encode(), "right")


@pytest.mark.parametrize("before", [(), (UNPACKED,)])
def test_a_refusal_is_no_failed_run(before: tuple[bytes, ...]) -> None:
    refusal = protocol.pack(protocol.REFUSED, json.dumps({"why": protocol.WHY_NO_PROGRAM, "subject": "jest"}).encode())

    result = hold(Peer(*before, refusal))

    assert result.kind == "could_not_run"
    assert "has no program 'jest'" in (result.reason or "")


def test_silence_before_the_command_began_is_no_failed_run() -> None:
    assert hold(Peer(hangs=True)).kind == "could_not_run"


def test_silence_after_the_command_began_is_a_time_out() -> None:
    assert hold(Peer(UNPACKED, hangs=True)).kind == "timed_out"


@pytest.mark.parametrize(("incoming", "began"), [((), False), ((UNPACKED,), True), ((UNPACKED, READY), True)])
def test_a_lost_stream_leaves_the_explaining_to_the_engine(incoming: tuple[bytes, ...], began: bool) -> None:
    conversation = a_conversation(Peer(*incoming))

    with pytest.raises(StreamLostError):
        conversation.hold()

    assert conversation.began is began


def test_a_file_that_breaks_off_is_an_error_of_the_tree() -> None:
    with pytest.raises(CorruptError):
        a_conversation(Peer(UNPACKED), missing=2).hold()
