"""What each event means to the session: its name and time, and whether it has to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from functools import cached_property, lru_cache

from app.models.events import CodeEdit, Event, FileClose, FileOpen, ReasoningStep, TerminalCommand, TestResult
from app.qa.judge.features.commands import CommandKind, read_command
from app.qa.judge.features.dangers import find_dangers
from app.qa.judge.features.reading import event_name
from app.qa.judge.injection import is_suspicious
from app.qa.judge.pieces import Piece, pieces_of
from app.qa.judge.rendering.levels import END_SHARE, LAST_EVENTS, START_SHARE
from app.qa.judge.visible import make_visible

MAX_COMMAND_READ = 400
"""Characters of a command that tell whether it runs tests or may do harm."""
SUMMARY_CHARACTERS = 2000
"""Characters at the end of a test run's output that tell whether it failed, where its exit code does not."""

_FAILED = re.compile(r"\b[1-9]\d{0,9} (?:failed|failing|failures?|errors?)\b", re.IGNORECASE)


class Keep(IntEnum):
    """What is left out last has the lowest number."""

    LANDMARK = 0
    """The first failing run, the last run, and the last events."""
    RECORD = 1
    """Test results, edits, and commands that stand out."""
    REASONING = 2
    OTHER = 3


@dataclass(frozen=True)
class Place:
    """One event of the session."""

    index: int
    """From 0."""
    event: Event
    seconds: int
    """Since the first event."""
    command: CommandKind | None = None
    keep: Keep = Keep.OTHER
    is_refuted: bool = False
    is_last: bool = False
    """Whether it is one of the last events."""
    is_inner: bool = False
    """Whether it lies between the start and the end of the session."""

    @property
    def name(self) -> str:
        """How it is called in the rendering."""
        return f"e{self.index + 1}"

    @property
    def own_name(self) -> str:
        """How the trace calls it."""
        return event_name(self.event, self.index)

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Its content with nothing hidden in it."""
        return tuple(replace(piece, text=make_visible(piece.text).strip("\n")) for piece in pieces_of(self.event))

    @property
    def is_opening(self) -> bool:
        """Whether a file was opened or closed."""
        return isinstance(self.event, FileOpen | FileClose)

    @property
    def is_run(self) -> bool:
        """Whether tests or another program ran, and could have failed."""
        return isinstance(self.event, TestResult) or self.command in ("test", "probe")

    @property
    def has_failed(self) -> bool:
        """Whether it is a run or command that failed, as far as the record tells."""
        if isinstance(self.event, TestResult):
            data = self.event.data
            return not data.tests_passed or bool(data.failed_tests) or bool(data.num_failed)
        if not isinstance(self.event, TerminalCommand):
            return False
        summary = self.event.data.output[-SUMMARY_CHARACTERS:]
        return bool(self.event.data.exit_code) or (self.command == "test" and _FAILED.search(summary) is not None)

    @property
    def is_plain_success(self) -> bool:
        """Whether it is a command that succeeded, ran no tests and does not stand out."""
        is_success = isinstance(self.event, TerminalCommand) and self.event.data.exit_code == 0 and not self.has_failed
        return is_success and self.command != "test" and self.keep is Keep.OTHER


def outline(events: Sequence[Event], refuted: frozenset[str]) -> tuple[Place, ...]:
    """Every event with its part in the session, in one walk."""
    places = list(_places(events, refuted))
    runs = [place.index for place in places if place.is_run]
    failed = [index for index in runs if places[index].has_failed]
    for index in {*failed[:1], *runs[-1:]}:
        places[index] = replace(places[index], keep=Keep.LANDMARK)
    return tuple(places)


def seconds_since(start: datetime, moment: datetime) -> int:
    """Whole seconds from one moment to another; without a zone, both are taken as UTC."""
    return round((_aware(moment) - _aware(start)).total_seconds())


def _places(events: Sequence[Event], refuted: frozenset[str]) -> Iterator[Place]:
    count = len(events)
    for index, event in enumerate(events):
        is_last = index >= count - LAST_EVENTS
        yield Place(
            index=index,
            event=event,
            seconds=seconds_since(events[0].timestamp, event.timestamp),
            command=_command_kind(event),
            keep=Keep.LANDMARK if is_last else _keep(event),
            is_refuted=event_name(event, index) in refuted,
            is_last=is_last,
            is_inner=count * START_SHARE <= index < count * (1 - END_SHARE),
        )


def _keep(event: Event) -> Keep:
    if isinstance(event, ReasoningStep):
        return Keep.REASONING
    if isinstance(event, CodeEdit | TestResult):
        return Keep.RECORD
    if isinstance(event, TerminalCommand) and (_is_dangerous(event.data.command[:MAX_COMMAND_READ]) or is_suspicious(event)):
        return Keep.RECORD
    return Keep.OTHER


def _command_kind(event: Event) -> CommandKind | None:
    return _kind_of(event.data.command[:MAX_COMMAND_READ]) if isinstance(event, TerminalCommand) else None


@lru_cache(maxsize=10_000)
def _kind_of(command: str) -> CommandKind:
    return read_command(command).kind


@lru_cache(maxsize=10_000)
def _is_dangerous(command: str) -> bool:
    return bool(find_dangers(command))


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
