"""What a model is shown of a session, and the forms that every line of it has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

BYTES_PER_TOKEN = 3
MARGIN = "| "
"""Before every line of content, and before nothing else."""
LABEL_MARGIN = "|# "
"""Before every label of ours. Content has a space behind its bar, so that no line of it can begin so."""
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
        """What of an event can be quoted: its content, and facts of ours such as the exit code, without margins, names of
        pieces and statements; ``…`` on a line of its own where something was left out.

        Raises:
            KeyError: it is not shown.
        """
        lines = map(_quotable, self.blocks[name].split("\n"))
        return "\n".join(line for line in lines if line is not None)


@dataclass(frozen=True)
class Label:
    """What the lines below it are; or a fact about the event, in words and numbers of ours alone."""

    name: str
    fact: str = ""

    def __str__(self) -> str:
        return f"{LABEL_MARGIN}{self.name}: {self.fact}" if self.fact else f"{LABEL_MARGIN}{self.name}:"


@dataclass(frozen=True)
class Omission:
    """Something of an event's content that is not shown."""

    count: int
    unit: str
    """``line`` or ``character``."""

    def __str__(self) -> str:
        return f"[{self.count} {self.unit}{'' if self.count == 1 else 's'} left out]"


Line = str | Label | Omission
"""One line of content, without its margin; a label; or a statement in place of content."""


def header(nonce: str, name: str, kind: str, seconds: int) -> str:
    """The line that an event begins with."""
    return f"<<{nonce} {name} {kind} {seconds:+d}s>>"


def events_left_out(first: int, last: int) -> str:
    """The statement in place of a row of events, by their places from 0."""
    if first == last:
        return f"[1 event left out: e{first + 1}]"
    return f"[{last - first + 1} events left out: e{first + 1} to e{last + 1}]"


def _quotable(line: str) -> str | None:
    """What can be quoted of a line that is shown; ``None`` where it is ours and says nothing of the record."""
    if line.startswith(MARGIN):
        return line.removeprefix(MARGIN)
    if line.startswith(LABEL_MARGIN):
        return None if line.endswith(":") else line.removeprefix(LABEL_MARGIN)
    return None if line == REFUTED else CUT


def estimate_tokens(text: str) -> int:
    """How many tokens a text may take: UTF-8 bytes ÷ 3."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN)
