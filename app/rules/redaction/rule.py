"""A rule: how one kind of secret is found. The table of all rules is in ``patterns``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

MARKER = re.compile(r"\[REDACTED:[a-z_]+\]")
"""What stands in the text where a secret was."""

UNPRINTED = r"\x00-\x20\x7f-\xa0\u2028\u2029"
"""Blanks, controls and every line end of Unicode, for use within brackets: no value goes across them."""

BOUNDARY = r"(?:(?<![A-Za-z0-9_-])|(?<=^[+-])|(?<=\\[nrt])|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)|(?<=;[0-9]{2}m))"
"""A token starts here: after anything but a letter, digit, ``_`` or ``-``; also after the sign of a diff line, an escaped
line break, or a terminal colour. Without it a run of token characters would be read once per character."""


class Span(NamedTuple):
    """A secret, or a line of one, in the text that it was found in."""

    start: int
    end: int
    kind: str
    continued: bool = False
    """The secret began in an earlier span: a further line of the same key."""
    lead: int = 0
    """How many characters before ``start`` gave it away. What a marker touches there was cut off by it."""


class Found(NamedTuple):
    """What a rule found at one place."""

    spans: tuple[Span, ...]
    end: int
    """Where the search for the same literal goes on."""


Finder = Callable[[str, int], Found | None]
"""Looks for a secret at the place of a literal. Its work is bounded, or proportional to what it found."""


@dataclass(frozen=True, eq=False)
class Rule:
    """One kind of secret, and how it is found."""

    kind: str
    summary: str
    """What it finds, for people."""
    example: str
    """The shape, with its middle left out."""
    literals: tuple[str, ...]
    """One of them stands in every text that holds this kind. Lower case where ``folded``."""
    find: Finder
    folded: bool = False
    """The literals are found in any case."""
    in_long_run: bool = False
    """The literal is part of ``LONG_RUN`` or more letters, digits, ``_`` and ``-`` in a row."""
    before: str = ""
    """One of these stands before the literal wherever something is found; lower case where ``folded``. Empty: not known."""
    after: str = ""
    """As ``before``, for the character after the literal."""


LONG_RUN = 20


def by_pattern(
    kind: str,
    pattern: str,
    *,
    lead: int = 0,
    flags: int = 0,
    accept: Callable[[re.Match[str]], bool] | None = None,
) -> Finder:
    """A finder for a pattern that begins ``lead`` characters before the literal. The group ``secret`` is what is replaced."""
    compiled = re.compile(pattern, re.MULTILINE | re.ASCII | flags)

    def find(text: str, place: int) -> Found | None:
        if place < lead:
            return None
        match = compiled.match(text, place - lead)
        if match is None or (accept is not None and not accept(match)):
            return None
        start, end = match.span("secret")
        return Found((Span(start, end, kind, lead=start - match.start()),), match.end())

    return find


def by_pairs(kind: str, head: str, pair: str, *, attributes: Iterable[str] = (), shortest: int = 1) -> Finder:
    """A finder for several ``name=value`` pairs after a head: each ``secret`` of some length, save in ``attributes``."""
    compiled_head = re.compile(head, re.IGNORECASE | re.ASCII)
    compiled_pair = re.compile(pair, re.ASCII)
    ordinary = frozenset(attributes)

    def find(text: str, place: int) -> Found | None:
        match = compiled_head.match(text, place)
        if match is None:
            return None
        spans: list[Span] = []
        end = match.end()
        while (one := compiled_pair.match(text, end)) is not None:
            if one["name"].lower() not in ordinary and len(one["secret"]) >= shortest and not MARKER.match(one["secret"]):
                spans.append(Span(*one.span("secret"), kind))
            end = one.end()
        return Found(tuple(spans), end) if spans else None

    return find
