"""Which of many texts may hold a secret: one search over all of them together. Most hold none and are done with.

Nothing is replaced here, and nothing is decided that ``redact`` would decide otherwise: a text that is not named holds nothing
that any rule finds. ``tests/property/test_redaction.py`` compares the two.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from app.rules.redaction.rule import Rule

_BREAK = "\n"
"""Stands around every text. No literal holds it, and no rule asks for one next to its literal."""
_SHORT = 2
_FEW = 8


def find_suspects(texts: Sequence[str], rules: Sequence[Rule]) -> set[int]:
    """The places in ``texts`` of those in which some rule finds something."""
    # one byte per character keeps places the same; what is not ASCII is in no literal
    exact = _BREAK.join(("", *texts, "")).encode("ascii", "replace")
    begins: list[int] = []
    suspects: set[int] = set()
    for sieve in _sieves_of(tuple(rules)):
        for start, candidates in sieve.search(exact.lower() if sieve.folded else exact):
            begins = begins or list(accumulate((len(text) + 1 for text in texts), initial=1))
            index = bisect_right(begins, start) - 1
            text, place = texts[index], start - begins[index]
            if index not in suspects and any(rule.find(text, place) is not None for rule in candidates):
                suspects.add(index)
    return suspects


@dataclass(frozen=True)
class _Needle:
    """What the matcher looks for: a literal, with the character before it where only a few may stand there."""

    content: bytes
    lead: int
    """How many bytes stand before the literal."""
    rules: tuple[Rule, ...]
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

    def search(self, content: bytes) -> Iterator[tuple[int, tuple[Rule, ...]]]:
        """Where a literal stands that a rule may begin with, and which rules these are."""
        needles, hidden = self.needles, self.hidden
        for number, start, end in self.matcher.find_matches_as_indexes(content):
            needle = needles[number]
            if (not needle.after or content[end] in needle.after) and (
                not needle.before or content[start - 1] in needle.before
            ):
                yield start + needle.lead, needle.rules
            for offset, other in hidden[number]:
                if content.startswith(other.content, start + offset):
                    yield start + offset + other.lead, other.rules


@functools.lru_cache(maxsize=64)
def _sieves_of(rules: tuple[Rule, ...]) -> tuple[_Sieve, ...]:
    """Short literals have a pass of their own: among others they would make the search for all of them a slow one."""
    exact: dict[tuple[str, str], list[Rule]] = {}
    folded: dict[tuple[str, str], list[Rule]] = {}
    short: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        for literal in rule.literals:
            table = folded if rule.folded else short if len(literal) <= _SHORT else exact
            for lead in rule.before if 1 <= len(rule.before) <= _FEW else ("",):
                table.setdefault((lead, literal), []).append(rule)
    return tuple(_sieve(table, folded=table is folded) for table in (exact, folded, short) if table)


def _sieve(table: Mapping[tuple[str, str], Sequence[Rule]], *, folded: bool) -> _Sieve:
    needles = tuple(_needle(lead, literal, rules) for (lead, literal), rules in table.items())
    hidden = tuple(
        tuple((offset, other) for other in needles for offset in _overlaps(needle.content, other.content)) for needle in needles
    )
    # the kind of match that lets the library look for many literals at a time
    matcher = BytesAhoCorasick([needle.content for needle in needles], matchkind=MatchKind.LeftmostFirst)
    return _Sieve(folded, matcher, needles, hidden)


def _needle(lead: str, literal: str, rules: Sequence[Rule]) -> _Needle:
    before, after = [rule.before for rule in rules], [rule.after for rule in rules]
    return _Needle(
        content=(lead + literal).encode(),
        lead=len(lead),
        rules=tuple(rules),
        before="".join(before).encode() if all(before) and not lead else b"",
        after="".join(after).encode() if all(after) else b"",
    )


def _overlaps(needle: bytes, other: bytes) -> Iterator[int]:
    """How many bytes behind the start of ``needle`` the other may begin, and yet before its end."""
    for offset in range(needle == other, len(needle)):
        common = min(len(needle) - offset, len(other))
        if needle[offset : offset + common] == other[:common]:
            yield offset
