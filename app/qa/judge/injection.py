"""Text in a session that tries to steer a judge: found by its looks, for a person to see. No score is changed by it.

The list is there to draw attention, not to protect: whoever knows it can write around it. What protects is the form in which a
model is shown a session (``rendering``).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ahocorasick_rs import AhoCorasick

from app.models.events import Event
from app.qa.judge.features.reading import event_name
from app.qa.judge.injection_patterns import HIDDEN, PATTERNS
from app.utils.text import head_and_tail

FLAG = "suspected_injection"
"""What a judgement is flagged with."""

MAX_TEXT_CHARACTERS = 100_000
"""How much of one text is looked at: its beginning and its end."""
WINDOW = 4000
"""Characters that are looked at together."""
OVERLAP = 800
"""Longer than anything that a pattern matches."""

_ANCHOR_TEXTS = sorted({anchor for pattern in PATTERNS for anchor in pattern.anchors})
_ANCHORS = AhoCorasick(_ANCHOR_TEXTS)
_PATTERNS_OF = [
    tuple(number for number, pattern in enumerate(PATTERNS) if anchor in pattern.anchors) for anchor in _ANCHOR_TEXTS
]
_NOT_SEEN = re.compile("[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]")


@dataclass(frozen=True)
class SuspectedInjection:
    """An event that holds such a text."""

    event: str
    """The trace's own id of it, or its place where it has none."""
    pattern: str
    """A short name for what it looks like."""


def suspicious_events(events: Sequence[Event]) -> tuple[SuspectedInjection, ...]:
    """What stands out in which event, in the order of the events; once for each event and pattern. Every text of an event is
    looked at, whether or not a judge is shown it; of a long one, the two ends. Takes time in proportion to the texts."""
    return tuple(
        SuspectedInjection(event_name(event, index), pattern)
        for index, event in enumerate(events)
        for pattern in dict.fromkeys(found for text in _texts_of(event) for found in find_patterns(text))
    )


def is_suspicious(event: Event) -> bool:
    """Whether anything stands out in an event."""
    return any(True for text in _texts_of(event) for _ in find_patterns(text))


def find_patterns(text: str) -> Iterator[str]:
    """Names of what a text looks like; a name may come twice."""
    if not text.isascii() or "\x1b" in text:
        yield from (name for name, expression in HIDDEN if expression.search(text))
    folded = _fold(text)
    for start, number in sorted(_anchored(folded)):
        if PATTERNS[number].expression.search(folded, start, start + WINDOW) is not None:
            yield PATTERNS[number].name


def _anchored(folded: str) -> set[tuple[int, int]]:
    """Where which pattern is worth a try: starts of windows that hold one of its anchors, which few do."""
    step = WINDOW - OVERLAP
    last = (max(1, len(folded) - OVERLAP) - 1) // step
    found: set[tuple[int, int]] = set()
    for anchor, start, end in _ANCHORS.find_matches_as_indexes(folded, overlapping=True):
        first = max(0, -(-(end - WINDOW) // step))
        for window in range(first, min(last, start // step) + 1):
            found.update((window * step, number) for number in _PATTERNS_OF[anchor])
    return found


def _fold(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", _NOT_SEEN.sub("", text)).lower()


def _texts_of(event: Event) -> Iterator[str]:
    """Every text that an event holds, those of free fields included."""
    yield event.event_id or ""
    for name in type(event.data).model_fields:
        yield from _texts_in(getattr(event.data, name))


def _texts_in(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield head_and_tail(item, MAX_TEXT_CHARACTERS)
        elif isinstance(item, dict):
            waiting += _both(item)
        elif isinstance(item, list | tuple):
            waiting += item


def _both(item: dict[str, Any]) -> Iterable[Any]:
    return [*item.keys(), *item.values()]
