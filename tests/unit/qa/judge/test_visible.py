"""Nothing hidden reaches a model, over every character there is."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest

from app.qa.judge.visible import make_visible

HIDDEN_CATEGORIES = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}
BLANK = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159}
VARIATION_SELECTORS = {*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)}
TAGS = set(range(0xE0000, 0xE0080))
NONCHARACTERS = {*range(0xFDD0, 0xFDF0), *(plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF))}
IGNORABLE_AND_UNASSIGNED = {0x2065, *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000), *range(0x13430, 0x13440)}
"""Set aside for marks of format; some of them have a name in later versions of Unicode."""
HIDDEN_BY_NAME = BLANK | VARIATION_SELECTORS | TAGS | NONCHARACTERS | IGNORABLE_AND_UNASSIGNED


def is_hidden(character: str) -> bool:
    return character not in "\t\n" and (
        unicodedata.category(character) in HIDDEN_CATEGORIES or ord(character) in HIDDEN_BY_NAME
    )


def test_every_hidden_character_is_written_out_and_no_other() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    expected = {each: f"\\u{{{ord(each):04x}}}" if is_hidden(each) else each for each in every}

    wrong = [hex(ord(each)) for each, shown in expected.items() if make_visible(each) != shown]
    assert wrong == []


def test_what_comes_out_can_be_encoded_and_has_one_kind_of_line_end() -> None:
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    text = make_visible(everything)

    assert text.encode("utf-8")
    assert len(text.splitlines()) == text.count("\n") + 1


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b[2K\x1b[1Adone", "done"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Bplain", "plain"),
        ("\x1b]0;never ends", "0;never ends"),
        ("\x1b\x1b[31m[31mx", "\\u{001b}[31mx"),
        ("\x9b31mx", "\\u{009b}31mx"),
        ("a\r\nb\rc", "a\nb\\u{000d}c"),
    ],
)
def test_terminal_codes_are_removed_and_what_is_left_of_them_is_written_out(raw: str, shown: str) -> None:
    assert make_visible(raw) == shown


def test_a_code_that_never_ends_hides_nothing() -> None:
    text = "secret order " * 200

    assert text in make_visible(f"\x1b]0;{text}")


def test_plain_text_is_left_alone() -> None:
    text = "def f():\n\treturn 'naïve – 値 🙂'\n"

    assert make_visible(text) == text
    assert re.search(r"\\u\{", make_visible("✔\ufe0f")) is not None
