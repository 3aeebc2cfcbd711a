"""Ctrl-C in a command that has work under way: the first one brings it to an end, the second one leaves."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
_STDERR = 2


@contextmanager
def two_steps(first: Callable[[], str], second: Callable[[], str]) -> Iterator[None]:
    """Within, ``first`` is called by the first Ctrl-C; what it answers is told in a line, and the work goes on. The second one
    tells what ``second`` answers and ends the process as a kill would, with 130.

    Where Ctrl-C is ignored, as in what a shell runs in the background, and in other threads than the main one, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield
        return
    has_asked = False

    def hear(number: int, frame: FrameType | None) -> None:
        nonlocal has_asked
        del number, frame
        if has_asked:
            _tell(second())
            os._exit(INTERRUPTED)
        has_asked = True
        _tell(first())

    signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _tell(line: str) -> None:
    """Past the buffers: the signal may have come in the midst of another line."""
    os.write(_STDERR, f"\n{line}\n".encode() if os.isatty(_STDERR) else f"{line}\n".encode())
