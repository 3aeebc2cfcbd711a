"""Patches of one file or several, compared with git where it is about git's own formats."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.rules.diffs import DiffError
from app.rules.patches import FilePatch, LostContentError, apply_patch, split_patch, undo_patch

Git = Callable[..., bytes]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """git in a new repository."""
    settings = (
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
        "-c",
        "core.autocrlf=false",
        "-c",
        "init.defaultBranch=main",
    )

    def run(*arguments: str) -> bytes:
        return subprocess.run(["git", *settings, *arguments], cwd=tmp_path, check=True, capture_output=True).stdout

    run("init", "-q")
    return run


def committed(git: Git, folder: Path, files: dict[str, bytes | None]) -> str:
    """Commit files and return the diff of it."""
    for path, content in files.items():
        if content is None:
            (folder / path).unlink()
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    git("add", "-A")
    git("commit", "-q", "--allow-empty", "-m", "x")
    return git("show", "--binary", "--format=", "-M").decode("utf-8", "surrogateescape")


def applied(files: dict[str, bytes], diff: str) -> dict[str, bytes]:
    """The files after a patch."""
    after = dict(files)
    for patch in split_patch(diff):
        content = apply_patch(files.get(patch.old_path or ""), patch)
        if patch.is_rename or patch.new_path is None:
            after.pop(patch.old_path or "")
        if content is not None and patch.new_path is not None:
            after[patch.new_path] = content
    return after


BINARY = random.Random(4).randbytes(5000)
TREES: list[tuple[dict[str, bytes], dict[str, bytes | None]]] = [
    ({"a.py": b"1\n2\n3\n"}, {"a.py": b"1\nx\n3\n", "b c.py": b"new\n"}),
    ({"a.py": b"1\r\n2\r\n"}, {"a.py": b"1\r\nzwei\r\n"}),
    ({"a.py": b"1\n2"}, {"a.py": b"1\n2\n"}),
    ({"a.py": b"x\n", "b.py": b"y\n"}, {"a.py": None, "b.py": b"z\n"}),
    ({"ü.py": b"x\n"}, {"ü.py": b"y\n", 'a"b.py': b"n\n"}),
    ({"a.bin": BINARY}, {"a.bin": BINARY[:2000] + b"changed" + BINARY[2000:], "new.bin": BINARY[::-1]}),
    ({"a.bin": BINARY}, {"a.bin": None}),
    ({"a.py": b"--- x\n+++ y\n@@ -1 +1 @@\n"}, {"a.py": b"+++ y\n@@ -1 +1 @@\n--- x\n", "z.py": b"diff --git a/x b/x\n"}),
    ({"a.py": b"caf\xe9\n1\n"}, {"a.py": b"caf\xe9\n2\n"}),
    ({"empty": b""}, {"empty": b"x\n", "other": b""}),
]


@pytest.mark.parametrize(("before", "changes"), TREES)
def test_a_diff_of_git_applies(git: Git, tmp_path: Path, before: dict[str, bytes], changes: dict[str, bytes | None]) -> None:
    committed(git, tmp_path, dict(before))

    diff = committed(git, tmp_path, changes)

    assert applied(before, diff) == {path: content for path, content in {**before, **changes}.items() if content is not None}


def test_a_renamed_file_is_followed(git: Git, tmp_path: Path) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(20))
    committed(git, tmp_path, {"old.py": lines})

    diff = committed(git, tmp_path, {"old.py": None, "new.py": lines + b"more\n"})

    (patch,) = split_patch(diff)
    assert (patch.old_path, patch.new_path, patch.is_rename) == ("old.py", "new.py", True)
    assert applied({"old.py": lines}, diff) == {"new.py": lines + b"more\n"}


def test_a_mode_is_noticed(git: Git, tmp_path: Path) -> None:
    committed(git, tmp_path, {"run.sh": b"x\n"})
    git("update-index", "--chmod=+x", "run.sh")

    (patch,) = split_patch(git("diff", "--cached").decode())

    assert patch.executable is True
    assert apply_patch(b"x\n", patch) == b"x\n"


def test_an_edit_without_a_header_is_one_part() -> None:
    (patch,) = split_patch("@@ -1 +1 @@\n-a\n+b\n")

    assert (patch.old_path, patch.new_path) == (None, None)
    assert apply_patch(b"a\n", patch) == b"b\n"


def test_plain_diffs_of_several_files_are_told_apart() -> None:
    text = "--- a/x.py\t2026-01-01\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n--- /dev/null\n+++ b/y.py\n@@ -0,0 +1 @@\n+c\n"

    assert [(part.old_path, part.new_path) for part in split_patch(text)] == [("x.py", "x.py"), (None, "y.py")]


def test_what_is_not_in_the_diff_is_lost() -> None:
    (patch,) = split_patch("diff --git a/x b/x\nindex 1..2 100644\nBinary files a/x and b/x differ\n")

    with pytest.raises(LostContentError):
        apply_patch(b"\0", patch)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_a_file_in_another_encoding_is_changed_as_its_text(encoding: str) -> None:
    before, after = "naïve\nÄrger\n".encode(encoding), "naïve\nÜbel\n".encode(encoding)

    (patch,) = split_patch("@@ -1,2 +1,2 @@\n naïve\n-Ärger\n+Übel\n")

    assert apply_patch(before, patch) == after


def test_and_only_where_every_line_is_the_same() -> None:
    (patch,) = split_patch("@@ -1,2 +1,2 @@\n naïve\n-Ärger\n+Übel\n")

    with pytest.raises(DiffError):
        apply_patch("naive\nÄrger\n".encode("latin-1"), patch)


@pytest.mark.parametrize(
    "body",
    ["literal 3\n", "literal 9999\nzzz\n", "nonsense\n", "delta 2\nJcmZ\n", "literal 5\nJcmb=J\x00\n\n", ""],
)
def test_a_damaged_binary_patch_is_a_diff_error(body: str) -> None:
    with pytest.raises(DiffError):
        apply_patch(b"x", FilePatch(f"diff --git a/x b/x\nindex 1..2\nGIT binary patch\n{body}"))


def test_a_cut_patch_is_a_diff_error() -> None:
    with pytest.raises(DiffError, match="fewer lines"):
        split_patch("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n")


def test_a_patch_is_undone() -> None:
    (patch,) = split_patch("--- a/x\n+++ b/x\n@@ -1,3 +1,2 @@ def f():\n a\n-b\n-c\n+d\n\\ No newline at end of file\n")

    assert undo_patch(b"a\nd", patch) == b"a\nb\nc\n"


def test_a_hunk_of_more_lines_than_there_can_be_is_none() -> None:
    long = "9" * 5000

    for header in (f"@@ -{long} +1 @@", f"@@ -1,{long} +1 @@", f"@@ -1 +1,{long} @@"):
        patches = split_patch(f"--- a/a.py\n+++ b/a.py\n{header}\n-a\n+b\n")
        with pytest.raises(DiffError):
            apply_patch(b"a\n", patches[0])
