"""Which parts of a text are shown. A choice is a list of spans in order; what lies between them is counted and stated.

Every function takes time in proportion to the text, however long its lines are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from app.qa.judge.rendering.rendered import Line, Omission

Span = tuple[int, int]
"""Start and end of a part of a text."""

FIRST_HITS, LAST_HITS = 10, 20
LAST_HITS_WINDOW = 20_000
"""The last hits are looked for in so many characters at the end."""
BEFORE_HIT, AFTER_HIT = 250, 400
"""How much is shown around a hit at most, in characters."""


def everything(text: str) -> list[Span]:
    """The whole text."""
    return [(0, len(text))]


def ends_by_lines(text: str, head: int, tail: int) -> list[Span]:
    """The first and last lines."""
    after_head = _after_lines(text, 0, head)
    before_tail = _before_lines(text, len(text), tail)
    if after_head >= before_tail - 1:
        return everything(text)
    return [(0, after_head), (before_tail, len(text))]


def lines_with(text: str, pattern: re.Pattern[str], around: int = 0) -> list[Span]:
    """The first and the last lines in which the pattern is found, with their neighbours; long ones in part."""
    tail_from = max(0, len(text) - LAST_HITS_WINDOW)
    first = _hits(text, pattern, 0, FIRST_HITS)
    last = _hits(text, pattern, tail_from)[-LAST_HITS:] if first and (tail_from == 0 or len(first) == FIRST_HITS) else []
    return union(_around(text, hit, around) for hit in (*first, *last))


def rows_of(text: str, pattern: re.Pattern[str]) -> list[Span]:
    """What the pattern matches, without the line feeds at its ends; it should match rows of whole lines."""
    spans = (match.span() for match in pattern.finditer(text))
    return [(start, end - 1 if text[end - 1] == "\n" else end) for start, end in spans if end > start]


def within(spans: Sequence[Span], limit: int) -> list[Span]:
    """The spans with so much taken from their middle that ``limit`` characters stay: a third of it first, the rest last."""
    total = size(spans)
    if total <= limit:
        return list(spans)
    return [*_take(spans, 0, limit // 3), *_take(spans, total - (limit - limit // 3), total)]


def size(spans: Iterable[Span]) -> int:
    """Characters in all the spans."""
    return sum(end - start for start, end in spans)


def union(groups: Iterable[Iterable[Span]]) -> list[Span]:
    """All the spans, those that overlap as one."""
    merged: list[Span] = []
    for start, end in sorted(chain.from_iterable(groups)):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def show(text: str, spans: Sequence[Span]) -> Iterator[Line]:
    """The lines of the spans, with a statement wherever something is missing."""
    place = 0
    for start, end in spans:
        yield from _missing(text, place, start)
        yield from text[start:end].split("\n")
        place = end
    yield from _missing(text, place, len(text))


def _missing(text: str, start: int, end: int) -> Iterator[Omission]:
    """What is missing between two places: whole lines where both stand at the end of one, characters otherwise."""
    if start == end:
        return
    if (start == 0 or text[start] == "\n") and (end == len(text) or text[end - 1] == "\n"):
        lines = text.count("\n", start, end) - (start > 0) + (end == len(text))
        if lines:
            yield Omission(lines, "line")
    else:
        yield Omission(end - start, "character")


def _take(spans: Sequence[Span], first: int, last: int) -> Iterator[Span]:
    """The part of the spans between two places, counted in characters over all of them."""
    place = 0
    for start, end in spans:
        low, high = max(start, start + first - place), min(end, start + last - place)
        if low < high:
            yield low, high
        place += end - start


def _hits(text: str, pattern: re.Pattern[str], start: int, most: int | None = None) -> list[int]:
    """Where the pattern is found, once in a line."""
    found: list[int] = []
    match = pattern.search(text, start)
    while match is not None and (most is None or len(found) < most):
        found.append(match.start())
        line_end = text.find("\n", match.start())
        match = pattern.search(text, line_end) if line_end >= 0 else None
    return found


def _around(text: str, hit: int, lines: int) -> list[Span]:
    """The line of a hit, or the part of a long one; with the lines around it where they are short enough."""
    start, end = text.rfind("\n", 0, hit) + 1, _line_end(text, hit)
    low, high = _before_lines(text, end, lines + 1), _after_lines(text, start, lines + 1)
    first = next((place for place in (low, start) if hit - place <= BEFORE_HIT), hit - BEFORE_HIT)
    last = next((place for place in (high, end) if place - hit <= AFTER_HIT), hit + AFTER_HIT)
    return [(first, last)]


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _after_lines(text: str, start: int, count: int) -> int:
    """Where the line ends that is the ``count``-th from the one that begins at ``start``."""
    end = _line_end(text, start)
    for _ in range(count - 1):
        if end == len(text):
            break
        end = _line_end(text, end + 1)
    return end


def _before_lines(text: str, end: int, count: int) -> int:
    """Where the line begins that is the ``count``-th back from the one that ends at ``end``."""
    start = text.rfind("\n", 0, end) + 1
    for _ in range(count - 1):
        if start == 0:
            break
        start = text.rfind("\n", 0, start - 1) + 1
    return start
