"""One recording, with everything that belongs to it: begun, looked at, added to, ended."""

from __future__ import annotations

import getpass
import platform
import secrets
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app import __version__
from app.errors import ConflictError, DeniedError, InvalidError
from app.models.recording import StructuredNote
from app.models.trace import Consent, Environment
from app.recorder.archive import write_archive
from app.recorder.capture import Capture, Found
from app.recorder.chunks import Plan
from app.recorder.files import Contents, SeenFile, WorkTree, is_recorded
from app.recorder.known import KnownTree, load_known, save_known
from app.recorder.outbox import NewEvent, Outbox, event_id_of
from app.recorder.plugin import lay_out_plugin
from app.recorder.privacy import Privacy, privacy_of
from app.recorder.repository import Repository, find_repository
from app.recorder.runs import Runs
from app.recorder.sender import FINAL_WORKSPACE, WORKSPACE, Sender
from app.recorder.state import FOLDER_NAME, Remote, Session, StateFolder, find_folder, is_held, locked
from app.rules.redaction.policy import parse_policy
from app.utils.clock import Clock, utc_now

_WATCHER_ENDS_S = 40.0
"""A look or a request may be under way, and is let finish."""


class AlreadyRecordingError(ConflictError):
    """A recording is on in this work tree already. End it with 'record stop', or drop it with 'record abort'."""


class StoppedError(ConflictError):
    """The recording is stopped. 'record stop' sends what is left of it."""


class NoNotesError(DeniedError):
    """This session was begun without consent to recording thoughts; nothing was written down."""


@dataclass(frozen=True)
class Beginning:
    """What a recording is about."""

    task_title: str
    consent: Consent
    task_id: str | None = None
    task_description: str | None = None
    test_command: str | None = None
    known_failing_tests: tuple[str, ...] = ()
    participant_id: str | None = None
    redaction: str = "default"
    server: str | None = None
    api_token: str | None = None


@dataclass(frozen=True)
class Started:
    """What a recording begins with."""

    num_files: int
    num_with_secrets: int
    num_changed: int
    """Files that were changed against the last commit already: these changes are the first edits."""
    num_unnameable: int
    """Files whose names no trace can hold."""


@dataclass(frozen=True)
class Recording:
    """A recording that is on, or waits to be sent."""

    folder: StateFolder
    session: Session
    privacy: Privacy
    outbox: Outbox
    tree: WorkTree
    capture: Capture = field(init=False)
    runs: Runs = field(init=False)
    plan: Plan = field(init=False)
    sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        plan = Plan(self.folder.chunks, self.outbox, self.session.session_id)
        object.__setattr__(self, "capture", Capture(self.folder, self.tree, self.outbox))
        object.__setattr__(self, "runs", Runs(self.folder.runs, self.outbox, self.privacy))
        object.__setattr__(self, "plan", plan)
        object.__setattr__(self, "sender", Sender(self.folder, plan))

    @property
    def is_watched(self) -> bool:
        """Whether a watcher is at work."""
        return is_held(self.folder.lock("watcher"))

    def look(self) -> int:
        """Write down what changed since the last look, as late where nobody was watching."""
        found: Found | None = None if self.is_watched else "late"
        return self.capture.look(found)

    def note(self, parts: StructuredNote, text: str | None) -> str:
        """Write a thought down. Returns the id of its event.

        Raises:
            NoNotesError: the session's consent does not cover thoughts.
            InvalidError: it is empty.
        """
        if not self.session.consent.rationales:
            raise NoNotesError
        said = parts.model_dump(exclude_none=True)
        if not said and not (text or "").strip():
            raise InvalidError("the note is empty")
        event: dict[str, Any] = {"type": "rationale_note", **({"structured": said} if said else {})}
        (seq,) = self.outbox.append([event | ({"freeform": text} if text else {})])
        return event_id_of(seq)

    def tell(self, event: NewEvent) -> None:
        """Write any other event down."""
        self.outbox.append([event])

    def stop(self) -> None:
        """Look a last time, tell the runs that nobody saw the end of, and pack the final tree. Again: nothing changes."""
        if self.folder.load_session().stopped_at is None:
            self.look()
            self.runs.recover()
            head = self.tree.repository.head()
            with locked(self.folder.lock("tree")):
                # first: once the session is stopped, a watcher that is still sending completes it with what there is
                self._pack_final()
                ended = {"stopped_at": time.time(), "end_commit": head if head != self.session.start_commit else None}
                self.folder.save_session(self.folder.load_session().model_copy(update=ended))
        self.folder.hook.unlink(missing_ok=True)
        if not self.folder.artifact(FINAL_WORKSPACE).exists():
            with locked(self.folder.lock("tree")):
                self._pack_final()

    def drop(self) -> None:
        """Remove everything that was recorded here. The watcher ends by itself where there is no session any more."""
        self.folder.hook.unlink(missing_ok=True)
        self.folder.session_file.unlink(missing_ok=True)
        deadline = time.monotonic() + _WATCHER_ENDS_S
        while self.is_watched and time.monotonic() < deadline:
            time.sleep(0.05)
        shutil.rmtree(self.folder.path, ignore_errors=True)

    def _pack_final(self) -> None:
        if self.session.consent.snapshots:
            _pack(self.folder, FINAL_WORKSPACE, load_known(self.folder.tree, self.outbox).files, self.tree.contents)


def find_recording(start: Path, clock: Clock = utc_now) -> Recording:
    """The recording that a place in a work tree belongs to.

    Raises:
        NoRecordingError: there is none.
    """
    return open_recording(find_folder(start), clock)


def find_active(start: Path) -> Recording:
    """The recording that is on here.

    Raises:
        NoRecordingError: there is none.
        StoppedError: it was stopped.
    """
    recording = find_recording(start)
    if recording.session.stopped_at is not None:
        raise StoppedError
    return recording


def open_recording(folder: StateFolder, clock: Clock = utc_now) -> Recording:
    """The recording of a state folder."""
    session = folder.load_session()
    privacy = privacy_of(session)
    tree = WorkTree(Repository(folder.root), privacy, Contents(folder.contents))
    return Recording(folder, session, privacy, Outbox(folder.outbox, folder.lock("outbox"), privacy, clock), tree)


def begin_recording(start: Path, beginning: Beginning) -> tuple[Recording, Started]:
    """Take the tree as it is and begin to record.

    What a recording begins with is the commit that is checked out; what is changed against it already becomes the first edits.

    Raises:
        InvalidError: the place is in no git work tree, or what is said of the task cannot be taken.
        AlreadyRecordingError: a recording is on.
    """
    repository = find_repository(start)
    folder = StateFolder(repository.root / FOLDER_NAME)
    if folder.session_file.exists():
        raise AlreadyRecordingError
    session = _new_session(repository, beginning)
    shutil.rmtree(folder.path, ignore_errors=True)
    repository.exclude(f"/{FOLDER_NAME}/")
    folder.path.mkdir(mode=0o700)
    folder.runs.mkdir()
    base, num_unnameable = _base(WorkTree(repository, privacy_of(session), Contents(folder.contents)), session)
    save_known(folder.tree, KnownTree(base, session.start_commit, len(repository.moves())))
    warnings = _pack(folder, WORKSPACE, base, Contents(folder.contents)) if session.consent.snapshots else ()
    folder.save_remote(Remote(api_token=beginning.api_token, warnings=warnings))
    # from here on there is a recording; before, there is a folder that the next beginning clears away
    folder.save_session(session)
    recording = open_recording(folder)
    num_changed = recording.capture.look("at_start")
    lay_out_plugin(folder)
    num_with_secrets = sum(seen.holds_secrets for seen in load_known(folder.tree, recording.outbox).files.values())
    return recording, Started(len(base), num_with_secrets, num_changed, num_unnameable)


def _new_session(repository: Repository, beginning: Beginning) -> Session:
    parse_policy(beginning.redaction)
    title = beginning.task_title.strip()
    try:
        session = Session(
            session_id=secrets.token_hex(8),
            started_at=time.time(),
            participant_id=beginning.participant_id or getpass.getuser(),
            task_id=beginning.task_id or title[:100],
            task_title=title,
            task_description=beginning.task_description,
            test_command=beginning.test_command,
            known_failing_tests=beginning.known_failing_tests,
            consent=beginning.consent,
            environment=_environment(repository),
            start_commit=repository.head(),
            time_zone=_time_zone(),
            recorder_version=__version__,
            redaction=beginning.redaction,
            server=beginning.server,
        )
    except ValueError as error:
        raise InvalidError(f"the recording cannot begin: {_told(error)}") from None
    privacy, origin, branch = privacy_of(session), repository.origin(), repository.branch()
    cleaned = {
        "task_id": privacy.text(session.task_id),
        "task_title": privacy.text(session.task_title),
        "task_description": privacy.text(session.task_description) if session.task_description else None,
        "test_command": privacy.text(session.test_command) if session.test_command else None,
        "known_failing_tests": tuple(map(privacy.text, session.known_failing_tests)),
        "repo_origin": privacy.text(origin)[:512] if origin else None,
        "branch": privacy.text(branch)[:512] if branch else None,
    }
    return session.model_copy(update=cleaned)


def _told(error: ValueError) -> str:
    faults = getattr(error, "errors", None)
    if not callable(faults):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults())


def _environment(repository: Repository) -> Environment:
    return Environment(
        os=f"{platform.system()} {platform.release()}", python_version=platform.python_version(), tools=(repository.version(),)
    )


def _time_zone() -> str:
    """How far the machine's clock is from UTC, such as ``+01:00``."""
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")[len("2026-03-02T12:00:00") :]


def _base(tree: WorkTree, session: Session) -> tuple[dict[str, SeenFile], int]:
    """The files of the commit that is checked out; before the first commit, those of the work tree."""
    repository = tree.repository
    unnameable = sum(1 for path, _ in repository.files() if not is_recorded(path, is_tracked=True))
    if session.start_commit is None:
        return tree.look({}), unnameable
    differing = repository.differing(session.start_commit)
    base: dict[str, SeenFile] = {}
    for path, mode in repository.committed(session.start_commit):
        if not is_recorded(path, is_tracked=True):
            continue
        seen = None if path in differing else tree.look_at(path)
        if seen is None:
            seen = tree.keep(repository.content(session.start_commit, path), executable=mode == "100755")
        base[path] = seen
    return base, unnameable


def _pack(folder: StateFolder, name: str, files: Any, contents: Contents) -> tuple[str, ...]:
    if not files:
        return ()
    missing = write_archive(folder.artifact(name), files, contents, folder.root)
    return (f"{name} is without {', '.join(missing[:5])}: gone before they were packed",) if missing else ()
