"""A tar archive that is written while it is read. The same files give the same bytes."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from typing import Protocol

_IN_MEMORY_BYTES = 4 * 1024 * 1024
_PIECE_BYTES = 1 << 18


class NamedContent(Protocol):
    """A file of an archive."""

    @property
    def path(self) -> str:
        """Relative, normalised, ``/`` between the parts."""
        ...

    @property
    def chunks(self) -> Iterable[bytes]:
        """The content. Read once, before the next file is asked for."""
        ...

    @property
    def executable(self) -> bool:
        """Whether it may be run."""
        ...


def tar_of(files: Iterable[NamedContent]) -> Iterator[bytes]:
    """The archive, in pieces. No file is whole in memory; a large one waits on disk until its size is known."""
    for file in files:
        yield from _member(file)
    yield b"\0" * 2 * tarfile.BLOCKSIZE


def _member(file: NamedContent) -> Iterator[bytes]:
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as spool:
        for chunk in file.chunks:
            spool.write(chunk)
        info = tarfile.TarInfo(file.path)
        info.size, info.mode = spool.tell(), 0o755 if file.executable else 0o644
        yield info.tobuf(tarfile.PAX_FORMAT)
        spool.seek(0)
        while piece := spool.read(_PIECE_BYTES):
            yield piece
        yield b"\0" * (-info.size % tarfile.BLOCKSIZE)
