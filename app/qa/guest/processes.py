"""The processes of the container: one is started, all are ended, and what flows out of them is kept. Standard library only."""

from __future__ import annotations

import ctypes
import math
import os
import resource
import select
import signal
import subprocess
import sys
import time
import types

from app.qa.guest.protocol import WHY_NO_PROGRAM, WHY_NOT_EXECUTABLE, WORK, Order, RefusedError, ServerGoneError

_CHUNK_BYTES = 1 << 16
_PR_SET_DUMPABLE = 4
_OOM_COUNTERS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_MOST_DESCRIPTORS = 1 << 16


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


class GuestBorn(BaseException):
    """This process is the child, in which a program of ours is to run."""

    def __init__(self, order: Order, output_fd: int, records_fd: int) -> None:
        super().__init__()
        self.order = order
        self.output_fd = output_fd
        self.records_fd = records_fd


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


def fork_guest(order: Order, output_fd: int, records_fd: int) -> int:
    """Start a program of ours in a copy of this process. Returns its process id.

    Raises:
        RefusedError: there can be no further process.
        GuestBorn: in the child.
    """
    try:
        pid = os.fork()
    except OSError as error:
        raise RefusedError(WHY_NOT_EXECUTABLE, str(error)) from error
    if pid == 0:
        raise GuestBorn(order, output_fd, records_fd)
    return pid


def live_as_guest(born: GuestBorn) -> None:
    """Shed whatever belongs to process 1, and run the program. It ends this process or returns."""
    for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.set_wakeup_fd(-1)
    os.setsid()
    prefer_as_victim()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(born.output_fd, 1)
    os.dup2(born.output_fd, 2)
    os.closerange(3, born.records_fd)
    os.closerange(born.records_fd + 1, _MOST_DESCRIPTORS)
    os.chdir(WORK)
    os.environ.update(born.order.env)
    sys.dont_write_bytecode = True
    sys.argv = list(born.order.argv)
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    config = dict(born.order.guest_config, records_fd=born.records_fd)
    program: dict[str, object] = {"__name__": "pr_telemetry_guest", "GUEST_CONFIG": config}
    exec(compile(born.order.guest or "", "<guest>", "exec"), program)  # noqa: S102 - our own program, from the server


def heritage() -> tuple[object, ...]:
    """What every process inherits from this one, and any other process of the same user can change."""
    limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
    schedule = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, os.getpriority(os.PRIO_PROCESS, 0)
    return limits, schedule, os.sched_getaffinity(0)


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
    """Waits for the command to end, or for its time to be up, while its output and its records flow."""

    def __init__(self, sinks: dict[int, CappedOutput], wake_fd: int, server_fd: int) -> None:
        self._sinks = sinks
        self._wake_fd = wake_fd
        self._server_fd = server_fd
        self._poll = select.poll()
        for fd in (*sinks, wake_fd, server_fd):
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
            for fd in self._sinks:
                if fd in ready and not self._take(fd):
                    self._poll.unregister(fd)
            if self._wake_fd in ready:
                os.read(self._wake_fd, _CHUNK_BYTES)
                code = reap(pid)
                if code is not None:
                    return code

    def drain(self) -> None:
        """Take in what the pipes still hold. Only for when nobody is left who writes into them."""
        for fd in self._sinks:
            while self._take(fd):
                pass

    def _take(self, fd: int) -> bool:
        chunk = os.read(fd, _CHUNK_BYTES)
        self._sinks[fd].feed(chunk)
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


def wake_on_child_exit() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    return reader
