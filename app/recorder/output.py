"""What a command prints, in bounded memory: all of it, or its beginning and its end with a line between that says so."""

from __future__ import annotations

from collections import deque

HEAD_BYTES = 20 * 1024
TAIL_BYTES = 40 * 1024


class KeptOutput:
    """Takes blocks as they come."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self.total_bytes = 0

    @property
    def is_cut(self) -> bool:
        """Whether something was left out."""
        return self.total_bytes > len(self._head) + self._tail_bytes

    def take(self, block: bytes) -> None:
        """Keep a block, or what there is room for."""
        self.total_bytes += len(block)
        room = HEAD_BYTES - len(self._head)
        if room > 0:
            self._head += block[:room]
            block = block[room:]
        block = block[-TAIL_BYTES:]
        if block:
            self._tail.append(block)
            self._tail_bytes += len(block)
        while self._tail and self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft())

    def text(self) -> str:
        """What is recorded. Cuts are made at line ends where there are some, so that no secret is cut in two and missed."""
        tail = b"".join(self._tail)
        if not self.is_cut:
            return _decoded(bytes(self._head) + tail)
        head = bytes(self._head)
        head = head[: head.rfind(b"\n") + 1] or head
        tail = tail[-TAIL_BYTES:]
        tail = tail[tail.find(b"\n") + 1 :] or tail
        left_out = self.total_bytes - len(head) - len(tail)
        return f"{_decoded(head)}[… {self.total_bytes} bytes in all, {left_out} left out …]\n{_decoded(tail)}"


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\0", "\ufffd")
