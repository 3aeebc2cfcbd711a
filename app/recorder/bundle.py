"""A recording as one file, to be sent later or from elsewhere: its journal, its archives, and the trace as a document.

It holds no token. Who submits it has a server's; what a server has of it already is not stored twice.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from app.errors import ConflictError, MalformedError, PRTelemetryError
from app.models.recording import RecordedEvent
from app.models.trace import Repo, Task, TraceStart
from app.recorder.recording import Recording, open_recording
from app.recorder.sender import FINAL_WORKSPACE, WORKSPACE, recorded_by
from app.recorder.state import FOLDER_NAME, Remote, StateFolder
from app.rules.recording import as_event
from app.utils.archives import ArchiveError, ArchiveLimits, read_archive
from app.utils.atomic import draft_name, fsync_folder

_JOURNALS = ("session.json", "outbox.jsonl", "chunks.jsonl")
_ARCHIVES = (f"{WORKSPACE}.tar.gz", f"{FINAL_WORKSPACE}.tar.gz")
_LIMITS = ArchiveLimits(max_files=16, max_bytes=8 * 1024**3, max_ratio=10_000)
_EVENT: TypeAdapter[Any] = TypeAdapter(RecordedEvent)


class FileExistsAlreadyError(ConflictError):
    """There is a file of that name; it stays as it is."""


def write_bundle(recording: Recording, target: Path) -> None:
    """Write a stopped recording to one file, whole or not at all.

    Raises:
        FileExistsAlreadyError: the name is taken.
    """
    folder = recording.folder
    draft = draft_name(target)
    try:
        with draft.open("xb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name in (*_JOURNALS, *_ARCHIVES):
                if (folder.path / name).exists():
                    tar.add(folder.path / name, arcname=name, filter=_nobodys)
            _add(tar, "remote.json", _without_tokens(folder.load_remote()).model_dump_json().encode())
            _add(tar, "trace.json", json.dumps(trace_document(recording), ensure_ascii=False).encode())
        # link() refuses an existing name; rename() would replace it without a word
        os.link(draft, target)
    except FileExistsError:
        raise FileExistsAlreadyError(f"{target} is there already; it stays as it is") from None
    finally:
        draft.unlink(missing_ok=True)
    fsync_folder(target.parent)


@contextmanager
def unpacked(bundle: Path, server: str, api_token: str | None) -> Iterator[Recording]:
    """The recording of a file, ready to be sent. How far it came is kept beside the file, for the next try.

    Raises:
        MalformedError: the file is no recording.
    """
    place = bundle.with_name(f"{bundle.name}.sending")
    folder = StateFolder(place / FOLDER_NAME)
    if not folder.session_file.exists():
        shutil.rmtree(place, ignore_errors=True)
        folder.path.mkdir(mode=0o700, parents=True)
        _unpack(bundle, folder)
    session = folder.load_session()
    remote = folder.load_remote()
    if session.server != server and remote.trace_id is not None:
        remote = Remote()  # another server knows nothing of it
    folder.save_remote(remote.model_copy(update={"api_token": api_token, "is_blocked": False}))
    folder.save_session(session.model_copy(update={"server": server}))
    yield open_recording(folder)


def forget_unpacked(bundle: Path) -> None:
    """Remove what was kept beside the file."""
    shutil.rmtree(bundle.with_name(f"{bundle.name}.sending"), ignore_errors=True)


def receipt_of(bundle: Path) -> Path:
    """Where it is noted that a file was submitted."""
    return bundle.with_name(f"{bundle.name}.submitted.json")


def trace_document(recording: Recording) -> dict[str, Any]:
    """The session as a trace, as far as the recorder knows it."""
    session = recording.session
    started = datetime.fromtimestamp(session.started_at, UTC)
    events = [
        as_event(_EVENT.validate_json(json.dumps(dict(written.event))), {}, {}, started) for written in recording.outbox.read()
    ]
    name = (session.repo_origin or "").rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    trace = TraceStart(
        trace_id=f"recording-{session.session_id}",
        developer_id=session.participant_id,
        bug_id=session.task_id,
        start_time=started,
        end_time=datetime.fromtimestamp(session.stopped_at, UTC) if session.stopped_at is not None else None,
        repo=Repo(
            name=name or None,
            url=session.repo_origin,
            branch=session.branch,
            commit_before=session.start_commit,
            commit_after=session.end_commit,
            test_command=session.test_command,
        ),
        task=Task(
            title=session.task_title,
            description=session.task_description,
            known_failing_tests=session.known_failing_tests,
        ),
        session=recorded_by(session),
        environment=session.environment,
        events=tuple(events),
    )
    return trace.model_dump(mode="json", exclude_unset=True)


def _unpack(bundle: Path, folder: StateFolder) -> None:
    wanted = {*_JOURNALS, *_ARCHIVES, "remote.json"}
    draft = folder.path / "session.json.draft"
    try:
        with bundle.open("rb") as packed:
            for file in read_archive(packed, bundle.stat().st_size, _LIMITS):
                if file.path in wanted:
                    name = draft.name if file.path == folder.session_file.name else file.path
                    with (folder.path / name).open("wb") as target:
                        shutil.copyfileobj(file.content, target)
        # last: where it stands, the folder is whole
        draft.replace(folder.session_file)
        folder.load_session()
        folder.load_remote()
    except (ArchiveError, OSError, PRTelemetryError) as error:
        shutil.rmtree(folder.root, ignore_errors=True)
        raise MalformedError(f"{bundle} is no recording: {error}") from None


def _without_tokens(remote: Remote) -> Remote:
    return remote.model_copy(update={"api_token": None, "upload_token": None})


def _nobodys(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = 0o600
    return info


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = _nobodys(tarfile.TarInfo(name))
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))
