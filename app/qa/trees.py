"""Trees of files, from wherever they come: archives, the operator's folders, and trees made out of trees."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, cast

from app.qa.base import Tree, TreeFile
from app.utils.archives import ArchiveError, ArchiveFile, ArchiveLimits, read_archive


class TreeError(ValueError):
    """A tree cannot be read. The message says why, in words for the person who reads the verdict."""


@dataclass(frozen=True)
class ArchiveTree:
    """The files of a tar archive. A single folder around everything is not part of the paths, unless it is a Python package."""

    open_archive: Callable[[], AbstractContextManager[BinaryIO]]
    packed_bytes: int
    limits: ArchiveLimits
    keep_folders: frozenset[str] = frozenset()
    """A single folder around everything stays part of the paths where it has one of these names."""
    known_paths: frozenset[str] = frozenset()
    """It stays, too, where the archive holds one of these paths as it is."""

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``.

        Raises:
            TreeError: the archive cannot be read.
        """
        prefix = self._prefix
        for file in self._members():
            yield TreeFile(file.path.removeprefix(prefix), file.size_bytes, file.content, file.executable)

    @cached_property
    def _prefix(self) -> str:
        tops: set[str] = set()
        for file in self._members():
            top, slash, rest = file.path.partition("/")
            tops.add(top + slash)
            if len(tops) > 1 or not slash or rest == "__init__.py" or top in self.keep_folders:
                return ""
            if file.path in self.known_paths:
                return ""
        return tops.pop() if tops else ""

    def _members(self) -> Iterator[ArchiveFile]:
        with self.open_archive() as archive:
            try:
                yield from read_archive(archive, self.packed_bytes, self.limits)
            except ArchiveError as error:
                raise TreeError(str(error)) from error


@dataclass(frozen=True)
class FolderTree:
    """The files of a folder of the operator's, links and version control left out."""

    root: Path

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        for path in sorted(self.root.rglob("*")):
            relative = path.relative_to(self.root)
            if path.is_symlink() or not path.is_file() or relative.parts[0] == ".git":
                continue
            with path.open("rb") as content:
                info = path.stat()
                yield TreeFile(relative.as_posix(), info.st_size, content, bool(info.st_mode & 0o100))


def commit_tree(repository: Path, commit: str, limits: ArchiveLimits) -> ArchiveTree:
    """The files of one commit of the operator's repository.

    Raises:
        TreeError: the repository does not have the commit.
    """
    found = _git(repository, "rev-parse", "--verify", "--end-of-options", f"{commit}^{{commit}}")
    if b"dubious ownership" in found.stderr:
        raise TreeError("git refuses the configured repository, because another user owns it (see git's safe.directory)")
    if found.returncode != 0:
        raise TreeError(f"the configured repository has no commit {commit}")
    sha = found.stdout.decode().strip()

    @contextmanager
    def open_archive() -> Iterator[BinaryIO]:
        command = ["git", "-C", str(repository), "archive", "--format=tar", "--prefix=tree/", sha]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            try:
                yield cast("BinaryIO", process.stdout)
            finally:
                process.kill()

    return ArchiveTree(open_archive, limits.max_bytes, limits)


def _git(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(["git", "-C", str(repository), *arguments], capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TreeError("git could not read the configured repository") from error


class EmptyTree:
    """No files."""

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        return iter(())


@dataclass(frozen=True)
class ChangedTree:
    """A tree with some of its files replaced, added or (``None``) taken away."""

    base: Tree
    changes: Mapping[str, bytes | None]

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        executable = dict.fromkeys(self.changes, False)
        for file in self.base.files():
            if file.path in self.changes:
                executable[file.path] = file.executable
            else:
                yield file
        for path, content in self.changes.items():
            if content is not None:
                yield TreeFile(path, len(content), io.BytesIO(content), executable[path])


@dataclass(frozen=True)
class MixedTree:
    """The files of one tree that are not chosen, and those of another that are."""

    code: Tree
    tests: Tree
    is_test: Callable[[str], bool]

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        yield from (file for file in self.code.files() if not self.is_test(file.path))
        yield from (file for file in self.tests.files() if self.is_test(file.path))


@dataclass(frozen=True)
class LaidOverTree:
    """A tree with all files of another laid over it."""

    base: Tree
    over: Tree

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        covered = {file.path for file in self.over.files()}
        yield from (file for file in self.base.files() if file.path not in covered)
        yield from self.over.files()


@dataclass(frozen=True)
class TravellingTree:
    """A tree without what must not travel: cached bytecode, version control, installed metadata, interpreter start-up hooks."""

    base: Tree

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        return (file for file in self.base.files() if travels(file.path))


def travels(path: str) -> bool:
    """Whether a file may enter a container."""
    *folders, name = path.split("/")
    if any(folder in (".git", "__pycache__") or folder.endswith((".dist-info", ".egg-info")) for folder in folders):
        return False
    return not name.endswith((".pyc", ".pyo", ".pth")) and name not in ("sitecustomize.py", "usercustomize.py")
