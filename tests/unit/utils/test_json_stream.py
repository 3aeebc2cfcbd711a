"""JSON out of a file, value by value."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.utils import json_stream
from app.utils.json_stream import JsonWindow, UnreadableJsonError, parse_json


class Drops(io.BytesIO):
    """A file that comes a few bytes at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(3 if size is None or size < 0 else min(size, 3))


SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(SCALARS | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=10)


@given(st.lists(VALUES, max_size=4), st.booleans())
def test_values_come_as_they_were_written_however_the_file_arrives(values: list[Any], ascii_only: bool) -> None:
    content = "\n".join(json.dumps(value, ensure_ascii=ascii_only) for value in values).encode()
    window = JsonWindow(Drops(content))
    read = []
    while window.peek():
        read.append(window.value())

    assert read == values


@pytest.mark.parametrize(
    "text", ["12.5e+3", "-1.25E-7", "true", "null", '"a\\u00e9\\n"', "[1,2.5,3e4]", "10000000000000000000000"]
)
def test_a_value_that_the_end_of_a_block_cuts_is_read_whole(text: str) -> None:
    for padding in range(6):
        assert JsonWindow(Drops(b" " * padding + text.encode())).value() == parse_json(text)


def test_an_integer_that_a_double_does_not_hold_is_the_double() -> None:
    assert parse_json("[9007199254740991, 9007199254740993, 1" + "0" * 5000 + "]") == [2**53 - 1, 2.0**53, float("inf")]


@pytest.mark.parametrize(
    "text", ["", "nul", "[1", '{"a":1,"a":2}', "NaN", "-Infinity", '"\t"', "1 2", "[" * 100_000, "\ufeff1"]
)
def test_what_readers_understand_differently_is_refused(text: str) -> None:
    with pytest.raises(UnreadableJsonError):
        parse_json(text)


def test_an_error_says_where() -> None:
    window = JsonWindow(Drops(b'{"a": 1} x'))
    window.value()

    with pytest.raises(UnreadableJsonError, match="at character 9"):
        window.expect("{")


def test_what_is_not_utf_8_is_refused() -> None:
    for content in (b'"\xff"', b'"\xc3'):
        with pytest.raises(UnreadableJsonError, match="UTF-8"):
            JsonWindow(Drops(content)).value()


def test_a_mark_at_the_beginning_is_passed_over() -> None:
    assert JsonWindow(Drops(b"\xef\xbb\xbf[1]")).value() == [1]


def test_a_file_that_is_wrong_early_is_not_read_to_its_end() -> None:
    file = io.BytesIO(b'{"a": nonsense' + b" " * (8 * json_stream._READ_BYTES))

    with pytest.raises(UnreadableJsonError):
        JsonWindow(file).value()
    assert file.tell() <= 2 * json_stream._READ_BYTES
