"""What a model is shown of a session, and the forms that every line of it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BYTES_PER_TOKEN = 3
MARGIN = "| "
"""Before every line of content, and before nothing else."""
REFUTED = "[refuted: what this event claims was checked and did not hold]"
CUT = "…"
"""Stands in ``content_of`` where something was left out, so that no quote reaches across it."""


@dataclass(frozen=True)
class Rendering:
    """What a model is shown of a session. Events are named ``e1`` … ``eN`` by their place; an omitted one is in no mapping."""

    text: str
    nonce: str
    shown: Mapping[str, str]
    """The trace's own event id by the name it is shown under."""
    blocks: Mapping[str, str]
    """The rendered content by the same name, header left out."""
    kinds: Mapping[str, str]
    """The event type by the same name."""
    refuted: frozenset[str]
    """Names of the events that are marked as refuted."""
    level: int
    """From 0, everything, to 4, the least."""
    events_total: int
    lines_left_out: int = 0
    """Of the events that are shown."""
    characters_left_out: int = 0
    """Of the events that are shown, besides whole lines."""

    @property
    def events_left_out(self) -> int:
        """Events that are not shown at all."""
        return self.events_total - len(self.shown)

    def content_of(self, name: str) -> str:
        """What of an event is shown, without margins and statements of ours; ``…`` on a line of its own where something was
        left out.

        Raises:
            KeyError: it is not shown.
        """
        lines = (line.removeprefix(MARGIN) if line.startswith(MARGIN) else CUT for line in self.blocks[name].split("\n"))
        return "\n".join(lines).removeprefix(f"{CUT}\n" if name in self.refuted else "")


@dataclass(frozen=True)
class Omission:
    """Something of an event's content that is not shown."""

    count: int
    unit: str
    """``line`` or ``character``."""

    def __str__(self) -> str:
        return f"[{self.count} {self.unit}{'' if self.count == 1 else 's'} left out]"


Line = str | Omission
"""One line of content, without its margin, or a statement in its place."""


def header(nonce: str, name: str, kind: str, seconds: int) -> str:
    """The line that an event begins with."""
    return f"<<{nonce} {name} {kind} {seconds:+d}s>>"


def events_left_out(first: int, last: int) -> str:
    """The statement in place of a row of events, by their places from 0."""
    if first == last:
        return f"[1 event left out: e{first + 1}]"
    return f"[{last - first + 1} events left out: e{first + 1} to e{last + 1}]"


def estimate_tokens(text: str) -> int:
    """How many tokens a text may take: UTF-8 bytes ÷ 3."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
