"""A dataset as a folder: written file by file, or unpacked as it comes from a server and checked against its manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, cast

from app.errors import UnavailableError
from app.formats.writing.base import OutputFile
from app.formats.writing.manifest import NAME as MANIFEST
from app.utils.archives import ArchiveError, ArchiveLimits, read_archive

_WITHOUT_BOUND = 1 << 50
"""The archive is as large as the dataset, which is as large as was asked for."""
_MOST_FILES = 10_000_000
_BLOCK_BYTES = 1 << 18


def write_files(files: Iterable[OutputFile], folder: Path) -> None:
    """Every file into the folder."""
    for file in files:
        target = _place(folder, file.path)
        with target.open("xb") as content:
            content.writelines(file.chunks)
        _mark(target, executable=file.executable)


def unpack(stream: BinaryIO, folder: Path) -> None:
    """The files of a tar archive into the folder, each compared with the manifest.

    Raises:
        UnavailableError: the archive is not whole.
    """
    hashes: dict[str, str] = {}
    limits = ArchiveLimits(max_files=_MOST_FILES, max_bytes=_WITHOUT_BOUND)
    try:
        for file in read_archive(cast("BinaryIO", _Received(stream)), _WITHOUT_BOUND, limits):
            target = _place(folder, file.path)
            with target.open("xb") as content:
                shutil.copyfileobj(file.content, content, _BLOCK_BYTES)
            with target.open("rb") as content:
                hashes[file.path] = hashlib.file_digest(content, "sha256").hexdigest()
            _mark(target, executable=file.executable)
    except (ArchiveError, tarfile.TarError) as error:
        raise UnavailableError(f"What the server sent is no whole dataset: {error}") from None
    expected = {file["path"]: file["sha256"] for file in read_manifest(folder)["files"]}
    hashes.pop(MANIFEST, None)
    if hashes != expected:
        raise UnavailableError("What the server sent is not what its manifest says")


def read_manifest(folder: Path) -> dict[str, Any]:
    """The report that stands beside the files.

    Raises:
        UnavailableError: it is not there: the dataset is not whole.
    """
    try:
        return cast("dict[str, Any]", json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        raise UnavailableError(f"What the server sent breaks off: there is no {MANIFEST}") from None


class _Received:
    """What a server sends. That it breaks off is told apart from a disk that is full."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """See ``BinaryIO.read``.

        Raises:
            UnavailableError: the server broke off.
        """
        try:
            return self._stream.read(size)
        except (OSError, HTTPException) as error:
            raise UnavailableError(f"The server broke off: {error}") from None


def _place(folder: Path, path: str) -> Path:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _mark(target: Path, *, executable: bool) -> None:
    if executable:
        target.chmod(target.stat().st_mode | 0o111)
