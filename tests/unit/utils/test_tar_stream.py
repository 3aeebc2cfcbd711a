"""Archives that are written while they are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from app.utils.archives import ArchiveLimits, read_archive
from app.utils.tar_stream import tar_of


@dataclass(frozen=True)
class Named:
    path: str
    content: bytes
    executable: bool = False

    @property
    def chunks(self) -> Iterator[bytes]:
        yield from (self.content[place : place + 1000] for place in range(0, len(self.content), 1000))


FILES = [
    Named("a.txt", b"one"),
    Named("empty", b""),
    Named("bin/run.sh", b"#!/bin/sh\n", executable=True),
    Named("ü/" + "long/" * 60 + "name.py", b"x" * 512),
    Named("large", b"y" * 5_000_001),
]


def test_what_was_packed_is_read_again() -> None:
    packed = b"".join(tar_of(FILES))

    read = [
        Named(file.path, file.content.read(), file.executable)
        for file in read_archive(io.BytesIO(packed), len(packed), ArchiveLimits())
    ]

    assert read == FILES


def test_the_same_files_give_the_same_bytes() -> None:
    assert b"".join(tar_of(FILES)) == b"".join(tar_of(FILES))


def test_nothing_is_an_archive_too() -> None:
    assert b"".join(tar_of([])) == b"\0" * 1024
