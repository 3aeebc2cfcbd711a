"""Which of many texts may hold a secret: one search over all of them together. Most hold none and are done with.

Nothing is replaced here, and nothing is decided that ``redact`` would decide otherwise: a text that is not named holds nothing
that any rule finds. ``tests/property/test_redaction.py`` compares the two.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, product
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from app.rules.redaction.rule import Finder, Rule

_BREAK = "\n"
"""Stands around every text. No literal holds it, and no rule asks for one next to its literal."""
_SHORT = 2
_FEW = 8
_MANY = 256
"""A text with more places to look at is suspected as it is: ``redact`` looks at them with less to do for each."""
_LOOKED_AT_FIRST = 4
"""So many bytes of every literal the library compares at once; as few as the shortest of a pass has."""


def find_suspects(texts: Sequence[str], rules: Sequence[Rule]) -> set[int]:
    """The places in ``texts`` of those in which some rule finds something, or may do so at very many places."""
    # one byte per character keeps places the same; what is not ASCII is in no literal
    exact = _BREAK.join(("", *texts, "")).encode("ascii", "replace")
    folded = exact.lower()
    begins: list[int] = []
    index = begin = end = looked = 0
    suspects: set[int] = set()
    for sieve in _sieves_of(tuple(rules)):
        for start, finders in sieve.search(folded if sieve.folded else exact):
            if not begin <= start < end:
                begins = begins or [*accumulate([len(text) + 1 for text in texts], initial=1)]
                index = bisect_right(begins, start) - 1
                begin, end, looked = begins[index], begins[index + 1], 0
            if index in suspects:
                continue
            looked += 1
            if looked > _MANY:
                suspects.add(index)
                continue
            for find in finders:
                if find(texts[index], start - begin) is not None:
                    suspects.add(index)
                    break
    return suspects


@dataclass(frozen=True)
class _Needle:
    """What the matcher looks for: a literal, with a character before or after it where only a few may stand there."""

    content: bytes
    lead: int
    """How many bytes stand before the literal."""
    finders: tuple[Finder, ...]
    before: bytes
    """One of these stands before it where any of its rules finds something; empty: anything may."""
    after: bytes


@dataclass(frozen=True)
class _Sieve:
    """Literals that are looked for in one pass."""

    folded: bool
    matcher: BytesAhoCorasick
    needles: tuple[_Needle, ...]
    """By the matcher's number."""
    hidden: tuple[tuple[tuple[int, _Needle], ...], ...]
    """For each needle: which others may begin within it, and how many bytes on. The matcher goes on behind what it found."""

    def search(self, content: bytes) -> Iterator[tuple[int, tuple[Finder, ...]]]:
        """Where a literal stands that a rule may begin with, and how these rules find what is there."""
        needles, hidden = self.needles, self.hidden
        for number, start, end in self.matcher.find_matches_as_indexes(content):
            needle = needles[number]
            if (not needle.after or content[end] in needle.after) and (
                not needle.before or content[start - 1] in needle.before
            ):
                yield start + needle.lead, needle.finders
            for offset, other in hidden[number]:
                if content.startswith(other.content, start + offset):
                    yield start + offset + other.lead, other.finders


class _Written(NamedTuple):
    """A literal between two characters that may be empty."""

    before: str
    literal: str
    after: str


@functools.lru_cache(maxsize=64)
def _sieves_of(rules: tuple[Rule, ...]) -> tuple[_Sieve, ...]:
    """Literals of like length together: the library is quickest with some dozens that it can tell apart by four bytes."""
    passes: dict[tuple[bool, int], dict[_Written, list[Rule]]] = {}
    for rule in rules:
        for literal in rule.literals:
            for written in _ways_to_write(literal, rule):
                length = min(len(literal) if written.after else len(written.before + literal), _LOOKED_AT_FIRST)
                passes.setdefault((rule.folded, length), {}).setdefault(written, []).append(rule)
    return tuple(_sieve(table, folded=folded) for (folded, _), table in passes.items())


def _ways_to_write(literal: str, rule: Rule) -> Iterator[_Written]:
    """With what stands before it where that is one of a few, and with what stands after it where it is short by itself."""
    before = rule.before if len(rule.before) <= _FEW else ""
    after = rule.after if len(literal) <= _SHORT else ""
    for one, other in product(before or ("",), after or ("",)):
        yield _Written(one, literal, other)


def _sieve(table: Mapping[_Written, Sequence[Rule]], *, folded: bool) -> _Sieve:
    needles = tuple(_needle(written, rules) for written, rules in table.items())
    hidden = tuple(
        tuple((offset, other) for other in needles for offset in _overlaps(needle.content, other.content)) for needle in needles
    )
    # the kind of match that lets the library look for many literals at a time
    matcher = BytesAhoCorasick([needle.content for needle in needles], matchkind=MatchKind.LeftmostFirst)
    return _Sieve(folded, matcher, needles, hidden)


def _needle(written: _Written, rules: Sequence[Rule]) -> _Needle:
    before, after = [rule.before for rule in rules], [rule.after for rule in rules]
    return _Needle(
        content="".join(written).encode(),
        lead=len(written.before),
        finders=tuple(rule.find for rule in rules),
        before="".join(before).encode() if all(before) and not written.before else b"",
        after="".join(after).encode() if all(after) and not written.after else b"",
    )


def _overlaps(needle: bytes, other: bytes) -> Iterator[int]:
    """How many bytes behind the start of ``needle`` the other may begin, and yet before its end."""
    for offset in range(needle == other, len(needle)):
        common = min(len(needle) - offset, len(other))
        if needle[offset : offset + common] == other[:common]:
            yield offset
