"""Trees made out of archives, folders and other trees."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pytest

from app.qa.base import Tree, TreeFile
from app.qa.trees import (
    ArchiveTree,
    ChangedTree,
    FolderTree,
    LaidOverTree,
    MixedTree,
    TravellingTree,
    TreeError,
    commit_tree,
)
from app.rules.testfiles import is_test_file
from app.utils.archives import ArchiveLimits
from tests.builders import a_tar


@dataclass(frozen=True)
class MemoryTree:
    contents: Mapping[str, str]

    def files(self) -> Iterator[TreeFile]:
        for path, content in self.contents.items():
            yield TreeFile(path, len(content), io.BytesIO(content.encode()))


def contents(tree: Tree) -> dict[str, str]:
    return {file.path: file.content.read().decode() for file in tree.files()}


def archive(packed: bytes, **options: frozenset[str]) -> ArchiveTree:
    @contextmanager
    def open_archive() -> Iterator[BinaryIO]:
        yield io.BytesIO(packed)

    return ArchiveTree(open_archive, len(packed), ArchiveLimits(), **options)


@pytest.mark.parametrize(
    ("files", "paths"),
    [
        ({"repo-1.0/a.py": "", "repo-1.0/b/c.py": ""}, {"a.py", "b/c.py"}),
        ({"a.py": "", "b/c.py": ""}, {"a.py", "b/c.py"}),
        ({"a/x.py": "", "b/x.py": ""}, {"a/x.py", "b/x.py"}),
        ({"pkg/__init__.py": "", "pkg/a.py": ""}, {"pkg/__init__.py", "pkg/a.py"}),
        ({"a.py": ""}, {"a.py"}),
    ],
)
def test_a_single_folder_around_everything_is_no_part_of_the_paths(files: dict[str, str], paths: set[str]) -> None:
    tree = archive(a_tar(files))

    assert set(contents(tree)) == paths
    assert set(contents(tree)) == paths  # as often as wanted


def test_a_folder_that_is_wanted_stays() -> None:
    tree = archive(a_tar({"tests/test_a.py": ""}), keep_folders=frozenset({"tests"}))

    assert set(contents(tree)) == {"tests/test_a.py"}


@pytest.mark.parametrize(
    ("files", "edited", "paths"),
    [
        (["src/m.py", "src/test_m.py"], "src/m.py", {"src/m.py", "src/test_m.py"}),
        (["till/till/m.py", "till/tests/test_m.py"], "till/m.py", {"till/m.py", "tests/test_m.py"}),
    ],
)
def test_a_folder_that_edits_speak_of_is_no_wrapper(files: list[str], edited: str, paths: set[str]) -> None:
    tree = archive(a_tar(dict.fromkeys(files, "")), known_paths=frozenset({edited}))

    assert set(contents(tree)) == paths


def test_a_broken_archive_is_a_tree_error() -> None:
    with pytest.raises(TreeError, match="not a readable tar"):
        contents(archive(b"nonsense"))


def test_changes_replace_add_and_take_away() -> None:
    base = MemoryTree({"a": "1", "b": "2", "c": "3"})

    assert contents(ChangedTree(base, {"a": b"new", "b": None, "d": b"4"})) == {"c": "3", "a": "new", "d": "4"}


def test_an_executable_file_stays_executable_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    (tmp_path / "run").chmod(0o755)

    changed = ChangedTree(FolderTree(tmp_path), {"run": b"y", "new": b"z"})

    assert {file.path: file.executable for file in changed.files()} == {"run": True, "new": False}


def test_code_and_tests_come_from_different_trees() -> None:
    before = MemoryTree({"a.py": "old", "tests/test_a.py": "old", "tests/gone.py": "old"})
    after = MemoryTree({"a.py": "new", "tests/test_a.py": "new"})

    assert contents(MixedTree(before, after, is_test_file)) == {"a.py": "old", "tests/test_a.py": "new"}


def test_what_is_laid_over_wins() -> None:
    assert contents(LaidOverTree(MemoryTree({"a": "1", "b": "2"}), MemoryTree({"b": "3", "c": "4"}))) == {
        "a": "1",
        "b": "3",
        "c": "4",
    }


def test_what_must_not_travel_stays_behind() -> None:
    paths = [
        "a.py",
        ".git/config",
        "x/__pycache__/a.pyc",
        "a.pth",
        "sitecustomize.py",
        "p.egg-info/x",
        "p.dist-info/y",
        ".github/ci.yml",
    ]

    assert set(contents(TravellingTree(MemoryTree(dict.fromkeys(paths, ""))))) == {"a.py", ".github/ci.yml"}


def test_links_in_a_configured_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    repository = tmp_path / "repo"
    (repository / "src").mkdir(parents=True)
    (repository / "src" / "a.py").write_text("x")
    (repository / "link").symlink_to(tmp_path / "secret")
    (repository / "folder").symlink_to(tmp_path)

    assert contents(FolderTree(repository)) == {"src/a.py": "x"}


def test_a_commit_of_a_configured_repository(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@t", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@t"}
        done = subprocess.run(
            ["git", *arguments], cwd=tmp_path, env={**os.environ, **identity}, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    git("init", "-q")
    (tmp_path / "a.py").write_text("committed")
    git("add", "a.py")
    git("commit", "-qm", "one")
    sha = git("rev-parse", "HEAD")
    (tmp_path / "a.py").write_text("changed since")

    assert contents(commit_tree(tmp_path, sha[:10], ArchiveLimits())) == {"a.py": "committed"}
    for unknown in ("0" * 40, "--output=/tmp/x", "HEAD:a.py"):
        with pytest.raises(TreeError, match="no commit"):
            commit_tree(tmp_path, unknown, ArchiveLimits())
