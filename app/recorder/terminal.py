"""Runs a command as if nobody were looking: on a terminal of its own where there is one, through pipes otherwise.

What it prints comes through unchanged and at once; the exit code is the command's; signals reach it.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from app.recorder.output import KeptOutput

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_QUIET_S, _DRAIN_S = 0.1, 2.0
_BLOCK_BYTES = 64 * 1024
_STDIN, STDOUT, STDERR = 0, 1, 2
_FORWARDED = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def run_command(argv: Sequence[str], environment: Mapping[str, str], kept: KeptOutput, shown: int = STDOUT) -> int:
    """Run a command to its end. Returns its exit code as a shell would give it: 128 and the number for a signal.

    What it writes to its standard output goes to the descriptor ``shown``.
    """
    try:
        if os.isatty(_STDIN) and os.isatty(shown):
            return _on_terminal(argv, environment, kept, shown)
        return _through_pipes(argv, environment, kept, shown)
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        kept.take(f"{argv[0]}: {error.strerror}\n".encode())
        return NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE


def _through_pipes(argv: Sequence[str], environment: Mapping[str, str], kept: KeptOutput, shown: int) -> int:
    process = subprocess.Popen(
        argv, env=dict(environment), stdin=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, restore_signals=True
    )
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 -- both are pipes
    ways = {process.stdout.fileno(): shown, process.stderr.fileno(): STDERR}
    with process, _signals_go_to(process, (*_FORWARDED, signal.SIGINT) if not os.isatty(_STDIN) else _FORWARDED):
        _copy(ways, kept, process)
        return _exit_code(process.wait())


def _copy(ways: dict[int, int], kept: KeptOutput, process: subprocess.Popen[bytes]) -> None:
    """Copy until the command has ended and closed its output; a child that it leaves behind is not waited for."""
    ended_at: float | None = None
    while ways:
        ready, _, _ = select.select(list(ways), [], [], _QUIET_S)
        if ended_at is None and process.poll() is not None:
            ended_at = time.monotonic()
        if ended_at is not None and (not ready or time.monotonic() - ended_at > _DRAIN_S):
            return
        for source in ready:
            block = os.read(source, _BLOCK_BYTES)
            if not block:
                del ways[source]
                continue
            kept.take(block)
            _write(ways[source], block)


def _on_terminal(argv: Sequence[str], environment: Mapping[str, str], kept: KeptOutput, shown: int) -> int:
    ours, theirs = pty.openpty()
    _copy_size(ours)
    try:
        process = subprocess.Popen(
            argv, env=dict(environment), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=_take_terminal,
        )  # fmt: skip
    finally:
        os.close(theirs)
    previous = signal.signal(signal.SIGWINCH, lambda *_: _copy_size(ours))
    try:
        with process, _signals_go_to(process, (*_FORWARDED, signal.SIGINT)), _raw_terminal():
            _copy_both_ways(ours, kept, process, shown)
            return _exit_code(process.wait())
    finally:
        signal.signal(signal.SIGWINCH, previous)
        os.close(ours)


def _copy_both_ways(ours: int, kept: KeptOutput, process: subprocess.Popen[bytes], shown: int) -> None:
    sources = [ours, _STDIN]
    while True:
        ready, _, _ = select.select(sources, [], [], _QUIET_S)
        if not ready and process.poll() is not None:
            return
        if _STDIN in ready:
            typed = os.read(_STDIN, _BLOCK_BYTES)
            if typed:
                _write(ours, typed)
            else:
                sources.remove(_STDIN)
        if ours in ready:
            try:
                block = os.read(ours, _BLOCK_BYTES)
            except OSError:
                return  # so Linux says that the other side is closed
            if not block:
                return
            kept.take(block)
            _write(shown, block)


def _take_terminal() -> None:
    fcntl.ioctl(_STDIN, termios.TIOCSCTTY, 0)


def _copy_size(ours: int) -> None:
    with suppress(OSError):
        size = fcntl.ioctl(_STDIN, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        fcntl.ioctl(ours, termios.TIOCSWINSZ, size)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Keys go to the command as they are typed, Ctrl-C among them."""
    before = termios.tcgetattr(_STDIN)
    try:
        tty.setraw(_STDIN)
        yield
    finally:
        termios.tcsetattr(_STDIN, termios.TCSADRAIN, before)


@contextmanager
def _signals_go_to(process: subprocess.Popen[bytes], numbers: Sequence[signal.Signals]) -> Iterator[None]:
    """Signals sent to us are sent on. Ctrl-C on a shared terminal reaches the command by itself: we only have to survive it."""

    def forward(number: int, _: Any) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(number)

    handlers: dict[signal.Signals, Callable[[int, Any], None] | signal.Handlers] = dict.fromkeys(numbers, forward)
    handlers.setdefault(signal.SIGINT, signal.SIG_IGN)
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write(target: int, block: bytes) -> None:
    """Write all of it; a reader that has gone away does not stop the command."""
    with suppress(BrokenPipeError):
        while block:
            block = block[os.write(target, block) :]


def _exit_code(status: int) -> int:
    return 128 - status if status < 0 else status
