"""The text engine: secrets out, markers in. Knows nothing of events.

What it promises: a marker never stands inside another; a text that was redacted once stays as it is; no line is added or
removed, so a diff keeps its shape; a text without findings comes back as the same object.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, Implementation

from app.rules.redaction.patterns import DEFAULT_RULES
from app.rules.redaction.rule import LONG_RUN, MARKER, Rule, Span

_MARKER_START = "[REDACTED:"
_TOKEN_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_TO_RUNS = bytes(ord("a") if byte in _TOKEN_CHARACTERS else ord(" ") for byte in range(256))
_RUN = b"a" * LONG_RUN
_LONGEST_HEAD = 8
"""A dot may stand within so many characters after the start of a token's prefix (``hvs.``)."""


class Finding(NamedTuple):
    """Where a secret was: the place of its marker in the redacted text. The value is nowhere."""

    kind: str
    start: int
    end: int
    continued: bool = False
    """A further line of the secret that the finding before it began."""


@dataclass(frozen=True)
class Redacted:
    """A text without its secrets."""

    text: str
    findings: tuple[Finding, ...] = ()

    def counts(self) -> Counter[str]:
        """How many secrets of each kind were found; a key of many lines counts once."""
        return Counter(finding.kind for finding in self.findings if not finding.continued)


def redact_text(text: str, rules: Sequence[Rule] = DEFAULT_RULES) -> Redacted:
    """The text with every secret that ``rules`` find replaced by ``[REDACTED:kind]``."""
    spans = _disjoint(_search(text, rules))
    if spans and _MARKER_START in text:
        spans = _clear_of_markers(text, spans)
    return _replace(text, spans) if spans else Redacted(text)


def marker(kind: str) -> str:
    """What stands in the text instead of a secret."""
    return f"{_MARKER_START}{kind}]"


def _search(text: str, rules: Sequence[Rule]) -> list[tuple[Span, int]]:
    """Everything found, with the rank of the rule that found it; the same place may be found by several."""
    literals = _literals_of(tuple(rules))
    # one byte per character keeps places the same; what is not ASCII is in no literal
    exact = text.encode("ascii", "replace")
    places: dict[int, list[int]] = {}
    for number, start, _ in literals.matcher.find_matches_as_indexes(exact.lower(), overlapping=True):
        places.setdefault(number, []).append(start)
    if not places:
        return []
    return list(_found_at(text, exact, places, literals))


def _found_at(text: str, exact: bytes, places: dict[int, list[int]], literals: _Literals) -> Iterator[tuple[Span, int]]:
    runs: bytes | None = None
    for number in sorted(places, key=lambda number: literals.first_rank[number]):
        needles = literals.needles[number]
        for rank, rule, needle in needles:
            starts = places[number]
            if not rule.folded:
                starts = [start for start in starts if exact.startswith(needle, start)]
            if starts and rule.in_long_run:
                runs = _long_runs(exact) if runs is None else runs
                if needle not in runs:
                    continue
            yield from ((span, rank) for span in _at_places(text, starts, rule))


@dataclass(frozen=True)
class _Literals:
    """The literals of some rules, ready to be looked for all at once."""

    matcher: BytesAhoCorasick
    """Finds each literal, folded to lower case, in a text that is folded likewise."""
    needles: tuple[tuple[tuple[int, Rule, bytes], ...], ...]
    """By the matcher's number: rank, rule, and the literal as the rule has it."""
    first_rank: tuple[int, ...]


@functools.lru_cache(maxsize=64)
def _literals_of(rules: tuple[Rule, ...]) -> _Literals:
    by_folded: dict[bytes, list[tuple[int, Rule, bytes]]] = {}
    for rank, rule in enumerate(rules):
        for literal in rule.literals:
            needle = literal.encode()
            by_folded.setdefault(needle.lower(), []).append((rank, rule, needle))
    return _Literals(
        matcher=BytesAhoCorasick(list(by_folded), implementation=Implementation.DFA),
        needles=tuple(map(tuple, by_folded.values())),
        first_rank=tuple(needles[0][0] for needles in by_folded.values()),
    )


def _long_runs(exact: bytes) -> bytes:
    """Only the long runs of token characters: a small part of ordinary text, and the only place for most kinds of token."""
    runs: list[bytes] = []
    shape = exact.translate(_TO_RUNS)
    start = shape.find(_RUN)
    while start >= 0:
        end = shape.find(b" ", start)
        if end < 0:
            end = len(shape)
        runs.append(exact[max(0, start - _LONGEST_HEAD) : end])
        start = shape.find(_RUN, end)
    return b" ".join(runs)


def _at_places(text: str, places: list[int], rule: Rule) -> Iterator[Span]:
    """What the rule finds at the places of its literal, save within what it found before."""
    find, searched = rule.find, 0
    for place in places:
        if place >= searched and (found := find(text, place)) is not None:
            yield from found.spans
            searched = found.end


def _disjoint(found: list[tuple[Span, int]]) -> list[Span]:
    """In order, and merged where they overlap: nothing that any rule found stays. The first in the table names the whole."""
    if not found:
        return []
    found.sort(key=lambda item: (item[0].start, -item[0].end, item[1]))
    merged = [found[0]]
    for span, rank in found[1:]:
        last, last_rank = merged[-1]
        if span.start >= last.end:
            merged.append((span, rank))
        elif (end := max(last.end, span.end)) > last.end or rank < last_rank:
            named = span if rank < last_rank else last
            merged[-1] = (
                Span(last.start, end, named.kind, named.continued and last.continued, last.lead),
                min(rank, last_rank),
            )
    return [span for span, _ in merged]


def _clear_of_markers(text: str, spans: list[Span]) -> list[Span]:
    """Without those that touch a marker: they are what is left around a secret that is gone already."""
    markers = [match.span() for match in MARKER.finditer(text)]
    starts, ends = [start for start, _ in markers], [end for _, end in markers]

    def is_clear(span: Span) -> bool:
        nearest = bisect_left(ends, span.start - span.lead)
        return nearest == len(starts) or starts[nearest] > span.end

    return [span for span in spans if is_clear(span)]


def _replace(text: str, spans: list[Span]) -> Redacted:
    pieces: list[str] = []
    findings: list[Finding] = []
    copied = length = 0
    for span in spans:
        sign = marker(span.kind)
        pieces += (text[copied : span.start], sign)
        length += span.start - copied
        findings.append(Finding(span.kind, length, length + len(sign), span.continued))
        length += len(sign)
        copied = span.end
    pieces.append(text[copied:])
    return Redacted("".join(pieces), tuple(findings))
