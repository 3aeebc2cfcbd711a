"""Where a recording lives: a folder of the work tree that git does not see and nobody else may read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.errors import CorruptError, NotFoundError, UnavailableError
from app.models.base import JsonObject, ShortText, Value
from app.models.commands import TestCommand
from app.models.trace import Consent, Environment
from app.utils.atomic import replace_file

try:
    import fcntl
except ImportError:
    raise UnavailableError("the recorder needs Linux or macOS: it stands on their file locks and terminals") from None

FOLDER_NAME = ".pr-telemetry"


class NoRecordingError(NotFoundError):
    """No recording is on here. Begin one with 'record start', in a git work tree."""


class HeldElsewhereError(UnavailableError):
    """Another process of the recorder is at it."""


class Session(Value):
    """What was said when the recording began."""

    session_id: str
    started_at: float
    """Seconds since 1970."""
    participant_id: str
    task_id: ShortText
    task_title: ShortText
    task_description: str | None = None
    test_command: TestCommand | None = None
    known_failing_tests: tuple[str, ...] = ()
    consent: Consent = Consent()
    environment: Environment | None = None
    repo_origin: ShortText | None = None
    branch: ShortText | None = None
    start_commit: ShortText | None = None
    time_zone: ShortText | None = None
    """The offset of this machine's clock from UTC, such as ``+01:00``."""
    recorder_version: ShortText | None = None
    redaction: str = "default"
    server: str | None = None
    stopped_at: float | None = None
    """From then on nothing is recorded any more."""
    end_commit: ShortText | None = None
    """What was checked out then, where it is not what the session began with."""


class Remote(Value):
    """How far the server has come with this session. Holds tokens: readable by its owner alone."""

    api_token: str | None = None
    """Only until the session has begun on the server."""
    beginning: JsonObject | None = None
    """How the session was begun on the server: where the answer was lost, the same is said again."""
    trace_id: str | None = None
    upload_token: str | None = None
    uploaded: tuple[str, ...] = ()
    """Names of artifacts that are there, or were refused for good."""
    acknowledged: int = 0
    """Chunks that are there: all up to this number."""
    is_complete: bool = False
    problem: str | None = None
    """Why nothing is being sent; ``None`` while all is well."""
    is_blocked: bool = False
    """The problem does not go away by waiting."""
    warnings: tuple[str, ...] = ()


_Kept = TypeVar("_Kept", bound=Value)


@dataclass(frozen=True)
class StateFolder:
    """The recording's files, by their uses."""

    path: Path

    @property
    def root(self) -> Path:
        """The work tree."""
        return self.path.parent

    @property
    def session_file(self) -> Path:
        return self.path / "session.json"

    @property
    def remote_file(self) -> Path:
        return self.path / "remote.json"

    @property
    def outbox(self) -> Path:
        return self.path / "outbox.jsonl"

    @property
    def chunks(self) -> Path:
        return self.path / "chunks.jsonl"

    @property
    def tree(self) -> Path:
        return self.path / "tree.json"

    @property
    def contents(self) -> Path:
        return self.path / "contents"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    @property
    def hook(self) -> Path:
        """What the pytest plugin finds a recording by."""
        return self.path / "hook.json"

    @property
    def plugin(self) -> Path:
        """A folder for ``PYTHONPATH`` that holds the pytest plugin and nothing else."""
        return self.path / "plugin"

    @property
    def log(self) -> Path:
        return self.path / "watcher.log"

    def artifact(self, name: str) -> Path:
        """An archive that goes with the trace."""
        return self.path / f"{name}.tar.gz"

    def lock(self, name: str) -> Path:
        return self.path / f"{name}.lock"

    def load_session(self) -> Session:
        """What was said when the recording began.

        Raises:
            NoRecordingError: there is none.
            CorruptError: it cannot be read.
        """
        return _load(self.session_file, Session)

    def save_session(self, session: Session) -> None:
        replace_file(self.session_file, session.model_dump_json(indent=1).encode())

    def load_remote(self) -> Remote:
        """How far the server has come."""
        return _load(self.remote_file, Remote)

    def save_remote(self, remote: Remote) -> None:
        """Keep it, for the owner's eyes alone."""
        replace_file(self.remote_file, remote.model_dump_json(indent=1).encode())
        self.remote_file.chmod(0o600)


def find_folder(start: Path) -> StateFolder:
    """The recording that a place in a work tree belongs to.

    Raises:
        NoRecordingError: none is on.
    """
    here = start.resolve()
    for folder in (here, *here.parents):
        state = StateFolder(folder / FOLDER_NAME)
        if state.session_file.is_file():
            return state
    raise NoRecordingError


@contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[int]:
    """Hold a lock within; it goes with the process, however that ends. The descriptor is the lock file's.

    Raises:
        HeldElsewhereError: another process holds it, and ``wait`` is not wanted.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise HeldElsewhereError from None
        yield descriptor
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds a lock."""
    if not path.exists():
        return False
    try:
        with locked(path, wait=False):
            return False
    except HeldElsewhereError:
        return True


def _load(path: Path, kind: type[_Kept]) -> _Kept:
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise NoRecordingError from None
    except ValueError as error:
        raise CorruptError(f"{path} cannot be read: {error}") from None
