"""Datasets as folders."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from app.cli.export import new_folder, refuse_unless_empty
from app.cli.export_folder import read_manifest, unpack, write_files
from app.errors import ConflictError, UnavailableError
from app.formats.writing.base import OutputFile, Tally
from app.formats.writing.card import NAME as CARD
from app.formats.writing.manifest import Distribution, Report, manifest_of
from app.utils.tar_stream import tar_of
from tests.builders import a_tar, a_tar_of


def some_files() -> list[OutputFile]:
    return [
        OutputFile("data/a.jsonl", (b"{}\n", b"{}\n")),
        OutputFile("run.sh", (b"#!/bin/sh\n",), executable=True),
        OutputFile(CARD, ()),
    ]


def a_dataset() -> bytes:
    report = Report("jsonl", {}, {}, 1, 1, {}, {}, Distribution(), Tally())
    files = [report.noting(file) for file in some_files()]
    data = b"".join(tar_of(files))
    return data.removesuffix(b"\0" * 1024) + b"".join(tar_of([manifest_of(report)]))


def test_files_are_written_with_their_modes(tmp_path: Path) -> None:
    write_files(some_files(), tmp_path)

    assert (tmp_path / "data" / "a.jsonl").read_bytes() == b"{}\n{}\n"
    assert (tmp_path / "run.sh").stat().st_mode & 0o100
    assert not (tmp_path / CARD).stat().st_mode & 0o100


def test_a_dataset_of_a_server_is_unpacked_and_compared(tmp_path: Path) -> None:
    unpack(io.BytesIO(a_dataset()), tmp_path)

    assert (tmp_path / "data" / "a.jsonl").read_bytes() == b"{}\n{}\n"
    assert (tmp_path / "run.sh").stat().st_mode & 0o100
    assert len(read_manifest(tmp_path)["files"]) == 3


@pytest.mark.parametrize(
    "content",
    [
        a_dataset()[:-2000],
        a_dataset()[:700],
        a_dataset().replace(b"{}\n{}\n", b"{}\n[]\n"),
        a_tar({"data/a.jsonl": "{}"}, gzipped=False),
        b"<html>a proxy's own page</html>",
        b"",
    ],
    ids=["without the end", "within a file", "altered", "without a manifest", "no archive", "nothing"],
)
def test_what_is_not_whole_is_no_dataset(tmp_path: Path, content: bytes) -> None:
    out = tmp_path / "out"

    with pytest.raises(UnavailableError), new_folder(out) as folder:
        unpack(io.BytesIO(content), folder)

    assert list(tmp_path.iterdir()) == []


class Breaking(io.BytesIO):
    """A connection that is lost."""

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() > 600:
            raise ConnectionResetError("reset")
        return super().read(512)


def test_a_connection_that_is_lost_is_no_full_disk(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="The server broke off: reset"), new_folder(tmp_path / "out") as folder:
        unpack(Breaking(a_dataset()), folder)


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    out = tmp_path / "inside" / "out"

    with pytest.raises(UnavailableError), new_folder(out) as folder:
        unpack(io.BytesIO(a_tar_of((tarfile.TarInfo(name), b"x"))), folder)

    assert list(tmp_path.rglob("*")) == [tmp_path / "inside"]


def test_a_link_is_no_file_of_a_dataset(tmp_path: Path) -> None:
    link = tarfile.TarInfo("data")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"

    with pytest.raises(UnavailableError):
        unpack(io.BytesIO(a_tar_of((link, b""))), tmp_path)


def test_a_folder_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()

    with new_folder(out) as folder:
        (folder / "a").write_text("a")
        assert not (out / "a").exists()

    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(UnavailableError, match="cannot be written"), new_folder(tmp_path / "file" / "out"):
        pass


def test_only_a_new_or_an_empty_folder_is_taken(tmp_path: Path) -> None:
    refuse_unless_empty(tmp_path)
    refuse_unless_empty(tmp_path / "new")
    (tmp_path / "mine").write_text("x")

    for taken in (tmp_path, tmp_path / "mine"):
        with pytest.raises(ConflictError):
            refuse_unless_empty(taken)
