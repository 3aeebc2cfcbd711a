"""Saves become edits, moves of HEAD commits; each is told once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.recorder.files import MAX_HELD_BYTES
from app.rules.patches import apply_patch, split_patch
from tests.recording import a_recording, a_work_tree, capture_of, edits_of, events_of, git, write


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return a_work_tree(tmp_path / "tree", a_DOT_py="one\ntwo\n", _DOT_gitignore="*.log\n/build/\n")


def test_a_save_is_an_edit_with_both_hashes(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "one\n2\n")

    assert capture_of(recording).look() == 1

    (edit,) = edits_of(recording)
    assert edit["diff_unified"].endswith("@@ -1,2 +1,2 @@\n one\n-two\n+2\n")
    assert len({edit["buffer_hash_before"], edit["buffer_hash_after"]}) == 2
    assert edit["language"] == "python"
    assert "found" not in edit["extra"]


def test_a_save_that_changes_nothing_is_no_edit(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "one\ntwo\n")

    assert capture_of(recording).look() == 0


def test_an_editor_that_writes_beside_and_renames_makes_one_edit(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, ".a.py.swp", "vim")
    write(tree, "a.py~", "one\ntwo\n")
    write(tree, "new", "one\n2\n")
    (tree / "new").replace(tree / "a.py")

    capture_of(recording).look()

    assert [edit["file_path"] for edit in edits_of(recording)] == ["a.py"]


def test_ignored_files_and_what_tools_leave_behind_stay_out(tree: Path) -> None:
    recording = a_recording(tree)
    for path in ("x.log", "build/out.o", "__pycache__/a.pyc", ".venv/bin/python", "node_modules/p/i.js", ".DS_Store"):
        write(tree, path, "x")

    assert capture_of(recording).look() == 0


def test_a_tracked_file_is_recorded_whatever_its_name(tmp_path: Path) -> None:
    tree = a_work_tree(tmp_path / "tree", _DOT_vscode__settings_DOT_json="{}\n")
    recording = a_recording(tree)
    write(tree, ".vscode/settings.json", "{ }\n")

    assert capture_of(recording).look() == 1


def test_a_link_is_no_file(tree: Path) -> None:
    recording = a_recording(tree)
    (tree / "link").symlink_to("a.py")
    os.mkfifo(tree / "pipe")

    assert capture_of(recording).look() == 0


def test_a_file_that_becomes_a_link_is_gone(tree: Path) -> None:
    recording = a_recording(tree)
    (tree / "a.py").unlink()
    (tree / "a.py").symlink_to("b.py")

    capture_of(recording).look()

    (edit,) = edits_of(recording)
    assert "deleted file mode" in edit["diff_unified"]


def test_what_was_changed_at_the_start_is_told_as_the_first_edits(tree: Path) -> None:
    write(tree, "a.py", "one\nTWO\n")
    write(tree, "untracked.py", "x\n")

    recording = a_recording(tree)

    assert {edit["file_path"]: edit["extra"]["found"] for edit in edits_of(recording)} == {
        "a.py": "at_start",
        "untracked.py": "at_start",
    }
    assert recording.session.start_commit == git(tree, "rev-parse", "HEAD")


def test_what_nobody_watched_is_told_as_found_late(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "1\n")

    recording.look()

    assert [edit["extra"]["found"] for edit in edits_of(recording)] == ["late"]


def test_a_commit_is_told_with_its_diff(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "one\n2\n")
    git(tree, "commit", "-qam", "Write numbers")

    capture_of(recording).look()

    (edit, commit) = events_of(recording)
    assert (commit["type"], commit["message"]) == ("commit", "Write numbers")
    assert commit["sha"] == git(tree, "rev-parse", "HEAD")
    assert commit["parent_sha"] == recording.session.start_commit
    assert commit["diff"] == edit["diff_unified"]


def test_what_was_committed_and_changed_again_unseen_is_told_in_between(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "1\n")
    git(tree, "commit", "-qam", "first")
    write(tree, "a.py", "1\n2\n")

    capture_of(recording).look()

    assert [(event["type"], event["extra"].get("found")) for event in events_of(recording)] == [
        ("file_edit", "in_commit"),
        ("commit", None),
        ("file_edit", None),
    ]


def test_other_moves_of_head_are_no_commits(tree: Path) -> None:
    write(tree, "a.py", "other\n")
    git(tree, "checkout", "-qb", "other")
    git(tree, "commit", "-qam", "other")
    recording = a_recording(tree)

    git(tree, "checkout", "-q", "main")
    capture_of(recording).look()
    git(tree, "merge", "-q", "--ff-only", "other")
    capture_of(recording).look()

    assert [event["type"] for event in events_of(recording)] == ["file_edit", "file_edit"]


def test_commits_are_seen_where_git_keeps_no_log_of_head(tree: Path) -> None:
    git(tree, "config", "core.logAllRefUpdates", "false")
    (tree / ".git" / "logs" / "HEAD").unlink()
    recording = a_recording(tree)
    write(tree, "a.py", "1\n")
    git(tree, "commit", "-qam", "first")

    capture_of(recording).look()
    capture_of(recording).look()

    assert [event["type"] for event in events_of(recording)] == ["file_edit", "commit"]


def test_an_amended_commit_is_told_again(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "a.py", "1\n")
    git(tree, "commit", "-qam", "first")
    git(tree, "commit", "-q", "--amend", "-m", "first, better said")

    capture_of(recording).look()

    assert [event["message"] for event in events_of(recording) if event["type"] == "commit"] == ["first", "first, better said"]


def test_secrets_stay_in_the_tree(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "settings.py", "url = 'postgres://me:hx82kdm3@db/x'\n")
    capture_of(recording).look()
    write(tree, "settings.py", "url = 'postgres://me:hx82kdm3@db/y'\n")
    capture_of(recording).look()

    assert b"hx82kdm3" not in b"".join(path.read_bytes() for path in recording.folder.path.rglob("*") if path.is_file())
    content: bytes | None = None
    for edit in edits_of(recording):
        assert edit["extra"]["redacted"] == ["diff"]
        (patch,) = split_patch(edit["diff_unified"])
        content = apply_patch(content, patch)
    assert content == b"url = 'postgres://me:[REDACTED:url_password]@db/y'\n"


def test_a_file_too_large_to_be_held_is_told_by_its_hash(tree: Path) -> None:
    recording = a_recording(tree)
    with (tree / "large.bin").open("wb") as file:
        file.truncate(MAX_HELD_BYTES + 1)
    capture_of(recording).look()

    (edit,) = edits_of(recording)
    assert edit["extra"]["cut"] == ["diff"]
    assert edit["diff_unified"].endswith("Binary files /dev/null and b/large.bin differ\n")


def test_a_name_that_no_trace_can_hold_is_left_out(tree: Path) -> None:
    recording = a_recording(tree)
    write(tree, "back\\slash.py", "x")
    write(tree, "line\nbreak.py", "x")

    assert capture_of(recording).look() == 0


def test_a_recorder_that_was_killed_between_its_files_tells_nothing_twice(tree: Path) -> None:
    recording = a_recording(tree)
    before = recording.folder.tree.read_bytes()
    write(tree, "a.py", "1\n")
    write(tree, "b.py", "new\n")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "both")
    capture_of(recording).look()
    told = events_of(recording)
    recording.folder.tree.write_bytes(before)

    assert capture_of(recording).look() == 0
    assert events_of(recording) == told


def test_git_does_not_see_the_recording(tree: Path) -> None:
    a_recording(tree)

    assert git(tree, "status", "--porcelain") == ""


def test_a_linked_work_tree_is_recorded_like_any_other(tree: Path, tmp_path: Path) -> None:
    git(tree, "worktree", "add", "-q", str(tmp_path / "linked"))
    recording = a_recording(tmp_path / "linked")
    write(tmp_path / "linked", "a.py", "1\n")
    git(tmp_path / "linked", "commit", "-qam", "there")

    capture_of(recording).look()

    assert [event["type"] for event in events_of(recording)] == ["file_edit", "commit"]
    assert git(tmp_path / "linked", "status", "--porcelain") == ""


def test_before_the_first_commit_the_tree_is_what_it_is(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "-q")
    write(tree, "a.py", "one\n")
    recording = a_recording(tree)
    write(tree, "a.py", "1\n")

    capture_of(recording).look()

    assert recording.session.start_commit is None
    assert len(edits_of(recording)) == 1
