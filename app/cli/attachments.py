"""The trees that belong to a session: found beside its document, and packed where they are folders."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from app.cli.client import Client
from app.errors import InvalidError

KINDS = ("workspace", "final_workspace", "tests")
_ENDINGS = ("", ".tar.gz", ".tgz", ".tar")
_GZIP = b"\x1f\x8b"
_GZIP_TYPE = "application/gzip"
_BLOCK_BYTES = 1 << 20
_IN_MEMORY_BYTES = 8 * 1024 * 1024
_LEFT_OUT = frozenset({".git", ".hg", ".svn", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
_SHOWN_LINKS = 5


def attachments_of(document: Path, given: Mapping[str, Path | None]) -> dict[str, Path]:
    """The archive or folder of each kind: the one that was given, or else ``NAME.KIND`` beside ``NAME.json``.

    Raises:
        InvalidError: more than one of a kind lies there.
    """
    found = {kind: given.get(kind) or _beside(document, kind) for kind in KINDS}
    return {kind: path for kind, path in found.items() if path is not None}


def is_attachment(folder: Path) -> bool:
    """Whether a folder belongs to a document beside it."""
    return any(folder.name.endswith(f".{kind}") for kind in KINDS)


def _beside(document: Path, kind: str) -> Path | None:
    there = [path for ending in _ENDINGS if (path := document.with_name(f"{document.stem}.{kind}{ending}")).exists()]
    if len(there) > 1:
        raise InvalidError(f"{document}: {' and '.join(path.name for path in there)} are both there; leave one")
    return there[0] if there else None


@dataclass(frozen=True)
class Archive:
    """A tree, ready to be sent."""

    file: IO[bytes]
    size_bytes: int
    media_type: str

    def sha256(self) -> str:
        """The hash of its bytes."""
        self.file.seek(0)
        digest = hashlib.sha256()
        while block := self.file.read(_BLOCK_BYTES):
            digest.update(block)
        return digest.hexdigest()


def upload(client: Client, trace_id: str, kind: str, archive: Archive) -> None:
    """Have a trace hold an archive. One that it holds already is not sent again: a finalized trace would take none.

    Raises:
        ConflictError: the trace holds another one of this kind, or is finalized without it.
    """
    address = f"/traces/{quote(trace_id, safe='')}/artifacts"
    held = client.get(address).get(kind)
    if held is None or held["sha256"] != archive.sha256():
        archive.file.seek(0)
        client.put_file(f"{address}/{kind}", archive.file, archive.size_bytes, archive.media_type)


@contextmanager
def packed(path: Path) -> Iterator[Archive]:
    """An archive, or the archive of a folder.

    Raises:
        InvalidError: it cannot be read, or the folder holds links.
    """
    try:
        if path.is_dir():
            with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as file:
                pack_folder(path, file)
                size_bytes = file.tell()
                file.seek(0)
                yield Archive(file, size_bytes, _GZIP_TYPE)
            return
        with path.open("rb") as archive:
            media_type = _GZIP_TYPE if archive.read(len(_GZIP)) == _GZIP else "application/x-tar"
            archive.seek(0)
            yield Archive(archive, os.fstat(archive.fileno()).st_size, media_type)
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror or error}") from None


def pack_folder(folder: Path, target: IO[bytes], leave_out: Collection[str] = ()) -> None:
    """A folder as a gzipped tar archive: the same files give the same bytes, so that sending it again is sending the same.

    Version control data, virtual environments and caches are left out, and what is named in ``leave_out`` at the top.

    Raises:
        InvalidError: it holds links or devices; the message names some.
    """
    files = sorted(_files(folder, frozenset(leave_out)))
    odd = [path.relative_to(folder).as_posix() for path in files if path.is_symlink() or not path.is_file()]
    if odd:
        shown = ", ".join(odd[:_SHOWN_LINKS])
        raise InvalidError(f"{folder} holds links or devices, which a tree cannot: {shown}. Pack it with 'tar --dereference'")
    with (
        gzip.GzipFile(filename="", fileobj=target, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in files:
            _add(archive, path, path.relative_to(folder).as_posix())


def _files(folder: Path, leave_out: Collection[str]) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.name in _LEFT_OUT or entry.name in leave_out:
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), ())
        else:
            yield Path(entry.path)


def _add(archive: tarfile.TarFile, path: Path, name: str) -> None:
    with path.open("rb") as file:
        info = tarfile.TarInfo(name)
        status = os.fstat(file.fileno())
        info.size, info.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
        archive.addfile(info, file)
