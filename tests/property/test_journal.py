"""A journal that was cut at any byte, or in which any byte was changed: never a wrong answer, always the right diagnosis."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.storage.journal import Damage, Line, encode_line, first_checksum, read_lines

PAYLOADS = [b'{"sizes":[],"events":[]}', b"x", b"", b'{"a":"' + b"y" * 300 + b'"}', b"last"]


def journal(payloads: list[bytes], name: str = "t-1") -> bytes:
    checksum, content = first_checksum(name), b""
    for payload in payloads:
        line, checksum = encode_line(checksum, payload)
        content += line
    return content


def read(content: bytes, name: str = "t-1") -> tuple[list[bytes], Damage | None]:
    found = list(read_lines(io.BytesIO(content), name))
    damage = next((line for line in found if isinstance(line, Damage)), None)
    return [line.payload for line in found if isinstance(line, Line)], damage


WHOLE = journal(PAYLOADS)
ENDS = [len(journal(PAYLOADS[:count])) for count in range(len(PAYLOADS) + 1)]


@pytest.mark.parametrize("cut", range(len(WHOLE) + 1))
def test_a_cut_leaves_the_lines_before_it(cut: int) -> None:
    payloads, damage = read(WHOLE[:cut])

    survivors = sum(end <= cut for end in ENDS[1:])
    assert payloads == PAYLOADS[:survivors]
    if cut in ENDS:
        assert damage is None
    else:
        assert damage == Damage(
            ENDS[survivors], survivors + 1, is_torn=True, reason="the line was cut off while it was written"
        )


@pytest.mark.parametrize("position", range(len(WHOLE)))
@pytest.mark.parametrize("change", [0x01, 0x20, 0x80, 0xFF])
def test_a_changed_byte_is_found_where_it_is(position: int, change: int) -> None:
    changed = bytearray(WHOLE)
    changed[position] ^= change

    payloads, damage = read(bytes(changed))

    line = sum(end <= position for end in ENDS[1:])
    assert payloads == PAYLOADS[:line]
    assert damage is not None
    assert (damage.line, damage.offset) == (line + 1, ENDS[line])
    assert not damage.is_torn


@given(st.lists(st.binary(max_size=50).map(lambda payload: payload.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_that_are_missing_doubled_or_moved_are_found(payloads: list[bytes], data: st.DataObject) -> None:
    lines = journal(payloads).splitlines(keepends=True)
    if len(lines) < 2:
        return
    at = data.draw(st.integers(0, len(lines) - 2))
    for moved in (
        lines[:at] + lines[at + 1 :],
        lines[: at + 1] + lines[at:],
        [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]],
    ):
        if moved == lines:
            continue
        found, damage = read(b"".join(moved))
        assert damage is not None
        assert not damage.is_torn
        assert found == payloads[: len(found)]


def test_a_journal_of_another_trace_is_found() -> None:
    assert read(journal(PAYLOADS, "t-2"))[1] == Damage(0, 1, is_torn=False, reason="the line is not what was written")
