"""The program that runs inside the container, as its process 1. Standard library only, Python 3.8 or newer.

The engine gets this file's text as ``python3 -I -S -c TEXT``; on the server it is imported for the names of the protocol alone.
It takes an order and a tree on standard input, runs the command, kills every other process, says so, and only then
receives a nonce, without which nobody can write the report.

What keeps the code under test, which has the same user, away from it:

- Process 1 of a PID namespace gets no signal from inside that it has not asked for, SIGKILL included. That is why the container
  has no ``--init``: this is the init process, and reaps.
- It is not dumpable: its memory and its open files (``/proc/1/fd``) are closed to everyone but root.

A frame is a tag of one byte, a length of four (big-endian), and so many bytes.
"""

# pathlib is not used here: importing it takes longer than many a run
# ruff: noqa: PTH103, PTH118, PTH120, PTH123

from __future__ import annotations

import ctypes
import errno
import json
import math
import os
import select
import signal
import stat
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ORDER = b"H"
"""To the harness, JSON: what ``Order`` reads."""
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
"""From the harness, JSON: nonce, exit_code (null where the time was up), oom_kills, duration_s, output_bytes."""

WHY_FULL = "full"
WHY_TREE = "tree"
WHY_NO_PROGRAM = "no_program"
WHY_NOT_EXECUTABLE = "not_executable"
WHY_NOT_FIRST = "not_first"

WORK = "/work"
MAX_FRAME_BYTES = 1 << 20
"""Of every frame but those with a result file or with output."""

_HEAD = struct.Struct("!cI")
_CHUNK_BYTES = 1 << 16
_PR_SET_DUMPABLE = 4
_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENXIO, errno.EISDIR)


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


HEAD_BYTES = _HEAD.size


class Link:
    """The frames that come from and go to the server."""

    def __init__(self, source_fd: int, sink_fd: int) -> None:
        self._source = open(source_fd, "rb", buffering=4 * _CHUNK_BYTES, closefd=False)  # noqa: SIM115 - lives as long as the process
        self._sink_fd = sink_fd

    def receive(self, *expected: bytes) -> tuple[bytes, bytes]:
        """The next frame.

        Raises:
            ServerGoneError: the stream has ended, or the frame is none of those expected.
        """
        tag, length = unpack_head(self._exactly(HEAD_BYTES))
        if tag not in expected or length > MAX_FRAME_BYTES:
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


class CappedOutput:
    """The first and the last bytes of a flood, in bounded memory."""

    def __init__(self, head_bytes: int, tail_bytes: int) -> None:
        self._head_bytes = head_bytes
        self._tail_bytes = tail_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self.total_bytes = 0

    def feed(self, chunk: bytes) -> None:
        """Take in what came next."""
        self.total_bytes += len(chunk)
        room = self._head_bytes - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 2 * self._tail_bytes:
            del self._tail[: len(self._tail) - self._tail_bytes]

    def head(self) -> bytes:
        """The first bytes."""
        return bytes(self._head)

    def tail(self) -> bytes:
        """The last bytes of what the head does not hold."""
        return bytes(self._tail[max(len(self._tail) - self._tail_bytes, 0) :])


# --- the tree ---------------------------------------------------------------------------------------------------------


def lay_out(link: Link, root: str) -> None:
    """Write the files that come over the link below ``root``; the protocol knows regular files only.

    Raises:
        RefusedError: a name leaves the root, comes twice or is both file and folder; or there is no room.
    """
    while True:
        tag, payload = link.receive(FILE, END)
        if tag == END:
            return
        entry = json.loads(payload)
        try:
            _write_file(link, root, entry["path"], entry["size"], entry["executable"])
        except OSError as error:
            raise _refusal_of_layout(error, entry["path"]) from error
        except UnicodeError as error:
            raise RefusedError(WHY_TREE, f"{entry['path']!r} is not text") from error


def skip_rest_of_tree(link: Link) -> None:
    """Read on to the end of the tree, so that the server, which is still writing, comes to listen."""
    while link.receive(FILE, DATA, END)[0] != END:
        pass


def _write_file(link: Link, root: str, path: str, size: int, executable: bool) -> None:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise RefusedError(WHY_TREE, f"{path!r} is no name inside the tree")
    target = os.path.join(root, *parts)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    mode = 0o755 if executable else 0o644
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        _write_content(link, fd, size)
    finally:
        os.close(fd)


def _write_content(link: Link, fd: int, size: int) -> None:
    while size > 0:
        view = memoryview(link.receive(DATA)[1])
        size -= len(view)
        while view:
            view = view[os.write(fd, view) :]


def _refusal_of_layout(error: OSError, path: str) -> RefusedError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RefusedError(WHY_FULL, path)
    return RefusedError(WHY_TREE, f"{path!r}: {error.strerror}")


# --- the command ------------------------------------------------------------------------------------------------------


def start(argv: list[str], env: dict[str, str], output_fd: int) -> int:
    """Start the command in the work directory, in a session of its own. Returns its process id.

    Raises:
        RefusedError: there is no such program, or it cannot be executed.
    """
    try:
        process = subprocess.Popen(
            argv,
            cwd=WORK,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output_fd,
            stderr=output_fd,
            start_new_session=True,
            preexec_fn=prefer_as_victim,
        )
    except FileNotFoundError as error:
        raise RefusedError(WHY_NO_PROGRAM, argv[0]) from error
    except (OSError, ValueError) as error:
        raise RefusedError(WHY_NOT_EXECUTABLE, f"{argv[0]!r}: {error}") from error
    # The main loop reaps, orphans included; subprocess must not wait for this one
    process.returncode = 0
    return process.pid


def prefer_as_victim() -> None:
    """Let a kernel short of memory choose this process and its children first: the harness has to tell of it."""
    # Files in /proc/self of a process that is not dumpable belong to root; exec makes the command dumpable in any case
    set_dumpable(True)
    try:
        fd = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(fd, b"1000")
        os.close(fd)
    except OSError:
        return


def set_dumpable(dumpable: bool) -> None:
    """Open or close this process's memory and descriptors to others of the same user.

    Raises:
        OSError: the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


class Watch:
    """Waits for the command to end, or for its time to be up, while its output flows."""

    def __init__(self, output: CappedOutput, pipe_fd: int, wake_fd: int, server_fd: int) -> None:
        self._output = output
        self._pipe_fd = pipe_fd
        self._wake_fd = wake_fd
        self._server_fd = server_fd
        self._poll = select.poll()
        for fd in (pipe_fd, wake_fd, server_fd):
            self._poll.register(fd, select.POLLIN)

    def until(self, pid: int, deadline: float) -> int | None:
        """The exit code of the command, as a shell would say it; ``None`` when the time is up.

        Raises:
            ServerGoneError: the server has closed the stream.
        """
        while True:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return None
            ready = [fd for fd, _ in self._poll.poll(math.ceil(left_s * 1000))]
            if self._server_fd in ready:
                raise ServerGoneError("standard input has ended")
            if self._pipe_fd in ready and not self._take():
                self._poll.unregister(self._pipe_fd)
            if self._wake_fd in ready:
                os.read(self._wake_fd, _CHUNK_BYTES)
                code = reap(pid)
                if code is not None:
                    return code

    def drain(self) -> None:
        """Take in what the pipe still holds. Only for when nobody is left who writes into it."""
        while self._take():
            pass

    def _take(self) -> bool:
        chunk = os.read(self._pipe_fd, _CHUNK_BYTES)
        self._output.feed(chunk)
        return bool(chunk)


def reap(pid: int) -> int | None:
    """Bury the children that have ended. Returns the exit code of ``pid`` where it is among them."""
    code = None
    while True:
        try:
            ended, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if ended == 0:
            return code
        if ended == pid:
            code = exit_code(status)


def exit_code(status: int) -> int:
    """The exit code in a wait status, as a shell would say it: 128 and the signal where one ended the process."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def end_every_other_process() -> None:
    """Kill whatever runs in the container beside this process, and return when it is dead.

    Raises:
        RuntimeError: this is not process 1; the same signal would reach everything that the user runs.
    """
    if os.getpid() != 1:
        raise RuntimeError("only process 1 of a container may do this")
    while True:
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            return
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def oom_kills() -> int:
    """How often the kernel has killed a process of this container for want of memory; 0 where it does not tell."""
    for path in _OOM_COUNTERS:
        try:
            with open(path, encoding="ascii") as counters:
                lines = [line.split() for line in counters]
        except OSError:
            continue
        return sum(int(line[1]) for line in lines if line[0] == "oom_kill")
    return 0


# --- the report -------------------------------------------------------------------------------------------------------


def read_result(path: str, limit_bytes: int) -> bytes | None:
    """What the file holds; ``None`` where there is none, where it or a folder on the way is a link, where it is no regular
    file, or where it is too large.

    Raises:
        OSError: it is there and cannot be read.
    """
    try:
        fd = _open_without_links(path)
    except OSError as error:
        if error.errno in _NOT_THERE:
            return None
        raise
    try:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit_bytes:
            return None
        with open(fd, "rb", closefd=False) as file:
            return file.read(limit_bytes)
    finally:
        os.close(fd)


def _open_without_links(path: str) -> int:
    *folders, name = [part for part in path.split("/") if part]
    here = os.open("/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = below
        # O_NONBLOCK: opening a named pipe must not wait for a writer
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    finally:
        os.close(here)


def report(link: Link, order: Order, outcome: dict[str, object], output: CappedOutput) -> None:
    """Answer the server's nonce with everything that is known of the run."""
    nonce = link.receive(NONCE)[1].decode("ascii")
    link.send_json(OUTCOME, {"nonce": nonce, "output_bytes": output.total_bytes, **outcome})
    link.send(DATA, output.head())
    link.send(DATA, output.tail())
    for path in order.result_files:
        content = read_result(path, order.file_bytes)
        if content is not None:
            link.send_json(FILE, {"path": path})
            link.send(DATA, content)
    link.send(END, nonce.encode("ascii"))


# --- the whole run ----------------------------------------------------------------------------------------------------


def run(link: Link, server_fd: int) -> None:
    """Serve one order, from its header to its report.

    Raises:
        ServerGoneError: there is nobody to report to.
    """
    order = Order(json.loads(link.receive(ORDER)[1]))
    end_at(time.monotonic() + order.life_s)
    try:
        take_tree(link)
        execute(link, order, server_fd)
    except RefusedError as refusal:
        link.send_json(REFUSED, {"why": refusal.why, "subject": refusal.subject})


def take_tree(link: Link) -> None:
    """Unpack the tree that follows, and say so.

    Raises:
        RefusedError: it cannot be laid out; all of it has been read.
    """
    try:
        lay_out(link, WORK)
    except RefusedError:
        skip_rest_of_tree(link)
        raise
    link.send(UNPACKED)


def execute(link: Link, order: Order, server_fd: int) -> None:
    """Run the command to its end, leave nothing else alive, and report.

    Raises:
        RefusedError: it could not be started.
    """
    output = CappedOutput(order.head_bytes, order.tail_bytes)
    reader, writer = os.pipe()
    watch = Watch(output, reader, wake_on_child_exit(), server_fd)
    began = time.monotonic()
    pid = start(order.argv, {**os.environ, **order.env}, writer)
    os.close(writer)
    code = watch.until(pid, began + order.timeout_s)
    duration_s = time.monotonic() - began
    end_every_other_process()
    watch.drain()
    link.send(READY)
    report(link, order, {"exit_code": code, "oom_kills": oom_kills(), "duration_s": duration_s}, output)


def wake_on_child_exit() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader


def end_at(deadline: float, leave: Callable[[int], None] = os._exit) -> None:
    """Let this process, and so the container, end at the latest at ``deadline`` (monotonic), should the server hang."""

    def ring(*_: object) -> None:
        # The code under test can send this signal too; only the clock decides
        if time.monotonic() >= deadline:
            leave(3)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001), 1.0)


def main() -> int:
    """Run as process 1 of a container. Returns the exit code: 0 where the server has its answer."""
    # Python's own handler would let anybody in the container interrupt process 1
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    link = Link(0, 1)
    if os.getpid() != 1:
        link.send_json(REFUSED, {"why": WHY_NOT_FIRST, "subject": str(os.getpid())})
        return 2
    set_dumpable(False)
    try:
        run(link, server_fd=0)
    except ServerGoneError as error:
        print(error, file=sys.stderr)  # noqa: T201 - standard error is the harness's own log
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
