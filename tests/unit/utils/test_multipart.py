"""Forms, as clients send them, and as nobody should."""

from __future__ import annotations

import os

import pytest

from app.utils.multipart import MOST_PARTS, FormError, Part, is_form, read_form

TYPE = "multipart/form-data; boundary=xYz"


def a_part(name: str, content: bytes, *more: str) -> bytes:
    headers = (f'Content-Disposition: form-data; name="{name}"; filename="{name}.json"', *more)
    return b"--xYz\r\n" + "\r\n".join(headers).encode() + b"\r\n\r\n" + content + b"\r\n"


def test_parts_come_out_as_they_went_in() -> None:
    contents = [b"", b"plain\n", b"\r\n\r\n--xY\r\n--", bytes(range(256)), os.urandom(70_000), b'{"a": "\xc3\xbc"}']
    body = b"".join(a_part(f"p{number}", content) for number, content in enumerate(contents)) + b"--xYz--\r\n"

    assert read_form(TYPE, body) == [Part(f"p{number}", content) for number, content in enumerate(contents)]


@pytest.mark.parametrize(
    "content_type", ['multipart/form-data; charset=utf-8; boundary="xYz"', "Multipart/Form-Data;boundary=xYz", TYPE]
)
@pytest.mark.parametrize("around", [(b"", b""), (b"preamble\r\n", b"\r\nepilogue\r\n--xYz"), (b"\r\n", b"\r\n")])
def test_what_stands_around_the_parts_is_nobodys(content_type: str, around: tuple[bytes, bytes]) -> None:
    before, after = around
    body = before + a_part("file", b"x", "Content-Type: application/json", "X-Other: 1") + b"--xYz--" + after

    assert is_form(content_type)
    assert read_form(content_type, body) == [Part("file", b"x")]


def test_a_boundary_may_be_followed_by_blanks() -> None:
    body = a_part("file", b"x").replace(b"--xYz\r\n", b"--xYz \t\r\n") + b"--xYz--"

    assert read_form(TYPE, body) == [Part("file", b"x")]


@pytest.mark.parametrize("content_type", [None, "", "application/json", "multipart/mixed; boundary=a", "multipart/form-datas"])
def test_other_bodies_are_no_forms(content_type: str | None) -> None:
    assert not is_form(content_type)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "boundary is not in it"),
        (b"no form", "boundary is not in it"),
        (a_part("file", b"x"), "last boundary is missing"),
        (a_part("file", b"x")[:-20], "no end of its headers"),
        (b"--xYzz\r\n\r\nx\r\n--xYz--", "line of its own"),
        (b"--xYz\r\n\r\nx\r\n--xYz--", "part 1 has no name"),
        (b"--xYz\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--xYz--", "part 1 has no name"),
        (a_part("", b"x") + b"--xYz--", "part 1 has no name"),
        (a_part("a", b"x") + b"--xYz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xYz--", "part 2 has no name"),
        (a_part("a", b"eA==", "Content-Transfer-Encoding: base64") + b"--xYz--", "part 1 is encoded"),
        (a_part("a", b"x") * (MOST_PARTS + 1) + b"--xYz--", "more than"),
        (a_part("a", b"x") * 5000, "more than"),
    ],
)
def test_what_is_wrong_is_said(body: bytes, why: str) -> None:
    with pytest.raises(FormError, match=why):
        read_form(TYPE, body)


@pytest.mark.parametrize("boundary", ["", "; boundary=", "; boundary=" + "x" * 71, "; boundary=ü"])
def test_a_boundary_is_named(boundary: str) -> None:
    with pytest.raises(FormError, match="boundary"):
        read_form(f"multipart/form-data{boundary}", b"--\r\n")


def test_as_many_parts_as_there_may_be() -> None:
    assert len(read_form(TYPE, a_part("a", b"x") * MOST_PARTS + b"--xYz--")) == MOST_PARTS
