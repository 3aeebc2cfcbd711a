"""What a feature of a session came to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MAX_EVENTS = 12


@dataclass(frozen=True)
class Measure:
    """The value of a feature, and what it rests on."""

    value: float | None
    """From 0 to 1, higher is better; ``None`` where the feature does not apply."""
    events: tuple[str, ...] = ()
    """Ids of the events behind it: the first ``MAX_EVENTS`` of them, in the order they were found. Where nothing was found to
    name, those that were looked at."""
    counts: tuple[int, int] | None = None
    """How many of how many, where the value is a share."""


NOT_APPLICABLE = Measure(None)


def measured(value: float, events: Iterable[str] = ()) -> Measure:
    """A value in [0, 1] with its events, each named once."""
    return Measure(min(1.0, max(0.0, value)), _first(events))


def share(hits: int, total: int, events: Iterable[str] = ()) -> Measure:
    """``hits`` of ``total``; not applicable where there is nothing to take a share of."""
    return Measure(hits / total, _first(events), (hits, total)) if total else NOT_APPLICABLE


def _first(events: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for event in events:
        found[event] = None
        if len(found) == MAX_EVENTS:
            break
    return tuple(found)
