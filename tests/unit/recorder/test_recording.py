"""A recording from its beginning to its end."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from app.errors import InvalidError
from app.models.recording import StructuredNote
from app.recorder.recording import (
    AlreadyRecordingError,
    NoNotesError,
    Recording,
    StoppedError,
    find_active,
    find_recording,
    open_recording,
)
from app.recorder.state import NoRecordingError, Session, StateFolder, locked
from tests.recording import NOTHING, a_recording, a_work_tree, events_of, git, write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return a_work_tree(tmp_path / "tree", a_DOT_py="one\n", settings_DOT_py="url = 'postgres://me:hx82kdm3@db/x'\n")


def members(recording: Recording, name: str) -> dict[str, tuple[bytes, int]]:
    with tarfile.open(fileobj=io.BytesIO(recording.folder.artifact(name).read_bytes())) as tar:
        return {info.name: (tar.extractfile(info).read(), info.mode) for info in tar}  # type: ignore[union-attr]


def test_the_first_archive_is_the_commit_and_the_last_one_the_tree_both_without_secrets(tree: Path) -> None:
    write(tree, "a.py", "changed before\n")
    recording = a_recording(tree)
    write(tree, "a.py", "changed\n")
    (tree / "a.py").chmod(0o755)
    recording.stop()

    clean = b"url = 'postgres://me:[REDACTED:url_password]@db/x'\n"
    assert members(recording, "workspace") == {"a.py": (b"one\n", 0o644), "settings.py": (clean, 0o644)}
    assert members(recording, "final_workspace") == {"a.py": (b"changed\n", 0o755), "settings.py": (clean, 0o644)}


def test_the_same_tree_gives_the_same_archive(tree: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(tree), "clone")

    archives = [a_recording(place).folder.artifact("workspace").read_bytes() for place in (tree, tmp_path / "clone")]

    assert archives[0] == archives[1]


def test_a_work_tree_has_one_recording_at_a_time(tree: Path) -> None:
    a_recording(tree)

    with pytest.raises(AlreadyRecordingError):
        a_recording(tree)


def test_outside_of_a_work_tree_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="no git work tree"):
        a_recording(tmp_path)


def test_a_recording_is_found_from_any_folder_of_its_tree(tree: Path, tmp_path: Path) -> None:
    recording = a_recording(tree)
    (tree / "deep" / "er").mkdir(parents=True)

    assert find_active(tree / "deep" / "er").session == recording.session
    with pytest.raises(NoRecordingError):
        find_recording(tmp_path)


def test_a_command_that_could_not_be_run_is_refused_at_the_start(tree: Path) -> None:
    with pytest.raises(InvalidError, match="dangerous patterns"):
        a_recording(tree, test_command="pytest; rm -rf /")

    with pytest.raises(NoRecordingError):
        find_recording(tree)


def test_what_was_said_of_the_task_loses_its_secrets(tree: Path) -> None:
    git(tree, "remote", "add", "origin", "https://me:hx82kdm3@example.org/larder.git")

    recording = a_recording(tree, task_description="Log in with password='hx82kdm3'", task_title="Key ghp_" + "a1B2" * 9)

    text = recording.folder.session_file.read_text()
    assert "hx82kdm3" not in text
    assert "a1B2a1B2" not in text
    assert recording.session.repo_origin == "https://me:[REDACTED:url_password]@example.org/larder.git"


def test_notes_have_parts(tree: Path) -> None:
    recording = a_recording(tree)
    recording.note(StructuredNote(hypothesis="It is the queue."), "Only renewed keys fail.")

    (event,) = events_of(recording)
    assert event["structured"] == {"hypothesis": "It is the queue."}
    assert event["freeform"] == "Only renewed keys fail."
    with pytest.raises(InvalidError):
        recording.note(StructuredNote(), "  ")


def test_without_consent_no_thought_is_written(tree: Path) -> None:
    recording = a_recording(tree, consent=NOTHING)

    with pytest.raises(NoNotesError):
        recording.note(StructuredNote(plan="x"), None)

    assert events_of(recording) == []
    assert not recording.folder.artifact("workspace").exists()


def test_after_the_stop_nothing_changes_any_more(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "before\n")
    recording.stop()
    told, archive = events_of(recording), recording.folder.artifact("final_workspace").read_bytes()
    write(tree, "a.py", "after\n")

    recording.stop()

    assert events_of(recording) == told
    assert recording.folder.artifact("final_workspace").read_bytes() == archive
    assert not recording.folder.hook.exists()
    with pytest.raises(StoppedError):
        find_active(tree)


class FolderOfAWatched(StateFolder):
    """A watcher sends whatever there is as soon as the session is stopped."""

    def save_session(self, session: Session) -> None:
        assert session.stopped_at is None or self.artifact("final_workspace").exists()
        super().save_session(session)


def test_when_the_session_is_stopped_its_final_tree_is_there(tree: Path) -> None:
    recording = open_recording(FolderOfAWatched(a_recording(tree).folder.path))
    write(tree, "a.py", "changed\n")
    recording.folder.artifact("final_workspace").write_bytes(b"of a stop that was killed")

    recording.stop()

    assert recording.folder.load_session().stopped_at is not None
    assert members(recording, "final_workspace")["a.py"][0] == b"changed\n"


def test_a_stop_that_was_killed_before_it_packed_the_tree_packs_what_was_told(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "told\n")
    recording.stop()
    recording.folder.artifact("final_workspace").unlink()
    write(tree, "a.py", "too late\n")

    recording.stop()

    assert members(recording, "final_workspace")["a.py"][0] == b"told\n"


def test_a_dropped_recording_leaves_nothing(tree: Path) -> None:
    recording = a_recording(tree)

    recording.drop()

    assert not recording.folder.path.exists()
    assert git(tree, "status", "--porcelain") == ""
    a_recording(tree)


def test_a_beginning_that_was_killed_is_no_recording(tree: Path) -> None:
    recording = a_recording(tree)
    recording.folder.session_file.unlink()

    assert a_recording(tree).session.session_id != recording.session.session_id


def test_another_process_may_hold_a_lock(tree: Path) -> None:
    recording = a_recording(tree)

    assert not recording.is_watched
    with locked(recording.folder.lock("watcher")):
        assert recording.is_watched


def test_the_plugin_finds_the_program_to_call(tree: Path) -> None:
    recording = a_recording(tree)

    said = json.loads(recording.folder.hook.read_text())
    assert Path(said["python"]).exists()
    assert (Path(said["package"]) / "app" / "recorder").is_dir()
