"""What server and harness say to each other. Standard library only, Python 3.8 or newer.

A frame is a tag of one byte, a length of four (big-endian), and so many bytes.
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

WARM_UP = b"W"
"""To the harness, JSON: modules to import ahead of the first order, and for how long to wait for one."""
WARM = b"w"
"""From the harness: it has."""
ORDER = b"H"
"""To the harness, JSON: what ``Order`` reads. Any number of orders may follow one another."""
NEED = b"M"
"""From the harness, JSON: the paths of the kept tree that have to come again. Only where the order keeps the tree."""
FILE = b"F"
"""To the harness, JSON: path, size, executable. Its content follows in DATA frames. From it, JSON: path of a result file."""
DATA = b"D"
END = b"E"
"""Nothing more of the kind that came so far."""
UNPACKED = b"U"
REFUSED = b"X"
"""From the harness, JSON: why (one of the WHY_ names), subject. The command had no chance."""
READY = b"R"
"""From the harness: the command is over, and nothing else lives in the container."""
NONCE = b"N"
OUTCOME = b"O"
"""From the harness, JSON: nonce, exit_code (null where the time was up), oom_kills, duration_s, output_bytes, records_bytes,
files_left_out (how many result files are too large, or too many)."""

WHY_FULL = "full"
WHY_TREE = "tree"
WHY_DIRTY = "dirty"
WHY_NO_PROGRAM = "no_program"
WHY_NOT_EXECUTABLE = "not_executable"
WHY_NOT_FIRST = "not_first"

WORK = "/work"
MAX_FRAME_BYTES = 1 << 20
"""Of every frame to the harness but an order."""
MAX_ORDER_BYTES = 64 << 20
"""An order may name every test of a large suite."""
MAX_NEED_BYTES = 16 << 20

_HEAD = struct.Struct("!cI")
HEAD_BYTES = _HEAD.size
_BUFFER_BYTES = 1 << 18


class Order:
    """What the server wants done."""

    def __init__(self, document: Any) -> None:
        self.argv: list[str] = document["argv"]
        self.env: dict[str, str] = document["env"]
        self.timeout_s: float = document["timeout_s"]
        self.life_s: float = document["life_s"]
        self.result_files: list[str] = document["result_files"]
        self.head_bytes: int = document["head_bytes"]
        self.tail_bytes: int = document["tail_bytes"]
        self.file_bytes: int = document["file_bytes"]
        self.files_bytes: int = document["files_bytes"]
        """Of all result files together."""
        self.records_bytes: int = document["records_bytes"]
        self.keeps_tree: bool = document["keeps_tree"]
        """The tree is the one of the last order: what the command left of it stays, the rest comes again."""
        self.removed: list[str] = document["removed"]
        """Files of the tree that are not to be there this time."""
        self.guest: str | None = document["guest"]
        """A program of ours that runs instead of ``argv``, in this interpreter's own image."""
        self.guest_config: Any = document["guest_config"]
        self.preload: list[str] = document["preload"]


class RefusedError(Exception):
    """The command cannot be started."""

    def __init__(self, why: str, subject: str) -> None:
        super().__init__(why, subject)
        self.why = why
        self.subject = subject


class ServerGoneError(Exception):
    """Nobody is there any more to report to, or somebody who does not keep to the protocol."""


def pack(tag: bytes, payload: bytes = b"") -> bytes:
    """The frame as it is sent."""
    return _HEAD.pack(tag, len(payload)) + payload


def unpack_head(head: bytes) -> tuple[bytes, int]:
    """Tag and length, from the first ``HEAD_BYTES`` of a frame."""
    tag, length = _HEAD.unpack(head)
    return tag, length


class Link:
    """The frames that come from and go to the server."""

    def __init__(self, source_fd: int, sink_fd: int) -> None:
        self._source = open(source_fd, "rb", buffering=_BUFFER_BYTES, closefd=False)  # noqa: SIM115 - lives on
        self._sink_fd = sink_fd

    def receive(self, *expected: bytes) -> tuple[bytes, bytes]:
        """The next frame.

        Raises:
            ServerGoneError: the stream has ended, or the frame is none of those expected.
        """
        tag, length = unpack_head(self._exactly(HEAD_BYTES))
        if tag not in expected or length > (MAX_ORDER_BYTES if tag == ORDER else MAX_FRAME_BYTES):
            raise ServerGoneError(f"unexpected frame {tag!r}")
        return tag, self._exactly(length)

    def send(self, tag: bytes, payload: bytes = b"") -> None:
        """Send one frame, all of it."""
        view = memoryview(pack(tag, payload))
        while view:
            view = view[os.write(self._sink_fd, view) :]

    def send_json(self, tag: bytes, value: object) -> None:
        """Send one frame that holds a JSON document."""
        self.send(tag, json.dumps(value).encode())

    def _exactly(self, length: int) -> bytes:
        data = self._source.read(length)
        if len(data) < length:
            raise ServerGoneError("standard input has ended")
        return data
