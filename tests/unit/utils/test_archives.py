"""Archives from strangers: what is read, what is refused, and that nothing is believed."""

from __future__ import annotations

import gzip
import io
import tarfile

import pytest

from app.utils.archives import ArchiveError, ArchiveLimits, read_archive
from tests.builders import a_tar, a_tar_of

LIMITS = ArchiveLimits(max_files=10, max_bytes=64 * 1024 * 1024)


def read(packed: bytes, limits: ArchiveLimits = LIMITS) -> dict[str, bytes]:
    return {file.path: file.content.read() for file in read_archive(io.BytesIO(packed), len(packed), limits)}


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in fields.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize("gzipped", [True, False])
def test_files_come_out_as_they_went_in(gzipped: bool) -> None:
    assert read(a_tar({"a.py": "one", "./b/c d.py": b"\xff\x00"}, gzipped=gzipped)) == {"a.py": b"one", "b/c d.py": b"\xff\x00"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../evil", tarfile.REGTYPE),
        ("a/../../evil", tarfile.REGTYPE),
        ("/etc/passwd", tarfile.REGTYPE),
        ("..", tarfile.DIRTYPE),
        ("C:/evil", tarfile.REGTYPE),
        ("..\\evil", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("hard", tarfile.LNKTYPE),
        ("null", tarfile.CHRTYPE),
        ("disk", tarfile.BLKTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("a\nb", tarfile.REGTYPE),
        ("%2e%2e/evil", tarfile.REGTYPE),
    ],
)
def test_what_could_escape_is_refused(name: str, kind: bytes) -> None:
    with pytest.raises(ArchiveError) as caught:
        read(a_tar_of((member(name, kind, linkname="target"), b"")))

    assert caught.value.kind == "unsafe"


def test_a_name_that_is_not_utf8_is_refused() -> None:
    packed = a_tar({"aXb": ""}, gzipped=False).replace(b"aXb", b"a\xffb")
    # the header's checksum, computed anew
    header = bytearray(packed[:512])
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()

    with pytest.raises(ArchiveError, match="not UTF-8"):
        read(bytes(header) + packed[512:])


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
def test_one_name_stands_for_one_file(names: tuple[str, str]) -> None:
    with pytest.raises(ArchiveError, match=r"twice|as a file and as a folder"):
        read(a_tar_of(*((member(name), b"x") for name in names)))


def test_too_many_files_are_refused() -> None:
    with pytest.raises(ArchiveError) as caught:
        read(a_tar({f"f{number}": "" for number in range(11)}))

    assert caught.value.kind == "too_large"


def test_an_archive_that_unpacks_to_too_much_is_refused_while_it_unpacks() -> None:
    with pytest.raises(ArchiveError, match="more than 1048576 bytes"):
        read(a_tar({"zeros": bytes(8 * 1024 * 1024)}), ArchiveLimits(max_bytes=1024 * 1024))


def test_a_bomb_is_told_by_its_ratio() -> None:
    with pytest.raises(ArchiveError, match="more than 200 times"):
        read(a_tar({"zeros": bytes(40 * 1024 * 1024)}))


def test_a_huge_extended_header_is_refused_before_it_is_read() -> None:
    header = member("x", tarfile.XHDTYPE)

    with pytest.raises(ArchiveError, match="extended header"):
        read(a_tar_of((header, bytes(1024 * 1024))))


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8bnot gzip", b"PK\x03\x04" + bytes(600), bytes(100)])
def test_what_is_no_tar_is_unreadable(content: bytes) -> None:
    with pytest.raises(ArchiveError) as caught:
        read(content)

    assert caught.value.kind == "unreadable"


@pytest.mark.parametrize("cut", [10, 100, 600, 1200])
def test_a_cut_archive_is_unreadable(cut: int) -> None:
    packed = gzip.compress(a_tar({"a": b"x" * 3000}, gzipped=False))

    with pytest.raises(ArchiveError):
        read(packed[: min(cut, len(packed) - 12)])


def test_a_long_name_is_ordinary() -> None:
    name = "/".join(["folder-with-a-long-name"] * 8) + "/file.py"

    assert read(a_tar({name: "x"})) == {name: b"x"}


def header_of_size(size: bytes) -> bytes:
    """A file whose header announces a size that is written as these bytes."""
    header = bytearray(member("a").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size.ljust(12, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header) + bytes(1024)


@pytest.mark.parametrize("size", [b"\x80" + b"\x7f" * 11, b"\xff" * 12, b"77777777777", b"\xff" * 10 + b"\xfd\xa8"])
def test_a_size_that_cannot_be_is_refused_at_once(size: bytes) -> None:
    with pytest.raises(ArchiveError):
        read(header_of_size(size))


@pytest.mark.parametrize("size", ["4611686018427387904", "-1"])
def test_an_extended_size_that_cannot_be_is_refused_at_once(size: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = member("a")
        info.pax_headers = {"size": size, "comment": "x"}
        archive.addfile(info)

    with pytest.raises(ArchiveError):
        read(packed.getvalue())


def test_an_archive_that_ends_within_a_file_is_refused() -> None:
    with pytest.raises(ArchiveError):
        list(read_archive(io.BytesIO(header_of_size(b"00001000000")), 1536, LIMITS))


@pytest.mark.parametrize(
    "headers",
    [
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "0"},
        {"GNU.sparse.map": "abc"},
        {"GNU.sparse.size": "abc"},
        {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1"},
    ],
)
def test_a_sparse_file_is_refused_before_its_map_is_read(headers: dict[str, str]) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = member("a")
        info.pax_headers = headers
        info.size = 4096
        archive.addfile(info, io.BytesIO(b"1500000\n" + b"0\n" * 2044))

    with pytest.raises(ArchiveError):
        read(packed.getvalue())


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_headers_of_headers_are_refused(kind: bytes) -> None:
    with pytest.raises(ArchiveError):
        read(a_tar_of(*[(member("x", kind), b"11 path=ab\n")] * 1500, (member("a"), b"")))
