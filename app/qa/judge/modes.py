"""Which judge is asked: ``auto``, ``llm``, ``heuristic`` or ``off``."""

from __future__ import annotations

from typing import Literal

from app.models.qa import JudgeIdentity, Judgement
from app.qa.base import Evidence, Judge
from app.qa.judge.calls import LLMConfig
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.llm import LLMJudge
from app.qa.judge.rubric import Rubric
from app.utils.clock import Clock, utc_now

JudgeMode = Literal["auto", "llm", "heuristic", "off"]

_ANSWERED = ("scored", "partial")


def make_judge(mode: JudgeMode, rubric: Rubric, llm: LLMConfig | None, now: Clock = utc_now) -> Judge:
    """The judge of a mode. ``llm`` is ``None`` where no key is set; ``auto`` then counts, and ``llm`` declines."""
    if mode == "off":
        skipped = JudgeIdentity(kind="heuristic", name="off", version="1")
        return DecliningJudge(rubric, skipped, "skipped", "switched_off: the judge is switched off", now)
    if mode == "heuristic" or (mode == "auto" and llm is None):
        return HeuristicJudge(rubric, now)
    if llm is None:
        unset = JudgeIdentity(kind="llm", name="chat", version="1")
        return DecliningJudge(rubric, unset, "failed", "configuration: no API key is set", now)
    asked = LLMJudge(rubric, llm, now)
    return FallbackJudge(asked, HeuristicJudge(rubric, now)) if mode == "auto" else asked


class DecliningJudge:
    """Judges nothing, and says why."""

    def __init__(
        self,
        rubric: Rubric,
        identity: JudgeIdentity,
        status: Literal["skipped", "failed"],
        reason: str,
        now: Clock = utc_now,
    ) -> None:
        self._rubric = rubric
        self._identity = identity
        self._status: Literal["skipped", "failed"] = status
        self._reason = reason
        self._now = now

    def judge(self, evidence: Evidence) -> tuple[Judgement, ...]:  # noqa: ARG002 - the interface hands it in
        """One judgement without scores."""
        judgement = Judgement(
            rubric=self._rubric.ref,
            judge=self._identity,
            status=self._status,
            reason=self._reason,
            created_at=self._now(),
            duration_ms=0,
        )
        return (judgement,)


class FallbackJudge:
    """Asks one judge, and a second one where the first gave no scores. Neither stands in for the other: the first one
    stays in charge."""

    def __init__(self, first: Judge, beside: Judge) -> None:
        self._first = first
        self._beside = beside

    def judge(self, evidence: Evidence) -> tuple[Judgement, ...]:
        """The first judge's judgements; where the last of them holds no scores, the second judge's stand before them."""
        judgements = self._first.judge(evidence)
        if judgements and judgements[-1].status in _ANSWERED:
            return judgements
        return (*self._beside.judge(evidence), *judgements)
