"""Which judge is asked: ``auto``, ``llm``, ``heuristic`` or ``off``."""

from __future__ import annotations

from typing import Literal

from app.models.judgement import Estimate, JudgeIdentity, Judgement, JudgeMode
from app.models.rubric import Rubric
from app.qa.base import Evidence, Judge
from app.qa.judge.record import Desk

OFF = JudgeIdentity(kind="heuristic", name="off", version="1")
NO_MODEL = JudgeIdentity(kind="llm", name="chat", version="2")


def judge_of_mode(mode: JudgeMode, heuristic: Judge, llm: Judge | None, desk: Desk = Desk()) -> Judge:  # noqa: B008 - a frozen value
    """The judge of a mode. ``llm`` is ``None`` where no key is set; ``auto`` then counts, and ``llm`` declines."""
    if mode == "off":
        return DecliningJudge(OFF, "skipped", "switched_off: the judge is switched off", desk)
    if mode == "heuristic" or (mode == "auto" and llm is None):
        return heuristic
    if llm is None:
        return DecliningJudge(NO_MODEL, "failed", "configuration: no API key is set", desk)
    return FallbackJudge(llm, heuristic) if mode == "auto" else llm


class DecliningJudge:
    """Judges nothing, and says why."""

    def __init__(
        self,
        identity: JudgeIdentity,
        status: Literal["skipped", "failed"],
        reason: str,
        desk: Desk = Desk(),  # noqa: B008 - a frozen value
    ) -> None:
        self._identity = identity
        self._status: Literal["skipped", "failed"] = status
        self._reason = reason
        self._desk = desk

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """One judgement without scores."""
        return (self._desk.begin(evidence, rubric).finish(self._identity, self._status, self._reason),)

    def estimate(self, evidence: Evidence, rubric: Rubric) -> Estimate:  # noqa: ARG002 - the interface hands it in
        """Nothing."""
        return Estimate(rubric=rubric.ref, kind=self._identity.kind)


class FallbackJudge:
    """Asks one judge, and a second one where the first gave no scores. Neither stands in for the other: the first one
    stays in charge."""

    def __init__(self, first: Judge, beside: Judge) -> None:
        self._first = first
        self._beside = beside

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """The first judge's judgements; where the last of them holds no scores, the second judge's stand before them."""
        judgements = self._first.judge(evidence, rubric)
        if judgements and _holds_scores(judgements[-1]):
            return judgements
        return (*self._beside.judge(evidence, rubric), *judgements)

    def estimate(self, evidence: Evidence, rubric: Rubric) -> Estimate:
        """What the first judge would take."""
        return self._first.estimate(evidence, rubric)


def _holds_scores(judgement: Judgement) -> bool:
    return any(dimension.score is not None for dimension in judgement.dimensions.values())
