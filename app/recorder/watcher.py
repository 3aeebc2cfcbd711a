"""The process that stays: it looks when something was saved, and sends when there is something to send.

It may be killed at any time. What it did not see is found by the next look, and what it did not send is sent by the next
watcher, which any command of the recorder starts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from app.errors import PRTelemetryError
from app.recorder.plugin import PACKAGE_ROOT
from app.recorder.recording import Recording, open_recording
from app.recorder.state import FOLDER_NAME, HeldElsewhereError, NoRecordingError, StateFolder, locked
from app.utils.logger import configure_logging

DEBOUNCE_MS, STEP_MS, TICK_MS = 400, 80, 500
RESCAN_S = 30.0
"""A look without a reason: file systems of other machines do not tell of changes."""
_POLL_S = 2.0
_START_TIMEOUT_S = 15.0
_LOG_BYTES = 1024 * 1024
_log = logging.getLogger(__name__)


def ensure_watcher(recording: Recording) -> bool:
    """Start a watcher where none is at work, and wait until it is. Returns whether one had to be started."""
    if recording.is_watched:
        return False
    log = recording.folder.log
    with log.open("wb" if log.exists() and log.stat().st_size > _LOG_BYTES else "ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.recorder.watcher", str(recording.folder.root)],
            # the folder of this package comes first on the module path: a project may have an 'app' of its own,
            # and a PYTHONPATH that is meant for its own programs
            cwd=PACKAGE_ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_TIMEOUT_S
    while watcher_pid(recording) is None and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return True


def watcher_pid(recording: Recording) -> int | None:
    """The process of the watcher that is at work; ``None`` until it has looked for the first time."""
    text = recording.folder.lock("watcher").read_text() if recording.is_watched else ""
    return int(text) if text.isdigit() else None


def watch(root: Path) -> None:
    """Watch a work tree until its recording is stopped, dropped, or the process is asked to end.

    Raises:
        NoRecordingError: none is on.
        HeldElsewhereError: another watcher is at it.
    """
    recording = open_recording(StateFolder(root / FOLDER_NAME))
    with locked(recording.folder.lock("watcher"), wait=False) as descriptor:
        os.ftruncate(descriptor, 0)
        _unblock(recording)
        _catch_up(recording)
        os.write(descriptor, str(os.getpid()).encode())
        ended = threading.Event()
        sending = threading.Thread(target=_send_until, args=(recording, ended), name="sender", daemon=True)
        sending.start()
        try:
            _look_until(recording, ended)
        finally:
            ended.set()


def _catch_up(recording: Recording) -> None:
    """What happened while nobody watched is found late; what happens from now on is not."""
    _quietly(recording.runs.recover, recording)
    _quietly(lambda: recording.capture.look("late"), recording)


def _look_until(recording: Recording, ended: threading.Event) -> None:
    # what changes before the system has begun to tell of changes is found by the look after its first word
    looked_at, moved = -RESCAN_S, _moved(recording)
    for changed in _signals(recording.folder.root, ended):
        if not _is_on(recording):
            return
        now_moved = _moved(recording)
        is_due = now_moved != moved or looked_at < 0 or time.monotonic() - looked_at > RESCAN_S
        if is_due or changed is None or (changed and recording.tree.repository.heeds(changed)):
            _quietly(recording.capture.look, recording)
            looked_at, moved = time.monotonic(), now_moved


def _signals(root: Path, ended: threading.Event) -> Iterator[set[str] | None]:
    """Says again and again where something may have changed; ``None`` where that is not known."""
    from watchfiles import Change, watch  # what only the watcher needs is not loaded with every command

    leave = (f"{root}{os.sep}{FOLDER_NAME}{os.sep}", f"{root}{os.sep}.git{os.sep}")

    def is_wanted(_: Change, path: str) -> bool:
        return not path.startswith(leave)

    try:
        for changes in watch(
            root, watch_filter=is_wanted, debounce=DEBOUNCE_MS, step=STEP_MS, rust_timeout=TICK_MS, yield_on_timeout=True,
            stop_event=ended, raise_interrupt=True, ignore_permission_denied=True,
        ):  # fmt: skip
            yield {path for _, path in changes}
    except (OSError, RuntimeError) as error:  # the second is watchfiles' own, from within
        _log.warning("the system does not tell of changes; the tree is looked at from time to time", extra={"why": str(error)})
    while not ended.wait(_POLL_S):
        yield None


def _send_until(recording: Recording, ended: threading.Event) -> None:
    failures = 0
    while not ended.is_set():
        wait_s = TICK_MS / 1000
        try:
            with locked(recording.folder.lock("send"), wait=False):
                step = recording.sender.step(failures)
        except NoRecordingError:
            return
        except HeldElsewhereError:
            step = None
        except (PRTelemetryError, OSError) as error:
            _log.warning("could not send", extra={"detail": str(error)})
            step = None
        if step is not None:
            failures = failures + 1 if step.kind == "wait" else 0
            wait_s = {"went_on": 0.0, "wait": step.wait_s}.get(step.kind, wait_s)
        ended.wait(wait_s)


def _unblock(recording: Recording) -> None:
    """What stood in the way may be gone."""
    remote = recording.folder.load_remote()
    if remote.is_blocked:
        recording.folder.save_remote(remote.model_copy(update={"is_blocked": False}))


def _is_on(recording: Recording) -> bool:
    try:
        return recording.folder.load_session().stopped_at is None
    except PRTelemetryError:
        return False


def _moved(recording: Recording) -> tuple[int, int] | None:
    with contextlib.suppress(OSError):
        found = recording.tree.repository.reflog.stat()
        return found.st_mtime_ns, found.st_size
    return None


def _quietly(look: Callable[[], object], recording: Recording) -> None:
    """Look; what stands in the way now may be gone the next time, and nothing is lost by it."""
    try:
        look()
    except (PRTelemetryError, OSError, ValueError) as error:
        if _is_on(recording):
            _log.warning("could not look at the work tree", extra={"detail": str(error)})


def _end(_: int, __: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    """Watch the work tree that the argument names."""
    configure_logging("INFO", "text")
    signal.signal(signal.SIGTERM, _end)
    with contextlib.suppress(HeldElsewhereError, NoRecordingError, KeyboardInterrupt):
        watch(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
