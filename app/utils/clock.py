"""The clock, as a value that is handed in: nothing else in the application asks for the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The current time, with its zone."""
    return datetime.now(UTC)


def in_zone(moment: datetime) -> datetime:
    """The moment with a zone: its own, or UTC where it has none."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
