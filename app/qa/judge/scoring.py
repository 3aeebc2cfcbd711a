"""From the answers of models to scores, confidence and flags."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.models.judgement import DimensionScore, Sample
from app.models.rubric import Dimension, Rubric
from app.qa.judge.answer import Answer, DimensionAnswer
from app.qa.judge.checks import check_dimension
from app.qa.judge.features.measure import Measure
from app.qa.judge.rendering import Rendering

UNSTABLE_FROM = 2
"""Levels between the highest answer and the lowest."""
DIFFERS_FROM = 0.4
"""Share of the scale between the model's level and the heuristic one."""
CONFIDENT_FROM = 0.5
FEW_LEVELS_BELOW = 0.5
"""Share of the valid answers that give a level."""
TESTS_WEAKENED_BELOW = 0.5
REVIEWED = frozenset(
    {
        "contradicts_record",
        "refuted_record",
        "unstable",
        "few_levels",
        "instructions_seen",
        "tests_weakened",
        "suspected_injection",
        "differs_from_heuristic",
    }
)
"""Flags that a person has to look at."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Given:
    """An answer, and whose it is."""

    model: str
    answer: Answer


@dataclass(frozen=True)
class Record:
    """What the answers are held against."""

    rendering: Rendering
    measures: Mapping[str, Measure]
    heuristic_levels: Mapping[str, float | None]

    @property
    def share_shown(self) -> float:
        """How much of the session the models were shown."""
        return len(self.rendering.shown) / self.rendering.events_total if self.rendering.events_total else 0.0


@dataclass(frozen=True)
class Tally:
    """The levels that were given for a dimension, as one."""

    level: float
    deviation: float
    """Standard deviation over all answers."""
    spread: int


def tally(levels: Sequence[tuple[str, int]]) -> Tally | None:
    """The median of the models' means, which one bad model cannot move far; ``None`` without levels."""
    if not levels:
        return None
    by_model: dict[str, list[int]] = {}
    for model, level in levels:
        by_model.setdefault(model, []).append(level)
    every = [level for _, level in levels]
    means = [statistics.fmean(given) for given in by_model.values()]
    return Tally(statistics.median(means), statistics.pstdev(every), max(every) - min(every))


@dataclass(frozen=True)
class Scores:
    """What came out, dimension by dimension and as a whole."""

    dimensions: dict[str, DimensionScore]
    total: float | None
    partial: float | None
    feedback: str
    confidence: float | None
    flags: tuple[str, ...]
    needs_review: bool


def score(rubric: Rubric, given: Sequence[Given], record: Record, more_flags: Iterable[str] = ()) -> Scores:
    """Every dimension of the rubric by its answers, of which there is one at least. Answers that say that they cannot tell
    are no levels. ``more_flags`` are those that come from elsewhere."""
    dimensions = {dimension.id: _dimension(rubric, dimension, given, record) for dimension in rubric.dimensions}
    scores = {name: dimension.score for name, dimension in dimensions.items()}
    confidence = confidence_of(rubric, dimensions)
    flags = {*more_flags, *_flags_of_the_whole(given, record)}.union(*(dimension.flags for dimension in dimensions.values()))
    return Scores(
        dimensions=dimensions,
        total=rubric.total(scores),
        partial=rubric.partial(scores),
        feedback=_nearest(given, dimensions).feedback,
        confidence=confidence,
        flags=tuple(sorted(flags)),
        needs_review=needs_review(confidence, flags),
    )


def confidence_of(rubric: Rubric, dimensions: Mapping[str, DimensionScore]) -> float | None:
    """The weighted mean over the dimensions that are scored."""
    known = [(one.weight, dimensions[one.id].confidence) for one in rubric.dimensions]
    counting = [(weight, confidence) for weight, confidence in known if confidence is not None]
    weight = sum(weight for weight, _ in counting)
    return min(1.0, sum(weight * confidence for weight, confidence in counting) / weight) if weight else None


def needs_review(confidence: float | None, flags: Iterable[str]) -> bool:
    """Whether a person should look."""
    return (confidence is not None and confidence < CONFIDENT_FROM - _ROUNDING) or not REVIEWED.isdisjoint(flags)


def _dimension(rubric: Rubric, dimension: Dimension, given: Sequence[Given], record: Record) -> DimensionScore:
    answers = [(one.model, one.answer.dimensions[dimension.id]) for one in given]
    samples = tuple(Sample(model=model, level=answer.level) for model, answer in answers)
    counted = tally([(model, answer.level) for model, answer in answers if answer.level is not None])
    if counted is None:
        return DimensionScore(score=None, rationale=answers[0][1].rationale, samples=samples)
    levelled = [answer for _, answer in answers if answer.level is not None]
    checked = check_dimension(dimension.id, counted.level / rubric.scale.top, levelled, record.rendering, record.measures)
    agreement = 1 - min(1.0, counted.deviation / (rubric.scale.top / 2))
    share_levelled = len(levelled) / len(answers)
    few = ("few_levels",) if share_levelled < FEW_LEVELS_BELOW else ()
    flags = (*checked.flags, *_flags(rubric, dimension, counted, record), *few)
    return DimensionScore(
        score=rubric.scale.at(counted.level),
        level=counted.level,
        confidence=checked.confidence(agreement * record.share_shown) * share_levelled,
        rationale=min(levelled, key=lambda answer: abs((answer.level or 0) - counted.level)).rationale,
        evidence=checked.evidence,
        flags=tuple(sorted(flags)),
        samples=samples,
    )


def _flags(rubric: Rubric, dimension: Dimension, counted: Tally, record: Record) -> Iterator[str]:
    if counted.spread >= UNSTABLE_FROM:
        yield "unstable"
    heuristic = record.heuristic_levels.get(dimension.id)
    if heuristic is not None and abs(counted.level - heuristic) / rubric.scale.top >= DIFFERS_FROM - _ROUNDING:
        yield "differs_from_heuristic"


def _flags_of_the_whole(given: Sequence[Given], record: Record) -> Iterator[str]:
    if any(one.answer.unwrapped for one in given):
        yield "unwrapped"
    if steering_events(given, record.rendering):
        yield "instructions_seen"
    kept = record.measures["F16"].value if "F16" in record.measures else None
    if kept is not None and kept < TESTS_WEAKENED_BELOW:
        yield "tests_weakened"


def steering_events(given: Sequence[Given], rendering: Rendering) -> list[str]:
    """The trace's own ids of the events that a model says try to steer it. What was not shown is no event."""
    seen = {name for one in given for name in one.answer.instructions_seen}
    return [own for name, own in rendering.shown.items() if name in seen]


def _nearest(given: Sequence[Given], dimensions: Mapping[str, DimensionScore]) -> Answer:
    """The answer whose levels are nearest to those that came out."""
    answers = [one.answer for one in given]
    return min(answers, key=lambda answer: sum(_distance(answer.dimensions[name], dimensions[name]) for name in dimensions))


def _distance(answer: DimensionAnswer, scored: DimensionScore) -> float:
    if answer.level is None or scored.level is None:
        return 0.0 if answer.level is scored.level else float(UNSTABLE_FROM)
    return abs(answer.level - scored.level)
