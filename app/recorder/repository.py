"""What is asked of git. Nothing is ever changed in the repository but its list of ignored files, ``info/exclude``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from app.errors import InvalidError, UnavailableError

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_REGULAR = ("100644", "100755", "100664")
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")
_CREATING = ("commit", "cherry-pick", "revert", "am:")
_MOST_COMMITS = 200
_MOST_ASKED = 500


@dataclass(frozen=True)
class ChangedFile:
    """A file of a commit, by what it was in the parent and what it is now. ``None``: not there, or no regular file."""

    path: str
    before: str | None
    after: str | None
    """git's modes, such as ``100755``."""


@dataclass(frozen=True)
class MadeCommit:
    """A commit as git tells it."""

    sha: str
    parent: str | None
    message: str


@dataclass(frozen=True)
class Repository:
    """A git work tree."""

    root: Path

    @cached_property
    def reflog(self) -> Path:
        """Where git notes how HEAD moved."""
        return self.root / os.fsdecode(self._ask("rev-parse", "--git-path", "logs/HEAD")).rstrip("\n")

    def head(self) -> str | None:
        """The commit that is checked out; ``None`` before the first one."""
        found = self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        return found.stdout.decode().strip() if found.returncode == 0 else None

    def branch(self) -> str | None:
        """The branch that is checked out; ``None`` where a commit is checked out by itself."""
        found = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        return found.stdout.decode("utf-8", "replace").strip() or None if found.returncode == 0 else None

    def origin(self) -> str | None:
        """The address of the repository that this one was cloned from."""
        found = self._run("remote", "get-url", "origin")
        return found.stdout.decode("utf-8", "replace").strip() or None if found.returncode == 0 else None

    def exclude(self, pattern: str) -> None:
        """Have git leave a path of the work tree alone, here and nowhere else."""
        path = self.root / os.fsdecode(self._ask("rev-parse", "--git-path", "info/exclude")).rstrip("\n")
        known = path.read_text("utf-8", "surrogateescape") if path.exists() else ""
        if pattern in known.splitlines():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{'' if known.endswith(chr(10)) or not known else chr(10)}{pattern}\n")

    def files(self) -> Iterator[tuple[str, bool]]:
        """The names of all files that are not ignored, and whether git tracks them."""
        listed = self._ask("ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
        for entry in listed.split(b"\0"):
            if entry:
                yield os.fsdecode(entry[2:]), entry[:1] != b"?"

    def heeds(self, paths: Collection[str]) -> bool:
        """Whether one of these places, given absolutely, is a file that is not ignored, or may be."""
        if len(paths) > _MOST_ASKED:
            return True
        asked = b"\0".join(os.fsencode(path) for path in paths)
        found = _git(self.root, "check-ignore", "-z", "--stdin", given=asked)
        ignored = {name for name in found.stdout.split(b"\0") if name}
        return found.returncode not in (0, 1) or len(ignored) < len(paths)

    def committed(self, commit: str) -> Iterator[tuple[str, str]]:
        """The regular files of a commit with their modes."""
        for entry in self._ask("ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0"):
            mode, _, rest = entry.partition(b" ")
            if mode.decode() in _REGULAR:
                yield os.fsdecode(rest.partition(b"\t")[2]), mode.decode()

    def differing(self, commit: str) -> set[str]:
        """The files of a commit that the work tree holds otherwise, or not at all."""
        listed = self._ask("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules", commit)
        return {os.fsdecode(name) for name in listed.split(b"\0") if name}

    def content(self, commit: str, path: str) -> bytes:
        """A file of a commit as a checkout would write it."""
        return self._ask("cat-file", "--filters", f"{commit}:{path}")

    def changed(self, parent: str | None, commit: str) -> list[ChangedFile]:
        """What a commit changed in regular files."""
        listed = self._ask("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-commit-id", parent or EMPTY_TREE, commit)
        fields = listed.split(b"\0")
        found: list[ChangedFile] = []
        for said, name in zip(fields[::2], fields[1::2], strict=False):
            before, after = (_regular(mode) for mode in said.decode().lstrip(":").split()[:2])
            if before or after:
                found.append(ChangedFile(os.fsdecode(name), before, after))
        return found

    def moves(self) -> list[tuple[str, str]]:
        """How HEAD moved, oldest first: the commit that it came to, and by what."""
        try:
            lines = self.reflog.read_bytes().splitlines()
        except OSError:
            return []
        found: list[tuple[str, str]] = []
        for line in lines:
            said, _, action = line.partition(b"\t")
            words = said.split()
            found.append((words[1].decode() if len(words) > 1 else "", action.decode("utf-8", "replace")))
        return found

    def between(self, old: str | None, new: str) -> list[str]:
        """The commits that lead from one to the other, oldest first."""
        found = self._run("rev-list", "--reverse", f"--max-count={_MOST_COMMITS}", new, *([f"^{old}"] if old else []))
        return found.stdout.decode().split() if found.returncode == 0 else []

    def commit(self, sha: str) -> MadeCommit | None:
        """A commit; ``None`` where git has it no more."""
        found = self._run("show", "-s", "--no-show-signature", "--encoding=UTF-8", "--format=%P%n%B", sha)
        if found.returncode != 0:
            return None
        parents, _, message = found.stdout.decode("utf-8", "replace").partition("\n")
        return MadeCommit(sha, parents.split(" ")[0] or None, message.strip())

    def version(self) -> str:
        """git's own name and version."""
        return self._ask("version").decode().strip()

    def _ask(self, *arguments: str) -> bytes:
        done = self._run(*arguments)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise UnavailableError(f"git {arguments[0]} failed: {said}")
        return done.stdout

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        return _git(self.root, *arguments)


def makes_commit(action: str) -> bool:
    """Whether a move of HEAD came with a new commit."""
    return action.startswith(_CREATING)


def find_repository(start: Path) -> Repository:
    """The work tree that a folder is in.

    Raises:
        InvalidError: it is in none.
        UnavailableError: git is not there.
    """
    done = _git(start, "rev-parse", "--show-toplevel")
    if done.returncode != 0 or not done.stdout.strip():
        raise InvalidError(f"{start} is in no git work tree; 'git init' makes one")
    return Repository(Path(os.fsdecode(done.stdout).rstrip("\n")))


def _git(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    # git may otherwise rewrite the index while its owner is at work with it
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    command = ["git", "-c", "core.quotePath=false", "-c", "core.fsmonitor=false", *arguments]
    try:
        return subprocess.run(command, cwd=folder, env=environment, input=given, capture_output=True, check=False)
    except OSError as error:
        raise UnavailableError(f"git cannot be run: {error}") from None


def _regular(mode: str) -> str | None:
    return mode if mode in _REGULAR else None
