"""The program that runs inside the container, as its process 1. Standard library only, Python 3.8 or newer.

The engine gets it, with the modules it is made of, as one text (``app.qa.sandbox.bundle``). It takes orders on standard input:
each with a tree and a command. It runs the command, kills every other process, says so, and only then receives a nonce,
without which nobody can write the report. Then it waits for the next order.

What keeps the code under test, which has the same user, away from it:

- Process 1 of a PID namespace gets no signal from inside that it has not asked for, SIGKILL included. That is why the container
  has no ``--init``: this is the init process, and reaps.
- It is not dumpable: its memory and its open files (``/proc/1/fd``) are closed to everyone but root.
- Between two orders no process of the first is alive, and no file, shared memory or message queue of it is left; nor a limit or
  a priority that it has given to process 1.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import signal
import stat
import sys
import time
from collections.abc import Callable

from app.qa.guest.layout import Manifest, lay_out, remove_files, restore, skip_files, wipe, wipe_scratch
from app.qa.guest.processes import (
    CappedOutput,
    GuestBorn,
    Watch,
    end_every_other_process,
    fork_guest,
    heritage,
    live_as_guest,
    oom_kills,
    set_dumpable,
    start,
    wake_on_child_exit,
)
from app.qa.guest.protocol import (
    DATA,
    END,
    FILE,
    NEED,
    NONCE,
    ORDER,
    OUTCOME,
    READY,
    REFUSED,
    UNPACKED,
    WARM,
    WARM_UP,
    WHY_DIRTY,
    WHY_NOT_FIRST,
    WORK,
    Link,
    Order,
    RefusedError,
    ServerGoneError,
)
from app.qa.guest.results import choose_results

_ASKED_FOR: set[str] = set()
"""Modules that this process has imported, or has tried to."""
_NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.ENXIO, errno.EISDIR)


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


def report(link: Link, order: Order, outcome: dict[str, object], output: CappedOutput, records: CappedOutput) -> None:
    """Answer the server's nonce with everything that is known of the run."""
    nonce = link.receive(NONCE)[1].decode("ascii")
    chosen, left_out = choose_results(order.result_files, order.file_bytes, order.files_bytes)
    totals = {"output_bytes": output.total_bytes, "records_bytes": records.total_bytes, "files_left_out": left_out}
    link.send_json(OUTCOME, {"nonce": nonce, **totals, **outcome})
    link.send(DATA, output.head())
    link.send(DATA, output.tail())
    link.send(DATA, records.head())
    for path in chosen:
        content = read_result(path, order.file_bytes)
        if content is not None:
            link.send_json(FILE, {"path": path})
            link.send(DATA, content)
    link.send(END, nonce.encode("ascii"))


# --- orders -----------------------------------------------------------------------------------------------------------


class Housekeeping:
    """Serves one order after the other."""

    def __init__(self, link: Link, server_fd: int) -> None:
        self._link = link
        self._server_fd = server_fd
        self._wake_fd = wake_on_child_exit()
        self._home = os.environ.get("HOME")
        self._manifest: Manifest | None = None
        self._heritage = heritage()

    def serve(self) -> None:
        """Serve until the server goes.

        Raises:
            ServerGoneError: it has gone.
            GuestBorn: in the child that runs a program of ours.
        """
        while True:
            tag, payload = self._link.receive(ORDER, WARM_UP)
            document = json.loads(payload)
            if tag == WARM_UP:
                end_at(time.monotonic() + document["life_s"])
                warm_up(document["modules"])
                self._link.send(WARM)
                continue
            order = Order(document)
            end_at(time.monotonic() + order.life_s)
            try:
                self._take_tree(order)
                warm_up(order.preload)
                self._execute(order)
            except RefusedError as refusal:
                self._link.send_json(REFUSED, {"why": refusal.why, "subject": refusal.subject})

    def _take_tree(self, order: Order) -> None:
        """Bring the work folder to what the order says, and say so.

        Raises:
            RefusedError: that cannot be done; all that was sent for it has been read.
        """
        pending = 0 if order.keeps_tree else 2
        try:
            self._expect_unchanged()
            if order.keeps_tree:
                manifest = self._kept()
                pending = 2
            else:
                manifest = self._manifest = Manifest()
                wipe(WORK, self._home)
            lay_out(self._link, WORK, manifest)
            pending = 1
            remove_files(WORK, order.removed)
            lay_out(self._link, WORK)
            pending = 0
        except RefusedError:
            for _ in range(pending):
                skip_files(self._link)
            raise
        self._link.send(UNPACKED)

    def _expect_unchanged(self) -> None:
        """A run can set the limits of process 1, and by them those of the runs that follow."""
        if heritage() != self._heritage:
            raise RefusedError(WHY_DIRTY, "limits or priority of process 1 are not what they were")

    def _kept(self) -> Manifest:
        if self._manifest is None:
            raise RefusedError(WHY_DIRTY, "there is no earlier tree")
        try:
            wipe_scratch(self._home)
        except (OSError, RecursionError) as error:
            raise RefusedError(WHY_DIRTY, str(error)) from error
        self._link.send_json(NEED, restore(WORK, self._manifest))
        return self._manifest

    def _execute(self, order: Order) -> None:
        """Run the command to its end, leave nothing else alive, and report.

        Raises:
            RefusedError: it could not be started.
        """
        output, records = CappedOutput(order.head_bytes, order.tail_bytes), CappedOutput(order.records_bytes, 0)
        output_reader, output_writer = os.pipe()
        records_reader, records_writer = os.pipe()
        readers = {output_reader: output, records_reader: records}
        killed_before = oom_kills()
        began = time.monotonic()
        try:
            pid = _begin(order, output_writer, records_writer)
            watch = Watch(readers, self._wake_fd, self._server_fd)
            code = watch.until(pid, began + order.timeout_s)
            duration_s = time.monotonic() - began
            end_every_other_process()
            watch.drain()
        finally:
            for fd in readers:
                os.close(fd)
        self._link.send(READY)
        killed = oom_kills() - killed_before
        report(self._link, order, {"exit_code": code, "oom_kills": killed, "duration_s": duration_s}, output, records)


def _begin(order: Order, output_writer: int, records_writer: int) -> int:
    """Start what the order asks for. The ends of the pipes that are written to are closed here in any case."""
    try:
        if order.guest is not None:
            return fork_guest(order, output_writer, records_writer)
        return start(order.argv, {**os.environ, **order.env}, output_writer)
    finally:
        if os.getpid() == 1:
            os.close(output_writer)
            os.close(records_writer)


def warm_up(modules: list[str]) -> None:
    """Import what the image has of the modules, so that no program has to any more."""
    for name in modules:
        if name in _ASKED_FOR:
            continue
        _ASKED_FOR.add(name)
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001, S112 - an image without it, or with a broken one: the program itself will say so
            continue


def end_at(deadline: float, leave: Callable[[int], None] = os._exit) -> None:
    """Let this process, and so the container, end at the latest at ``deadline`` (monotonic), should the server hang."""

    def ring(*_: object) -> None:
        # The code under test can send this signal too; only the clock decides
        if time.monotonic() >= deadline:
            leave(3)

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(deadline - time.monotonic(), 0.001), 1.0)


def main() -> int:
    """Run as process 1 of a container. Returns the exit code."""
    # Python's own handler would let anybody in the container interrupt process 1
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.path[:] = [path for path in sys.path if path]
    link = Link(0, 1)
    if os.getpid() != 1:
        link.send_json(REFUSED, {"why": WHY_NOT_FIRST, "subject": str(os.getpid())})
        return 2
    set_dumpable(False)
    try:
        Housekeeping(link, server_fd=0).serve()
    except ServerGoneError as error:
        print(error, file=sys.stderr)
        return 1
    except GuestBorn as guest:
        born = guest
    live_as_guest(born)
    return 0


if __name__ == "__main__":
    sys.exit(main())
