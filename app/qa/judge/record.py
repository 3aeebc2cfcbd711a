"""What every judgement begins with: whose it is, of what, by which rubric, and when."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.models.judgement import JudgeIdentity, Judgement, JudgementStatus
from app.models.rubric import Rubric
from app.qa.base import Evidence
from app.utils.clock import Clock, utc_now
from app.utils.ids import NewId, new_uuid


@dataclass(frozen=True)
class Draft:
    """A judgement that is being made."""

    evidence: Evidence
    rubric: Rubric
    judgement_id: str
    started_at: datetime
    _start: float
    _monotonic: Callable[[], float]

    def finish(self, judge: JudgeIdentity, status: JudgementStatus, reason: str | None = None, **fields: Any) -> Judgement:
        """The judgement, made by now."""
        return Judgement(
            judgement_id=self.judgement_id,
            trace_id=self.evidence.trace.trace_id,
            trace_hash=self.evidence.trace_hash,
            rubric=self.rubric.ref,
            judge=judge,
            status=status,
            reason=reason,
            created_at=self.started_at,
            duration_ms=round((self._monotonic() - self._start) * 1000),
            **fields,
        )


@dataclass(frozen=True)
class Desk:
    """Where judgements are begun: with a clock, a stopwatch and a source of ids."""

    now: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic
    new_id: NewId = new_uuid

    def begin(self, evidence: Evidence, rubric: Rubric) -> Draft:
        """Note what is judged, and when that began."""
        return Draft(evidence, rubric, self.new_id(), self.now(), self.monotonic(), self.monotonic)
