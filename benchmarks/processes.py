"""Servers in processes of their own, on a core of their own: started, watched, held still, ended."""

from __future__ import annotations

import functools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.client import TOKEN

ROOT = Path(__file__).resolve().parents[1]
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_START_S = 120.0
_IDLE_STEP_S = 0.25
_QUIET_S = 3.0
_LISTENS = re.compile(r"listens on http://127\.0\.0\.1:(\d+)")
_INHERITED = ("PATH", "HOME", "LANG", "DOCKER_HOST")


@dataclass(frozen=True)
class Server:
    """A running server."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    folder: Path
    """Where it keeps what it keeps."""

    def cpu_s(self) -> float:
        """Processor time so far, in the kernel and outside of it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def memory_bytes(self, field: str = "VmRSS") -> int:
        """Resident memory; ``VmHWM`` for its peak."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"{field}:\s+(\d+) kB", status)
        return int(match[1]) * 1024 if match else 0

    def disk_bytes(self) -> int:
        """What its folder holds."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def hold(self) -> None:
        """Let it do nothing, not even in the background, until ``release``."""
        self.process.send_signal(signal.SIGSTOP)

    def release(self) -> None:
        """Let it run again."""
        self.process.send_signal(signal.SIGCONT)

    def settle(self, longest_s: float) -> float:
        """Wait until what it does behind its answers is done, or the time is over. Returns how long that took.

        It is done when nothing happened for a while: the index rests between two steps, to leave the processor to others.
        """
        started = busy = time.monotonic()
        before = self.cpu_s()
        while (now := time.monotonic()) - busy < _QUIET_S and now - started < longest_s:
            time.sleep(_IDLE_STEP_S)
            after = self.cpu_s()
            if after - before > 1 / _TICKS_PER_S:
                busy = time.monotonic()
            before = after
        return busy - started


@functools.cache
def cores() -> tuple[set[int], set[int]]:
    """The core of the servers and those of the client; the same where there is only one. Asked before anything is pinned."""
    available = sorted(os.sched_getaffinity(0))
    return {available[0]}, set(available[1:]) or {available[0]}


@contextmanager
def our_server(folder: Path, name: str = "ours", **settings: str) -> Iterator[Server]:
    """``python -m app serve`` with its data in ``folder``."""
    folder.mkdir(parents=True)
    environment = {"DATA_DIR": str(folder), "JUDGE": "off", **settings}
    with a_server(name, ("app", "serve", "--port", "0"), folder, environment) as server:
        yield server


@contextmanager
def reference_server(folder: Path, name: str, *more: str) -> Iterator[Server]:
    """One of ``benchmarks.references``."""
    folder.mkdir(parents=True, exist_ok=True)
    with a_server(name, ("benchmarks.references", name, str(folder), *more), folder, {}) as server:
        yield server


@contextmanager
def a_server(name: str, module: Sequence[str], folder: Path, settings: dict[str, str]) -> Iterator[Server]:
    """``python -m …`` on the servers' core, from its first answer until the context ends. It says where it listens."""
    environment = {key: os.environ[key] for key in _INHERITED if key in os.environ}
    environment |= {"API_TOKEN": TOKEN, **settings}
    said = folder.parent / f"{folder.name}.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *module], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    os.sched_setaffinity(process.pid, cores()[0])  # before it has threads: they inherit it
    try:
        yield Server(name, process, _port(process, said), folder)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], said: Path) -> int:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        match = _LISTENS.search(said.read_text(errors="replace"))
        if match is not None:
            return int(match[1])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start: {said.read_text(errors='replace')[-2000:]}")
