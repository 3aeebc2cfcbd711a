"""A judge that counts. No model, no network: the same trace always gets the same judgement.

It sees form, not truth: a wrong argument that is well formed scores well. Every judgement says that no language model was
involved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue

from app.models.judgement import DimensionScore, Estimate, JudgeIdentity, Judgement
from app.models.rubric import Dimension, Rubric
from app.qa.base import Evidence
from app.qa.judge.caps import CAPPING_FEATURES, CAPS, Cap
from app.qa.judge.features.measure import MAX_EVENTS, Measure
from app.qa.judge.features.registry import FEATURES, Feature, name_events
from app.qa.judge.features.session import Session
from app.qa.judge.features.sheets import SHEETS, Sheet
from app.qa.judge.record import Desk

IDENTITY = JudgeIdentity(kind="heuristic", name="features", version="4")
MIN_APPLICABLE_SHARE = 0.40
"""Below this share of applicable weight a dimension is not scored."""
STEPS_FOR_CONFIDENCE = 3
"""From so many reasoning steps on, their number is no reason for doubt."""
LOW_CONFIDENCE = 0.5
"""Below this a person should look."""
REFUTED = "refuted_record"
NEEDS_REVIEW = frozenset({REFUTED, "tests_weakened"})
"""Flags that ask for a person, whatever the confidence."""
NO_MODEL = (
    "Judged by counting; no language model was involved. Counting sees the form of the reasoning, not whether it is true."
)


class HeuristicJudge:
    """Scores a trace by features that can be counted."""

    def __init__(self, desk: Desk = Desk()) -> None:  # noqa: B008 - a frozen value
        self._desk = desk

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """One judgement: ``scored``; ``partial`` where a dimension has too little to count; ``not_scorable`` where every one
        has, or no event counts."""
        draft = self._desk.begin(evidence, rubric)
        sheet = SHEETS.of(evidence)
        session = sheet.session
        if not session.length:
            return (draft.finish(IDENTITY, "not_scorable", **_nothing_to_count(session)),)
        counted = _count(sheet, rubric)
        valued = {one.id: _value(one, counted) for one in rubric.dimensions}
        dimensions = {one.id: _scored(rubric, one, valued[one.id], counted) for one in rubric.dimensions}
        scores = {name: dimension.score for name, dimension in dimensions.items()}
        missing = [name for name, score in scores.items() if score is None]
        if len(missing) == len(scores):
            return (draft.finish(IDENTITY, "not_scorable", **_too_little_to_count(counted, missing)),)
        confidence = _confidence(rubric, dimensions)
        flags = _flags(session, counted.caps)
        judgement = draft.finish(
            IDENTITY,
            "partial" if missing else "scored",
            _reason(missing, session),
            dimensions=dimensions,
            total=rubric.total(scores),
            partial=rubric.partial(scores),
            feedback=_feedback(counted, missing),
            confidence=confidence,
            flags=flags,
            needs_review=confidence < LOW_CONFIDENCE or not NEEDS_REVIEW.isdisjoint(flags),
            counted=_facts(counted),
        )
        return (judgement,)

    def estimate(self, evidence: Evidence, rubric: Rubric) -> Estimate:  # noqa: ARG002 - the interface hands it in
        """Nothing: no model is asked."""
        return Estimate(rubric=rubric.ref, kind=IDENTITY.kind)


def measure_features(evidence: Evidence, names: Iterable[str] | None = None) -> Mapping[str, Measure]:
    """What the named features of a trace come to, or all of them, by id. Events that were refuted do not count."""
    return SHEETS.of(evidence).measures(FEATURES if names is None else names)


@dataclass(frozen=True)
class _Counted:
    session: Session
    measures: Mapping[str, Measure]
    caps: tuple[Cap, ...]
    has_hypothesis: bool


@dataclass(frozen=True)
class _Valued:
    value: float | None
    confidence: float | None = None
    reason: str = ""


def _count(sheet: Sheet, rubric: Rubric) -> _Counted:
    asked = {name for one in rubric.dimensions for name in (*one.heuristic, *one.never_above)}
    measures = sheet.measures(asked | CAPPING_FEATURES)
    values = {name: measure.value for name, measure in measures.items()}
    caps = tuple(cap for cap in CAPS if cap.applies(values))
    return _Counted(sheet.session, measures, caps, sheet.has_hypothesis)


def _value(dimension: Dimension, counted: _Counted) -> _Valued:
    """The weighted mean of the features that apply, held down by the caps and by the features that it is never above."""
    known = [(weight, counted.measures[name].value) for name, weight in dimension.heuristic.items()]
    applying = [(weight, value) for weight, value in known if value is not None]
    weight = sum(weight for weight, _ in applying)
    applicable = weight / sum(dimension.heuristic.values()) if dimension.heuristic else 0.0
    steps = len(counted.session.steps)
    if dimension.needs_reasoning and not steps:
        return _Valued(None, reason="Not scored: the trace holds no reasoning. It is missing, not bad.")
    if not applying or applicable < MIN_APPLICABLE_SHARE:
        return _Valued(None, reason="Not scored: too little of what would have to be counted is in the trace.")
    value = sum(weight * value for weight, value in applying) / weight
    if dimension.id == "hypothesis_formation" and not counted.has_hypothesis:
        value = 0.0
    return _Valued(min([value, *_limits(dimension, counted)]), applicable * min(1.0, steps / STEPS_FOR_CONFIDENCE))


def _limits(dimension: Dimension, counted: _Counted) -> list[float]:
    capped = [cap.limits[dimension.id] for cap in counted.caps if dimension.id in cap.limits]
    values = [counted.measures[name].value for name in dimension.never_above]
    return capped + [value for value in values if value is not None]


def _scored(rubric: Rubric, dimension: Dimension, valued: _Valued, counted: _Counted) -> DimensionScore:
    if valued.value is None:
        return DimensionScore(score=None, rationale=valued.reason)
    features = [FEATURES[name] for name in dict.fromkeys((*dimension.heuristic, *dimension.never_above))]
    caps = [cap for cap in counted.caps if dimension.id in cap.limits]
    said = [*(feature.say(counted.measures[feature.id]) for feature in features), *(f"{cap.sentence}." for cap in caps)]
    events = [event for feature in features for event in counted.measures[feature.id].events]
    score = rubric.scale.between(valued.value)
    return DimensionScore(
        score=score,
        level=rubric.scale.level_of(score),
        confidence=valued.confidence,
        rationale=" ".join(filter(None, said)),
        evidence=tuple(dict.fromkeys(events))[:MAX_EVENTS],
        flags=tuple(cap.flag for cap in caps),
    )


def _confidence(rubric: Rubric, dimensions: Mapping[str, DimensionScore]) -> float:
    """The weighted mean over all dimensions; one that is not scored counts as 0."""
    weights = [(one.weight, dimensions[one.id].confidence or 0.0) for one in rubric.dimensions]
    return min(1.0, sum(weight * confidence for weight, confidence in weights) / sum(weight for weight, _ in weights))


def _flags(session: Session, caps: Iterable[Cap]) -> tuple[str, ...]:
    return (*(cap.flag for cap in caps), *([REFUTED] if session.refuted else []))


def _reason(missing: list[str], session: Session) -> str | None:
    if not missing:
        return None
    return f"{'too_little_evidence' if session.steps else 'no_reasoning'}: {', '.join(missing)}"


def _nothing_to_count(session: Session) -> dict[str, Any]:
    if not session.refuted:
        return {"reason": "no_events", "feedback": f"{NO_MODEL} The trace holds no events."}
    return {
        "reason": "refuted: no event is left to count",
        "feedback": f"{NO_MODEL} {_refuted_sentence(session)} None is left.",
        "flags": (REFUTED,),
        "needs_review": True,
    }


def _too_little_to_count(counted: _Counted, missing: list[str]) -> dict[str, Any]:
    """Without a dimension there are no scores that a cap could hold down."""
    return {
        "reason": _reason(missing, counted.session),
        "feedback": _feedback(replace(counted, caps=()), missing),
        "flags": _flags(counted.session, ()),
        "needs_review": bool(counted.session.refuted),
        "counted": _facts(counted),
    }


def _feedback(counted: _Counted, missing: list[str]) -> str:
    refuted = [_refuted_sentence(counted.session)] if counted.session.refuted else []
    held = [f"{cap.sentence}." for cap in counted.caps]
    told = [FEATURES[name].say(measure) for name, measure in counted.measures.items()]
    left_out = [f"Not scored: {', '.join(missing)}."] if missing else []
    return " ".join([NO_MODEL, *refuted, *left_out, *held, *filter(None, told)])


def _refuted_sentence(session: Session) -> str:
    return f"What some events claim was refuted; they count in nothing ({name_events(session.refuted)})."


def _facts(counted: _Counted) -> dict[str, JsonValue]:
    session = counted.session
    return {
        "events": session.length,
        "refuted_events": len(session.refuted),
        "reasoning_steps": len(session.steps),
        "results": len(session.results),
        "test_runs": len(session.test_runs),
        "commands": len(session.commands),
        "edits": len(session.edits),
        "source_edits": len(session.source_edits),
        "test_edits": len(session.test_edits),
        "episodes": len(session.episodes),
        "english_cues_apply": session.cues_apply,
        "features": {name: _fact(FEATURES[name], measure) for name, measure in counted.measures.items()},
    }


def _fact(feature: Feature, measure: Measure) -> JsonValue:
    fact: dict[str, JsonValue] = {"name": feature.name, "value": measure.value, "events": list(measure.events)}
    if measure.counts is not None:
        fact["hits"], fact["of"] = measure.counts
    return fact
