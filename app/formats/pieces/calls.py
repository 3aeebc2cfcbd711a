"""A call of a tool and what came of it, joined by the call's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Result:
    """What a tool answered."""

    output: str = ""
    when: datetime | None = None
    is_error: bool | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The answer as the source has it."""


@dataclass
class Call:
    """What an agent had a tool do."""

    key: str
    """The source's own id of the call."""
    tool: str
    arguments: Mapping[str, Any]
    when: datetime | None = None
    result: Result | None = None

    @property
    def elapsed_ms(self) -> int | None:
        """From the call to its answer, by the source's clock: more than the tool's own time."""
        if self.result is None or self.when is None or self.result.when is None:
            return None
        if (self.when.tzinfo is None) != (self.result.when.tzinfo is None):
            return None
        elapsed = (self.result.when - self.when).total_seconds()
        return round(elapsed * 1000) if elapsed >= 0 else None
