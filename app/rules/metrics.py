"""Counts over the events of a trace, one event at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from app.models.events import CodeEdit, Event
from app.models.trace import Metrics
from app.utils.clock import in_zone

_CHANGED_LINE = re.compile(r"\n(?:\+(?!\+\+ )|-(?!-- ))")
"""A line that a diff adds or removes; a line that names a file is none. ``str.count`` takes several times as long."""


class EventFacts(NamedTuple):
    """What of an event is counted."""

    event_type: str
    timestamp: datetime
    edited_path: str | None = None
    churn_lines: int = 0


def facts_of(event: Event) -> EventFacts:
    """The facts of an event."""
    if isinstance(event, CodeEdit):
        return EventFacts(event.event_type, in_zone(event.timestamp), event.data.file_path, _churn(event.data.diff))
    return EventFacts(event.event_type, in_zone(event.timestamp))


def facts_of_stored(fields: Mapping[str, Any]) -> EventFacts:
    """The facts of an event's parsed JSON."""
    timestamp = datetime.fromisoformat(fields["timestamp"])
    if fields["event_type"] == "code_edit":
        return EventFacts("code_edit", timestamp, fields["data"]["file_path"], _churn(fields["data"]["diff"]))
    return EventFacts(fields["event_type"], timestamp)


@dataclass
class Tally:
    """The counts so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    paths: set[str] = field(default_factory=set)
    churn_lines: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, facts: EventFacts) -> None:
        """Count an event."""
        self.add_all((facts,))

    def add_all(self, events: Iterable[EventFacts]) -> None:
        """Count events."""
        kinds, paths = self.kinds, self.paths
        first, last, churn_lines = self.first, self.last, self.churn_lines
        for event_type, timestamp, edited_path, churn in events:
            kinds[event_type] += 1
            if edited_path is not None:
                paths.add(edited_path)
                churn_lines += churn
            if first is None or timestamp < first:
                first = timestamp
            if last is None or timestamp > last:
                last = timestamp
        self.first, self.last, self.churn_lines = first, last, churn_lines

    def metrics(self) -> Metrics:
        """The metrics of what was counted; all zero where nothing was."""
        return Metrics(
            duration_s=(self.last - self.first).total_seconds() if self.first and self.last else 0.0,
            num_events=self.kinds.total(),
            num_edits=self.kinds["code_edit"],
            num_cmds=self.kinds["terminal_command"],
            num_test_runs=self.kinds["test_result"],
            files_touched=len(self.paths),
            edit_churn_lines=self.churn_lines,
        )


def measure(facts: Iterable[EventFacts]) -> Metrics:
    """The metrics of a session."""
    tally = Tally()
    tally.add_all(facts)
    return tally.metrics()


def _churn(diff: str) -> int:
    """Lines added plus lines removed, also of a diff that is not well-formed."""
    return len(_CHANGED_LINE.findall("\n" + diff))
