"""The files of the container: laid out for a run, and brought back afterwards to what they were. Standard library only."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator

from app.qa.guest.protocol import DATA, END, FILE, WHY_DIRTY, WHY_FULL, WHY_TREE, Link, RefusedError

SCRATCH = ("/tmp", "/dev/shm", "/dev/mqueue")  # noqa: S108 - in the container
_READ_BYTES = 1 << 18
_TIME_NS = 1_577_836_800_000_000_000
"""When every file was last changed, by what it says itself: the beginning of 2020."""
_IPC_KINDS = (("shm", "shmctl", 2), ("msg", "msgctl", 2), ("sem", "semctl", 3))
_IPC_RMID = 0


class Manifest:
    """What a tree holds: a hash and a mode for each path."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, bool]] = {}

    def note(self, path: str, digest: bytes, executable: bool) -> None:
        """A file was written."""
        self._files[path] = (digest, executable)

    def get(self, path: str) -> tuple[bytes, bool] | None:
        """Hash and mode of a file, where it is in the tree."""
        return self._files.get(path)

    def paths(self) -> Iterator[str]:
        """Every file."""
        return iter(self._files)


def lay_out(link: Link, root: str, manifest: Manifest | None = None) -> None:
    """Write the files that come over the link below ``root``; the protocol knows regular files only.

    Raises:
        RefusedError: a name leaves the root, comes twice or is both file and folder; or there is no room.
    """
    while True:
        tag, payload = link.receive(FILE, END)
        if tag == END:
            return
        entry = json.loads(payload)
        path, executable = entry["path"], bool(entry["executable"])
        try:
            digest = _write_file(link, root, path, entry["size"], executable)
        except OSError as error:
            raise _refusal_of_layout(error, path) from error
        except UnicodeError as error:
            raise RefusedError(WHY_TREE, f"{path!r} is not text") from error
        if manifest is not None:
            manifest.note(path, digest, executable)


def skip_files(link: Link) -> None:
    """Read on to the end of the files, so that the server, which is still writing, comes to listen."""
    while link.receive(FILE, DATA, END)[0] != END:
        pass


def remove_files(root: str, paths: list[str]) -> None:
    """Take files away, those that are there.

    Raises:
        RefusedError: a name leaves the root, or names no file.
    """
    for path in paths:
        try:
            os.unlink(os.path.join(root, *_parts(path)))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RefusedError(WHY_TREE, f"{path!r}: {error.strerror}") from error


def wipe(root: str, home: str | None) -> None:
    """Leave nothing of an earlier run: work folder, home, scratch folders and what System V keeps between processes.

    Raises:
        RefusedError: something cannot be removed.
    """
    try:
        _empty(root)
        _set_back(root)
        wipe_scratch(home)
    except (OSError, RecursionError) as error:
        raise RefusedError(WHY_DIRTY, str(error)) from error


def wipe_scratch(home: str | None) -> None:
    """As ``wipe``, but for the work folder.

    Raises:
        OSError: something cannot be removed.
    """
    for folder in (*SCRATCH, home):
        if folder is not None and os.path.isdir(folder):
            _empty(folder)
    if home is not None and os.path.isdir(home):
        _set_back(home)
    _drop_ipc()


def restore(root: str, manifest: Manifest) -> list[str]:
    """Take away whatever is not as the manifest has it. Returns the paths that are missing now.

    Raises:
        RefusedError: something cannot be read or removed.
    """
    try:
        intact = set(_intact(root, "", manifest))
        _set_back(root)
    except (OSError, RecursionError) as error:
        raise RefusedError(WHY_DIRTY, str(error)) from error
    return [path for path in manifest.paths() if path not in intact]


def _intact(root: str, prefix: str, manifest: Manifest) -> Iterator[str]:
    with os.scandir(os.path.join(root, prefix) if prefix else root) as entries:
        found = list(entries)
    for entry in found:
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            if stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode) != 0o755:
                os.chmod(entry.path, 0o755)
            yield from _intact(root, path + "/", manifest)
        elif _is_intact(entry, manifest.get(path)):
            _set_back(entry.path)
            yield path
        else:
            os.unlink(entry.path)
    if prefix and not os.listdir(os.path.join(root, prefix)):
        os.rmdir(os.path.join(root, prefix))
    elif prefix:
        _set_back(os.path.join(root, prefix))


def _is_intact(entry: os.DirEntry[str], expected: tuple[bytes, bool] | None) -> bool:
    if expected is None or not entry.is_file(follow_symlinks=False):
        return False
    found = entry.stat(follow_symlinks=False)
    if found.st_nlink != 1 or stat.S_IMODE(found.st_mode) != _mode(expected[1]):
        return False
    digest = hashlib.sha256()
    with open(entry.path, "rb") as file:
        for piece in iter(lambda: file.read(_READ_BYTES), b""):
            digest.update(piece)
    return digest.digest() == expected[0]


def _set_back(path: str) -> None:
    """Take away what a file or a folder can tell beside its content: its times and its attributes; and a folder's mode."""
    if os.path.isdir(path):
        os.chmod(path, 0o755)
    try:
        attributes = [name for name in os.listxattr(path) if not name.startswith("security.")]
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        attributes = []
    for name in attributes:
        os.removexattr(path, name)
    os.utime(path, ns=(_TIME_NS, _TIME_NS))


def _empty(folder: str) -> None:
    with os.scandir(folder) as entries:
        found = list(entries)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            _open_up(entry.path)
            shutil.rmtree(entry.path)
        else:
            os.unlink(entry.path)


def _open_up(folder: str) -> None:
    """Give back the rights that a run took away from its own folders."""
    os.chmod(folder, 0o755)
    for path, folders, _ in os.walk(folder):
        for name in folders:
            below = os.path.join(path, name)
            if not os.path.islink(below):
                os.chmod(below, 0o755)


def _drop_ipc() -> None:
    """Remove what System V IPC keeps; it belongs to the container's own namespace."""
    libc = ctypes.CDLL(None)
    for kind, control, command_position in _IPC_KINDS:
        try:
            with open(f"/proc/sysvipc/{kind}", encoding="ascii") as table:
                rows = [line.split() for line in table][1:]
        except OSError:
            continue
        for row in rows:
            arguments = (int(row[1]), 0, _IPC_RMID) if command_position == 3 else (int(row[1]), _IPC_RMID, None)
            getattr(libc, control)(*arguments)


def _write_file(link: Link, root: str, path: str, size: int, executable: bool) -> bytes:
    target = os.path.join(root, *_parts(path))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _mode(executable))
    try:
        digest = _write_content(link, fd, size)
        os.utime(fd, ns=(_TIME_NS, _TIME_NS))
        return digest
    finally:
        os.close(fd)


def _parts(path: str) -> list[str]:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise RefusedError(WHY_TREE, f"{path!r} is no name inside the tree")
    return parts


def _mode(executable: bool) -> int:
    return 0o755 if executable else 0o644


def _write_content(link: Link, fd: int, size: int) -> bytes:
    digest = hashlib.sha256()
    while size > 0:
        piece = link.receive(DATA)[1]
        size -= len(piece)
        digest.update(piece)
        view = memoryview(piece)
        while view:
            view = view[os.write(fd, view) :]
    return digest.digest()


def _refusal_of_layout(error: OSError, path: str) -> RefusedError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RefusedError(WHY_FULL, path)
    return RefusedError(WHY_TREE, f"{path!r}: {error.strerror}")
