"""Which files of a work tree are recorded, and what of them: regular files that git does not ignore, without their secrets."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.recorder.diffs import FileContent
from app.recorder.privacy import Privacy
from app.recorder.repository import Repository
from app.recorder.state import FOLDER_NAME
from app.utils.paths import normalise_path

MAX_HELD_BYTES = 16 * 1024 * 1024
"""Of a larger file the hash is recorded, and not how it changed."""
LEFT_BY_TOOLS = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".venv",
                           "node_modules", ".idea", ".vscode"})  # fmt: skip
"""Folders that are left out wherever git does not track what is in them."""
LEFT_BY_EDITORS = ("*~", "*.sw?", ".#*", "#*#", "4913", "*___jb_tmp___", "*___jb_old___", ".DS_Store", "*.kate-swp")
"""Names that editors use for a moment; left out where git does not track them."""
_FRESH_S = 2.0
"""A file that changed so shortly before it was read may change again without its times saying so."""
_BLOCK_BYTES = 1024 * 1024

Stamp = tuple[int, int, int, int, int]
"""Time of change, size, inode, mode and time of the inode's change: as long as they are the same, so is the file."""


@dataclass(frozen=True)
class SeenFile:
    """A file as it was seen last."""

    sha256: str
    """Of what is recorded of it, which is its bytes where they hold no secret."""
    executable: bool
    is_held: bool
    """Whether its content is kept."""
    holds_secrets: bool = False
    stamp: Stamp | None = None
    """``None``: it has to be read to know whether it is still the same."""

    def same_file(self, other: SeenFile | None) -> bool:
        """Whether the other holds the same."""
        return other is not None and (self.sha256, self.executable) == (other.sha256, other.executable)


@dataclass(frozen=True)
class Contents:
    """Keeps contents by their hash."""

    folder: Path

    def keep(self, content: bytes) -> str:
        """Have a content found by its hash from now on."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{sha256}.{os.getpid()}")
            draft.write_bytes(content)
            draft.replace(path)
        return sha256

    def find(self, sha256: str) -> bytes | None:
        """The content; ``None`` where it is lost: it is not fsynced, and a power cut may have come before the disk had it."""
        try:
            content = self._path(sha256).read_bytes()
        except FileNotFoundError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def _path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256


@dataclass(frozen=True)
class WorkTree:
    """The files of a work tree that are recorded."""

    repository: Repository
    privacy: Privacy
    contents: Contents

    def paths(self) -> Iterator[str]:
        """Their names, as git lists them."""
        for path, is_tracked in self.repository.files():
            if is_recorded(path, is_tracked=is_tracked):
                yield path

    def look(self, known: dict[str, SeenFile]) -> dict[str, SeenFile]:
        """What the files hold now. Those whose stamp is the same are not read again."""
        found: dict[str, SeenFile] = {}
        for path in self.paths():
            seen = self.look_at(path, known.get(path))
            if seen is not None:
                found[path] = seen
        return found

    def look_at(self, path: str, known: SeenFile | None = None) -> SeenFile | None:
        """What a file holds now; ``None`` where it is not there, or no regular file."""
        file = self.repository.root / path
        try:
            before = os.lstat(file)
            if not stat.S_ISREG(before.st_mode):
                return None
            if known is not None and known.stamp == _stamp(before):
                return known
            return self._read(file, before)
        except OSError:
            return None

    def keep(self, content: bytes, *, executable: bool, stamp: Stamp | None = None) -> SeenFile:
        """A content as it is recorded."""
        view = self.privacy.view(content)
        return SeenFile(self.contents.keep(view), executable, is_held=True, holds_secrets=view is not content, stamp=stamp)

    def content(self, seen: SeenFile | None) -> FileContent | None:
        """What is recorded of a file."""
        if seen is None:
            return None
        return FileContent(self.contents.find(seen.sha256) if seen.is_held else None, seen.executable)

    def _read(self, file: Path, before: os.stat_result) -> SeenFile:
        is_fresh = time.time() - max(before.st_mtime, before.st_ctime) < _FRESH_S
        stamp = None if is_fresh else _stamp(before)
        executable = bool(before.st_mode & 0o100)
        if before.st_size > MAX_HELD_BYTES:
            return SeenFile(_hash_of(file), executable, is_held=False, stamp=stamp)
        content = file.read_bytes()
        # a file that is being written is looked at again
        stamp = stamp if len(content) == before.st_size else None
        return self.keep(content, executable=executable, stamp=stamp)


def is_recorded(path: str, *, is_tracked: bool) -> bool:
    """Whether a file of this name is recorded, as far as its name says."""
    parts = path.split("/")
    if parts[0] == FOLDER_NAME or not is_nameable(path):
        return False
    if is_tracked:
        return True
    if LEFT_BY_TOOLS.intersection(parts[:-1]):
        return False
    return not any(fnmatch.fnmatchcase(parts[-1], pattern) for pattern in LEFT_BY_EDITORS)


def is_nameable(path: str) -> bool:
    """Whether a trace can speak of a file of this name."""
    try:
        path.encode()
        return normalise_path(path) == path
    except ValueError:
        return False


def _stamp(found: os.stat_result) -> Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode, found.st_ctime_ns


def _hash_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
