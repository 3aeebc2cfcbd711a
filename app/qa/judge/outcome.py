"""From judgements to the score at the top of a trace's results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.models.judgement import JudgeKind, Judgement
from app.qa.judge.rubric import REASONING

MIN_SCORE, MAX_SCORE = 1.0, 5.0


@dataclass(frozen=True)
class ReasoningOutcome:
    """The score of the reasoning, and whose it is."""

    score: float | None
    """From 1.0 to 5.0; ``None`` where the deciding judgement holds no total."""
    feedback: str
    """What the judge says, or why there is no score."""
    judge_kind: JudgeKind | None
    """Of the judgement that the score came from; ``None`` without a score."""


def reasoning_outcome(judgements: Sequence[Judgement]) -> ReasoningOutcome:
    """The last judgement by the reasoning rubric decides; no other one stands in for it."""
    found = [judgement for judgement in judgements if judgement.rubric.id == REASONING]
    if not found:
        return ReasoningOutcome(None, "No reasoning score: no judge was asked.", None)
    *others, deciding = found
    if deciding.total is not None:
        score = min(MAX_SCORE, max(MIN_SCORE, deciding.total))
        return ReasoningOutcome(score, deciding.feedback, deciding.judge.kind)
    return ReasoningOutcome(None, _explanation(deciding, others), None)


def _explanation(deciding: Judgement, others: Sequence[Judgement]) -> str:
    who = "language model" if deciding.judge.kind == "llm" else "heuristic judge"
    beside = [other.judge.kind for other in others if other.dimensions]
    parts = [
        f"No reasoning score: {who}, {deciding.status} ({deciding.reason or 'no reason given'}).",
        f"A {beside[-1]} judgement stands beside it and does not take its place." if beside else "",
        deciding.feedback,
    ]
    return " ".join(part for part in parts if part)
