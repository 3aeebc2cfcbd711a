"""A judge that counts. No model, no network: the same trace always gets the same judgement.

It sees form, not truth: a wrong argument that is well formed scores well. Every judgement says that no language model was
involved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from app.models.judgement import DimensionScore, JudgeIdentity, Judgement
from app.models.rubric import Dimension, Rubric
from app.qa.base import Evidence
from app.qa.judge.caps import CAPS, Cap
from app.qa.judge.features.hypotheses import find_hypotheses
from app.qa.judge.features.measure import MAX_EVENTS, Measure
from app.qa.judge.features.reading import read_session
from app.qa.judge.features.registry import FEATURES, Feature
from app.qa.judge.features.session import Session
from app.qa.judge.record import Desk

IDENTITY = JudgeIdentity(kind="heuristic", name="features", version="1")
MIN_APPLICABLE_SHARE = 0.40
"""Below this share of applicable weight a dimension is not scored."""
STEPS_FOR_CONFIDENCE = 3
GOOD, POOR = 0.75, 0.5
EVENTS_IN_SENTENCE = 3
NO_MODEL = (
    "Judged by counting; no language model was involved. Counting sees the form of the reasoning, not whether it is true."
)


@dataclass(frozen=True)
class _Counted:
    session: Session
    measures: Mapping[str, Measure]
    caps: tuple[Cap, ...]
    has_hypothesis: bool


@dataclass(frozen=True)
class _Valued:
    value: float | None
    applicable: float
    """The share of the weight whose features apply."""
    reason: str = ""


class HeuristicJudge:
    """Scores a trace by features that can be counted."""

    def __init__(self, desk: Desk = Desk()) -> None:  # noqa: B008 - a frozen value
        self._desk = desk

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        """One judgement: ``scored``; ``partial`` where a dimension has too little to count; ``not_scorable`` without events."""
        draft = self._desk.begin(evidence, rubric)
        if not evidence.trace.events:
            return (draft.finish(IDENTITY, "not_scorable", "no_events", feedback=f"{NO_MODEL} The trace holds no events."),)
        counted = _count(read_session(evidence.trace.events), rubric)
        valued = {dimension.id: _value(dimension, counted) for dimension in rubric.dimensions}
        dimensions = {one.id: _scored(rubric, one, valued[one.id], counted) for one in rubric.dimensions}
        scores = {name: dimension.score for name, dimension in dimensions.items()}
        missing = [name for name, score in scores.items() if score is None]
        judgement = draft.finish(
            IDENTITY,
            "partial" if missing else "scored",
            _reason(missing, counted.session),
            dimensions=dimensions,
            total=rubric.total(scores),
            partial=rubric.partial(scores),
            feedback=_feedback(counted, missing),
            counted=_facts(counted, valued),
            flags=tuple(cap.flag for cap in counted.caps),
        )
        return (judgement,)


def _scored(rubric: Rubric, dimension: Dimension, valued: _Valued, counted: _Counted) -> DimensionScore:
    if valued.value is None:
        return DimensionScore(score=None, rationale=valued.reason)
    features = [FEATURES[name] for name in dimension.heuristic]
    sentences = [_sentence(feature, counted.measures[feature.id]) for feature in features]
    held = [f"{cap.sentence}." for cap in counted.caps if dimension.id in cap.limits]
    events = [event for feature in features for event in counted.measures[feature.id].events]
    score = rubric.scale.between(valued.value)
    return DimensionScore(
        score=score,
        level=rubric.scale.level_of(score),
        rationale=" ".join(sentence for sentence in [*sentences, *held] if sentence),
        evidence=tuple(dict.fromkeys(events))[:MAX_EVENTS],
    )


def _count(session: Session, rubric: Rubric) -> _Counted:
    wanted = {name for dimension in rubric.dimensions for name in dimension.heuristic}
    measures = {name: FEATURES[name].measure(session) for name in FEATURES if name in wanted}
    values = {name: measure.value for name, measure in measures.items()}
    caps = tuple(cap for cap in CAPS if cap.applies(values))
    return _Counted(session, measures, caps, bool(find_hypotheses(session)))


def _value(dimension: Dimension, counted: _Counted) -> _Valued:
    """The weighted mean of the features that apply, held down by the caps."""
    known = [(weight, counted.measures[name].value) for name, weight in dimension.heuristic.items()]
    applying = [(weight, value) for weight, value in known if value is not None]
    weight = sum(weight for weight, _ in applying)
    applicable = weight / sum(dimension.heuristic.values()) if dimension.heuristic else 0.0
    if dimension.needs_reasoning and not counted.session.steps:
        return _Valued(None, applicable, "Not scored: the trace holds no reasoning. It is missing, not bad.")
    if not applying or applicable < MIN_APPLICABLE_SHARE:
        return _Valued(None, applicable, "Not scored: too little of what would have to be counted is in the trace.")
    value = sum(weight * value for weight, value in applying) / weight
    if dimension.id == "hypothesis_formation" and not counted.has_hypothesis:
        value = 0.0
    limits = [cap.limits[dimension.id] for cap in counted.caps if dimension.id in cap.limits]
    return _Valued(min([value, *limits]), applicable)


def _reason(missing: list[str], session: Session) -> str | None:
    if not missing:
        return None
    return f"{'too_little_evidence' if session.steps else 'no_reasoning'}: {', '.join(missing)}"


def _sentence(feature: Feature, measure: Measure) -> str:
    if measure.value is None:
        return ""
    said = feature.good if measure.value >= GOOD else feature.poor if measure.value < POOR else feature.between
    share = f"{measure.counts[0]} of {measure.counts[1]}" if measure.counts else ""
    events = ", ".join(measure.events[:EVENTS_IN_SENTENCE])
    more = ", …" if len(measure.events) > EVENTS_IN_SENTENCE else ""
    beside = "; ".join(part for part in (share, events + more) if part)
    return f"{said} ({beside})." if beside else f"{said}."


def _feedback(counted: _Counted, missing: list[str]) -> str:
    held = [f"{cap.sentence}." for cap in counted.caps]
    told = [_sentence(FEATURES[name], measure) for name, measure in counted.measures.items()]
    left_out = [f"Not scored: {', '.join(missing)}."] if missing else []
    return " ".join([NO_MODEL, *left_out, *held, *filter(None, told)])


def _facts(counted: _Counted, valued: Mapping[str, _Valued]) -> dict[str, JsonValue]:
    session = counted.session
    depth = min(1.0, len(session.steps) / STEPS_FOR_CONFIDENCE)
    return {
        "events": session.length,
        "reasoning_steps": len(session.steps),
        "results": len(session.results),
        "test_runs": len(session.test_runs),
        "edits": len(session.edits),
        "source_edits": len(session.source_edits),
        "test_edits": len(session.test_edits),
        "episodes": len(session.episodes),
        "english_cues_apply": session.cues_apply,
        "features": {name: _fact(FEATURES[name], measure) for name, measure in counted.measures.items()},
        "confidence": {name: round(one.applicable * depth, 4) for name, one in valued.items()},
    }


def _fact(feature: Feature, measure: Measure) -> JsonValue:
    fact: dict[str, JsonValue] = {"name": feature.name, "value": measure.value, "events": list(measure.events)}
    if measure.counts is not None:
        fact["hits"], fact["of"] = measure.counts
    return fact
