"""Whatever is done to a work tree, and whenever somebody looks: the recorded diffs, applied in order, give the tree."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.models.recording import RecordedEvent
from app.models.replay import Claim
from app.models.trace import Repo
from app.qa.replay import Replayer, ReplayTask
from app.qa.run_cache import NoRunCache
from app.qa.workspaces import Workspaces
from app.recorder.diffs import FileContent, render_diff
from app.recorder.recording import Recording, open_recording
from app.rules.patches import apply_patch, split_patch
from app.rules.recording import as_event
from tests.builders import NOON, a_trace
from tests.fakes import ScriptedSandbox
from tests.recording import a_recording, a_work_tree, capture_of, edits_of, events_of, git, write
from tests.replaying import MemoryTree, ScriptedSuites

Files = dict[str, tuple[bytes, bool]]
RECORDED: TypeAdapter[Any] = TypeAdapter(RecordedEvent)
PATHS = st.sampled_from(["a.py", "d/b.txt", "d", "with blank.md", "ü.txt", 'q"uote', "new/deep/c"])
LINES = st.lists(
    st.sampled_from(["one\n", "two\n", "\n", "three\r\n", "-- x\n", "++ y\n", "@@ -1 +1 @@\n", "ü\n"]), max_size=12
)
SECRET = b"url = 'postgres://u:hx82kdm3@host/db'\n"
CONTENTS = st.one_of(
    LINES.map(lambda lines: "".join(lines).encode()),
    LINES.map(lambda lines: "".join(lines).rstrip("\r\n").encode()),
    LINES.map(lambda lines: SECRET + "".join(lines).encode()),
    st.binary(max_size=80),
    st.sampled_from([b"", b"\0", "straße\n".encode("latin-1"), b"a\rb\r"]),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PATHS, CONTENTS),
        st.tuples(st.just("delete"), PATHS),
        st.tuples(st.just("chmod"), PATHS),
        st.tuples(st.just("commit")),
        st.tuples(st.just("look")),
        st.tuples(st.just("die")),
    ),
    max_size=14,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(STEPS)
def test_the_diffs_of_a_session_replay_to_its_tree(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    folder = tmp_path_factory.mktemp("session")
    tree = a_work_tree(folder / "tree", a_DOT_py="one\ntwo\n", d__b_DOT_txt=SECRET + b"b\n", bin="\0\1")
    recording = a_recording(tree)
    base = files_of(tree, recording)

    for step in steps:
        carry_out(tree, recording, step)
    capture_of(recording).look()

    end = files_of(tree, recording)
    assert replayed(base, recording) == end
    assert applied_by_git(folder / "copy", base, recording) == end
    doubted = [claim for claim in claims_of(recording, base, end) if claim.status != "confirmed"]
    assert [claim.reason for claim in doubted if not claim.reason.startswith("it holds no diff")] == []
    assert capture_of(recording).look() == 0
    assert [event["seq"] for event in events_of(recording)] == list(range(1, len(events_of(recording)) + 1))


@given(st.one_of(st.none(), CONTENTS), st.one_of(st.none(), CONTENTS), st.booleans())
def test_a_diff_applies_without_fuzz(before: bytes | None, after: bytes | None, executable: bool) -> None:
    versions = [None if content is None else FileContent(content, executable) for content in (before, after)]
    if before != after:
        (patch,) = split_patch(render_diff("some file.py", *versions))

        assert apply_patch(before, patch) == after


def carry_out(tree: Path, recording: Recording, step: tuple[Any, ...]) -> None:
    match step:
        case ("write", path, content):
            make_room(tree, path)
            write(tree, path, content)
        case ("delete", path):
            remove(tree / path)
        case ("chmod", path) if (tree / path).is_file():
            (tree / path).chmod((tree / path).stat().st_mode ^ stat.S_IXUSR)
        case ("commit",):
            git(tree, "add", "-A")
            git(tree, "commit", "-qm", "more", "--allow-empty")
        case ("look",):
            capture_of(recording).look()
        case ("die",):
            # killed between the outbox and its own notes: the tree that it knew is the one from the look before
            known = recording.folder.tree.read_bytes()
            capture_of(open_recording(recording.folder)).look()
            recording.folder.tree.write_bytes(known)
        case _:
            pass


def make_room(tree: Path, path: str) -> None:
    for parent in Path(path).parents:
        if (tree / parent).is_file():
            (tree / parent).unlink()
    if (tree / path).is_dir():
        shutil.rmtree(tree / path)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    elif path.is_file():
        path.unlink()


def files_of(tree: Path, recording: Recording) -> Files:
    """The tree as it may be written down."""
    found: Files = {}
    for path in sorted(tree.rglob("*")):
        name = path.relative_to(tree).as_posix()
        if path.is_file() and not name.startswith((".git/", ".pr-telemetry/")):
            found[name] = recording.privacy.view(path.read_bytes()), bool(path.stat().st_mode & stat.S_IXUSR)
    return found


def replayed(base: Files, recording: Recording) -> Files:
    """The tree that the rules of a replay come to, each hash compared on the way."""
    files = dict(base)
    for edit in edits_of(recording):
        path = edit["file_path"]
        (patch,) = split_patch(edit["diff_unified"])
        before, was_executable = files.get(path, (None, False))
        after = apply_patch(before, patch)
        assert edit.get("buffer_hash_before") == (hashlib.sha256(before).hexdigest() if before is not None else None)
        assert edit.get("buffer_hash_after") == (hashlib.sha256(after).hexdigest() if after is not None else None)
        if after is None:
            del files[path]
        else:
            files[path] = after, was_executable if patch.executable is None else patch.executable
    return files


def claims_of(recording: Recording, base: Files, end: Files) -> tuple[Claim, ...]:
    """What the server's replay says of edits, commits and the end."""
    started = datetime(2026, 3, 2, tzinfo=UTC)
    session = [as_event(RECORDED.validate_json(json.dumps(event)), {}, {}, started) for event in events_of(recording)]
    repo = Repo(commit_before=recording.session.start_commit)
    trace = a_trace(events=tuple(event.model_copy(update={"seq": seq}) for seq, event in enumerate(session, 1)), repo=repo)
    trees = [MemoryTree({path: content for path, (content, _) in files.items()}, executables(files)) for files in (base, end)]
    replayer = Replayer(ScriptedSandbox(), ScriptedSuites(), NoRunCache(), lambda: NOON, 100)
    return replayer.replay(ReplayTask(trace, Workspaces(base=trees[0], final=trees[1]))).claims


def executables(files: Files) -> frozenset[str]:
    return frozenset(path for path, (_, executable) in files.items() if executable)


def applied_by_git(copy: Path, base: Files, recording: Recording) -> Files:
    copy.mkdir()
    for path, (content, executable) in base.items():
        write(copy, path, content)
        (copy / path).chmod(0o755 if executable else 0o644)
    for edit in edits_of(recording):
        applied = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "--unidiff-zero", "-"],
            cwd=copy, input=edit["diff_unified"].encode(), capture_output=True, check=False,
            env={"GIT_CEILING_DIRECTORIES": str(copy.parent), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        )  # fmt: skip
        assert applied.returncode == 0, f"{applied.stderr.decode()}\n{edit['diff_unified']}"
    return files_of(copy, recording)
