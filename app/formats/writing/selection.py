"""Which traces an export is made of. Decisions alone: each trace passes, or is left out for one reason, which is counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from app.formats.writing.base import Needs, Scored
from app.formats.writing.pieces.facts import counts_of
from app.models.judgement import JudgeKind, Judgement
from app.models.qa import Verdict
from app.models.trace import Consent, Trace
from app.rules.vouching import Calibration

ConsentRule = Literal["given", "not_refused"]
ClaimsRule = Literal["any", "none_refuted"]
ReviewRule = Literal["any", "yes", "no"]

NOT_FINALIZED = "not_finalized"
NO_VERDICT = "verdict"
CONSENT_UNKNOWN = "consent_not_stated"
CONSENT_REFUSED = "consent_refused"
CLAIMS = "claims"
NOT_JUDGED = "not_judged"
SCORE = "score"
REVIEW = "needs_review"
NOT_CALIBRATED = "not_calibrated"
DUPLICATE = "duplicate"
UNREADABLE = "unreadable"
GONE = "changed_meanwhile"

REASONS = {
    NOT_FINALIZED: "not finalized: nothing is verified yet",
    NO_VERDICT: "another verdict than those that are asked for",
    CONSENT_UNKNOWN: "the session states no consent",
    CONSENT_REFUSED: "the session's consent leaves out content that the format cannot do without",
    CLAIMS: "claims were refuted, or too few are confirmed",
    NOT_JUDGED: "no score by the rubric or the judge that is asked for, or none at all",
    SCORE: "a lower or a higher score than is asked for",
    REVIEW: "the judgement asks, or does not ask, for a person's review",
    NOT_CALIBRATED: "a score by a judge or a rubric that the calibration report does not vouch for",
    DUPLICATE: "the same task and the same edits as another trace, which has a higher score or comes first",
    UNREADABLE: "what is stored cannot be read",
    GONE: "changed or deleted while the export went on",
    "no_counterpart": "no other attempt at the same bug to set it against",
    "no_verified_fix": "the format needs a fix of the bug that held",
    "same_task": "another trace stands for the same task",
}
"""Why traces are left out, in words."""


@dataclass(frozen=True)
class Filters:
    """What a trace has to be like. The defaults let pass whatever the format can use and its owner agreed to."""

    verdicts: frozenset[Verdict] | None = None
    """Those of the format where left out; none excluded where empty."""
    min_score: float | None = None
    max_score: float | None = None
    judge_kind: JudgeKind | None = None
    """The score that counts is one of such a judge."""
    rubric: str | None = None
    """The score that counts is one by this rubric."""
    needs_review: ReviewRule = "any"
    claims: ClaimsRule = "any"
    min_confirmed: float = 0.0
    """Share of the claims of a trace that have to be confirmed."""
    consent: ConsentRule = "given"
    """``not_refused``: also sessions that state no consent."""
    calibration: Calibration | None = None
    """The score that counts is by a judge that agrees with reviewers, as a comparison found."""


def verdicts_of(filters: Filters, needs: Needs) -> frozenset[Verdict] | None:
    """The verdicts that pass; ``None``: all."""
    return needs.verdicts if filters.verdicts is None else (filters.verdicts or None)


def reason_against(trace: Trace, scored: Scored, filters: Filters, needs: Needs) -> str | None:
    """Why a trace is left out; ``None`` where it passes. The first reason of the list counts."""
    if trace.status != "finalized" or trace.qa_results is None:
        return NOT_FINALIZED
    verdicts = verdicts_of(filters, needs)
    if verdicts is not None and trace.qa_results.verification.verdict not in verdicts:
        return NO_VERDICT
    return (
        _consent_against(trace, filters, needs)
        or _claims_against(trace, filters)
        or _score_against(scored, filters)
        or _calibration_against(trace, filters)
    )


def counted_score(trace: Trace, filters: Filters) -> Scored:
    """The score that counts: the newest one by the rubric and the judge that are asked for, or the trace's own."""
    results = trace.qa_results
    if results is None:
        return Scored()
    counted = _counted_judgement(trace, filters)
    if counted is not None:
        return _scored(counted)
    return Scored(results.reasoning_score, results.judge_kind) if _is_own_score(filters) else Scored()


def _counted_judgement(trace: Trace, filters: Filters) -> Judgement | None:
    """The judgement whose score counts; ``None`` where there is none, or the trace does not tell whose score it has."""
    if trace.qa_results is not None and _is_own_score(filters):
        score = trace.qa_results.reasoning_score
        own = [one for one in trace.qa_results.judgements if one.total is not None and one.total == score]
        return own[-1] if own else None
    fitting = [one for one in _judgements(trace) if one.total is not None and _fits(one, filters)]
    return max(fitting, key=lambda one: one.created_at, default=None)


def _is_own_score(filters: Filters) -> bool:
    return filters.rubric is None and filters.judge_kind is None


def _judgements(trace: Trace) -> Iterator[Judgement]:
    if trace.qa_results is not None:
        yield from trace.qa_results.judgements
    yield from trace.judgements


def _fits(judgement: Judgement, filters: Filters) -> bool:
    by_rubric = filters.rubric is None or judgement.rubric.id == filters.rubric
    return by_rubric and (filters.judge_kind is None or judgement.judge.kind == filters.judge_kind)


def _scored(judgement: Judgement) -> Scored:
    judge = judgement.judge.model or judgement.judge.name
    return Scored(judgement.total, judgement.judge.kind, judge, judgement.rubric.id, judgement.needs_review)


def _consent_against(trace: Trace, filters: Filters, needs: Needs) -> str | None:
    consent: Consent | None = trace.session.consent if trace.session is not None else None
    if consent is None:
        return CONSENT_UNKNOWN if filters.consent == "given" else None
    return None if all(getattr(consent, kind) for kind in needs.consent) else CONSENT_REFUSED


def _claims_against(trace: Trace, filters: Filters) -> str | None:
    counts = counts_of(trace)
    total = counts.confirmed + counts.refuted + counts.unverifiable
    if filters.claims == "none_refuted" and counts.refuted:
        return CLAIMS
    return CLAIMS if filters.min_confirmed > 0 and counts.confirmed < filters.min_confirmed * max(total, 1) else None


def _score_against(scored: Scored, filters: Filters) -> str | None:
    low, high = filters.min_score, filters.max_score
    asked = (filters.rubric, filters.judge_kind, filters.calibration, low, high) != (None,) * 5 or filters.needs_review != "any"
    if scored.total is None:
        return NOT_JUDGED if asked else None
    if (low is not None and scored.total < low) or (high is not None and scored.total > high):
        return SCORE
    if filters.needs_review != "any" and scored.needs_review != (filters.needs_review == "yes"):
        return REVIEW
    return None


def _calibration_against(trace: Trace, filters: Filters) -> str | None:
    if filters.calibration is None:
        return None
    counted = _counted_judgement(trace, filters)
    return None if counted is not None and filters.calibration.vouches_for(counted) else NOT_CALIBRATED
