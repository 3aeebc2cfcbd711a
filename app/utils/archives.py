"""Reading a stranger's tar archive as a stream, without unpacking it and without believing anything it says.

The archive is never unpacked on this machine: members come out one at a time, checked, in bounded memory. The standard
library's extraction filters are not used, for nothing is extracted.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, cast

from app.utils.paths import normalise_path

_GZIP_MAGIC = b"\x1f\x8b"
_MAX_HEADER_BYTES = 64 * 1024
_MOST_EMPTY_READS = 8
_RATIO_FREE_BYTES = 16 * 1024 * 1024
_HEADER_TYPES = frozenset({tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
                           tarfile.GNUTYPE_LONGLINK})  # fmt: skip


class ArchiveError(ValueError):
    """An archive cannot be taken; ``kind`` says what a caller does about it."""

    def __init__(self, kind: Literal["unsafe", "too_large", "unreadable"], message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may hold at most."""

    max_files: int = 50_000
    max_bytes: int = 512 * 1024 * 1024
    """Unpacked, in all; header blocks and padding count."""
    max_ratio: int = 200
    """Unpacked ÷ packed, for archives that unpack to more than 16 MiB."""


@dataclass(frozen=True)
class ArchiveFile:
    """A regular file of an archive."""

    path: str
    size_bytes: int
    content: BinaryIO
    """Valid until the next file is asked for."""
    executable: bool


def read_archive(packed: BinaryIO, packed_bytes: int, limits: ArchiveLimits) -> Iterator[ArchiveFile]:
    """The regular files of a tar archive, plain or gzipped, in its order. Folders are checked and passed over.

    Raises:
        ArchiveError: the archive is no tar, is damaged, is larger than the limits (also while it unpacks), or holds a path that
            leaves it, a link, a device, a name twice, or a file where a folder has to be.
    """
    try:
        unpacked = _open_unpacked(packed)
        counted = _Counted(unpacked, packed_bytes, limits)
        bounded = type("_Bounded", (_BoundedInfo,), {"max_bytes": limits.max_bytes})
        with tarfile.open(fileobj=cast("BinaryIO", counted), mode="r|", tarinfo=bounded, errorlevel=2) as tar:
            yield from _checked_files(tar, limits)
        if counted.count == 0:
            raise ArchiveError("unreadable", "the archive is empty; send a tar archive, plain or gzipped")
    except ArchiveError:
        raise
    except RecursionError:
        raise ArchiveError("unsafe", "the archive holds extended headers of extended headers") from None
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile, ValueError) as error:
        raise ArchiveError("unreadable", f"this is not a readable tar archive (plain or gzipped): {error}") from error


def _open_unpacked(packed: BinaryIO) -> BinaryIO:
    magic = packed.read(2)
    if not magic:
        raise ArchiveError("unreadable", "the archive is empty; send a tar archive, plain or gzipped")
    whole = _Rejoined(magic, packed)
    if magic == _GZIP_MAGIC:
        return cast("BinaryIO", gzip.GzipFile(fileobj=cast("BinaryIO", whole), mode="rb"))
    return cast("BinaryIO", whole)


class _Rejoined:
    """A stream whose first bytes have been looked at already. It need not be seekable."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self._start = start
        self._rest = rest

    def read(self, size: int = -1) -> bytes:
        start, self._start = self._start, b""
        if size < 0:
            return start + self._rest.read()
        if len(start) > size:
            self._start = start[size:]
            return start[:size]
        return start + self._rest.read(size - len(start))


class _Counted:
    """A stream that ends with an error where the limits end."""

    def __init__(self, stream: BinaryIO, packed_bytes: int, limits: ArchiveLimits) -> None:
        self._stream = stream
        self._packed_bytes = max(packed_bytes, 1)
        self._limits = limits
        self._empty_reads = 0
        self.count = 0

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self.count += len(block)
        self._empty_reads = 0 if block else self._empty_reads + 1
        if self._empty_reads > _MOST_EMPTY_READS:
            # tarfile skips over a file block by block, for as many blocks as its header announces
            raise ArchiveError("unreadable", "the archive ends in the middle of a file")
        if self.count > self._limits.max_bytes:
            raise ArchiveError("too_large", f"the archive unpacks to more than {self._limits.max_bytes} bytes")
        if self.count > _RATIO_FREE_BYTES and self.count > self._limits.max_ratio * self._packed_bytes:
            raise ArchiveError("too_large", f"the archive unpacks to more than {self._limits.max_ratio} times its size")
        return block


class _BoundedInfo(tarfile.TarInfo):
    """A member whose extended headers are refused before they are read into memory, and whose size is one that can be."""

    max_bytes = 0

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        self._check_size()
        if self.type in _HEADER_TYPES and self.size > _MAX_HEADER_BYTES:
            raise ArchiveError("unsafe", f"the archive holds an extended header of more than {_MAX_HEADER_BYTES} bytes")
        if self.type == tarfile.GNUTYPE_SPARSE:
            raise ArchiveError("unsafe", "the archive holds a sparse file; pack it without --sparse")
        return super()._proc_member(tar)  # type: ignore[misc,no-any-return]

    def _apply_pax_info(self, *arguments: Any) -> None:
        super()._apply_pax_info(*arguments)  # type: ignore[misc]
        self._check_size()

    def _refuse_sparse(self, *_: Any) -> None:
        raise ArchiveError("unsafe", "the archive holds a sparse file; pack it without --sparse")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _refuse_sparse

    def _check_size(self) -> None:
        if self.size < 0:
            raise ArchiveError("unreadable", "the archive holds a file of a negative size")
        if self.size > self.max_bytes:
            raise ArchiveError("too_large", f"the archive unpacks to more than {self.max_bytes} bytes")


def _checked_files(tar: tarfile.TarFile, limits: ArchiveLimits) -> Iterator[ArchiveFile]:
    files: set[str] = set()
    folders: set[str] = set()
    for member in tar:
        # tarfile remembers every member that it has read; a stream has no use for them
        tar.members = []  # type: ignore[attr-defined]
        path = _checked_path(member)
        if path is None:
            continue
        _place(path, member.isdir(), files, folders)
        if len(files) + len(folders) > limits.max_files:
            raise ArchiveError("too_large", f"the archive holds more than {limits.max_files} files and folders")
        if member.isreg():
            content = tar.extractfile(member)
            assert content is not None  # noqa: S101 -- a regular member always has a content
            yield ArchiveFile(path, member.size, cast("BinaryIO", content), bool(member.mode & 0o100))


def _checked_path(member: tarfile.TarInfo) -> str | None:
    """The normalised path; ``None`` for the archive's own root folder."""
    if not (member.isreg() or member.isdir()) or any(key.startswith("GNU.sparse") for key in member.pax_headers):
        kind = "a link" if member.issym() or member.islnk() else "a device, pipe or sparse file"
        raise ArchiveError("unsafe", f"the archive holds {kind} ({member.name!r}); only regular files and folders are taken")
    if member.isdir() and member.name.strip("/") in ("", "."):
        return None
    try:
        member.name.encode()
        return normalise_path(member.name)
    except UnicodeEncodeError:
        raise ArchiveError("unsafe", f"the archive holds a name that is not UTF-8 ({member.name!a})") from None
    except ValueError as error:
        raise ArchiveError("unsafe", f"{error} ({member.name!r})") from None


def _place(path: str, is_folder: bool, files: set[str], folders: set[str]) -> None:
    parents = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
    for folder in (*parents, path) if is_folder else parents:
        if folder in files:
            raise ArchiveError("unsafe", f"the archive holds {folder!r} as a file and as a folder")
        folders.add(folder)
    if not is_folder:
        if path in files or path in folders:
            raise ArchiveError("unsafe", f"the archive holds {path!r} twice")
        files.add(path)
