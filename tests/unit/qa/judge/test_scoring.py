"""From answers to levels, confidence and flags: the arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from app.models.judgement import DimensionScore
from app.qa.judge.answer import Answer, DimensionAnswer
from app.qa.judge.checks import check_dimension
from app.qa.judge.features.measure import Measure
from app.qa.judge.rendering import Rendering, render_events
from app.qa.judge.scoring import (
    REVIEWED,
    Given,
    Record,
    Scores,
    confidence_of,
    needs_review,
    score,
    tally,
)
from tests.llm_judging import QUOTE
from tests.unit.qa.judge.sessions import PROCESS_RUBRIC, RUBRIC, as_events, good_session

RENDERING = render_events(as_events(good_session()), "n0nce", 20_000)


def an_answer(level: int | None, feedback: str = "", **more: int | None) -> Answer:
    def one(value: int | None) -> DimensionAnswer:
        return DimensionAnswer(level=value, cited=("e1", "e5"), quote=QUOTE, rationale=f"It is {value}.")

    dimensions = {dimension.id: one(more.get(dimension.id, level)) for dimension in RUBRIC.dimensions}
    return Answer(dimensions, feedback)


def scored(
    *answers: Answer,
    rendering: Rendering = RENDERING,
    measures: Mapping[str, Measure] | None = None,
    heuristic: Mapping[str, float | None] | None = None,
) -> Scores:
    given = [Given("m", answer) for answer in answers]
    return score(RUBRIC, given, Record(rendering, measures or {}, heuristic or {}))


@pytest.mark.parametrize(
    ("levels", "level", "deviation", "spread"),
    [
        ([("a", 3)], 3.0, 0.0, 0),
        ([("a", 2), ("a", 3), ("a", 4)], 3.0, (2 / 3) ** 0.5, 2),
        ([("a", 0), ("a", 4)], 2.0, 2.0, 4),
        ([("a", 4), ("b", 4), ("c", 0)], 4.0, (32 / 9) ** 0.5, 4),
        ([("a", 1), ("a", 2), ("b", 4)], 2.75, (14 / 9) ** 0.5, 3),
        ([("a", 3), ("a", 3), ("a", 3), ("b", 0)], 1.5, (27 / 16) ** 0.5, 3),
    ],
)
def test_levels_are_the_median_of_the_models_means(
    levels: Sequence[tuple[str, int]], level: float, deviation: float, spread: int
) -> None:
    found = tally(levels)

    assert found is not None
    assert (found.level, found.spread) == (level, spread)
    assert found.deviation == pytest.approx(deviation)


def test_without_levels_there_is_nothing_to_count() -> None:
    assert tally([]) is None


def test_disagreement_lowers_confidence_by_its_deviation_over_half_the_scale() -> None:
    assert scored(an_answer(3), an_answer(3)).dimensions["depth"].confidence == 1.0
    assert scored(an_answer(2), an_answer(3)).dimensions["depth"].confidence == pytest.approx(1 - 0.5 / 2)
    assert scored(an_answer(0), an_answer(4)).dimensions["depth"].confidence == 0.0


@pytest.mark.parametrize(("levels", "is_unstable"), [((2, 3), False), ((2, 4), True), ((1, 2, 3), True)])
def test_two_levels_apart_is_unstable(levels: Sequence[int], is_unstable: bool) -> None:
    scores = scored(*map(an_answer, levels))

    assert ("unstable" in scores.flags) is is_unstable
    assert scores.needs_review is is_unstable


def test_what_was_not_shown_lowers_confidence() -> None:
    events = as_events(good_session())
    shown = render_events(events, "n0nce", 400)
    assert 0 < len(shown.shown) < 10
    named = next(iter(shown.shown))
    quote = shown.content_of(named)[:20]
    answer = Answer({one.id: DimensionAnswer(3, (named,), quote, "") for one in RUBRIC.dimensions}, feedback="")

    confidence = scored(answer, rendering=shown).dimensions["depth"].confidence

    assert confidence == pytest.approx(len(shown.shown) / 10)


def test_rationale_and_feedback_come_from_the_answers_nearest_to_the_result() -> None:
    scores = scored(an_answer(1, "low"), an_answer(3, "middle"), an_answer(4, "high"))

    assert scores.feedback == "middle"
    assert scores.dimensions["depth"].rationale == "It is 3."


def test_a_dimension_that_nobody_could_judge_is_not_scored() -> None:
    scores = scored(an_answer(3, depth=None), an_answer(3, depth=None))

    assert scores.total is None
    assert scores.partial == pytest.approx(0.75)
    assert (scores.dimensions["depth"].score, scores.dimensions["depth"].confidence) == (None, None)
    assert scores.dimensions["depth"].rationale == "It is None."
    assert scores.confidence == 1.0


@pytest.mark.parametrize(
    ("levelled", "of", "is_flagged"), [(1, 9, True), (4, 9, True), (1, 2, False), (5, 9, False), (1, 1, False), (9, 9, False)]
)
def test_a_level_rests_on_the_answers_that_give_one(levelled: int, of: int, is_flagged: bool) -> None:
    answers = [an_answer(3, depth=3 if number < levelled else None) for number in range(of)]
    scores = scored(*answers)

    depth = scores.dimensions["depth"]
    assert (depth.level, scores.dimensions["validation"].confidence) == (3.0, 1.0)
    assert depth.confidence == pytest.approx(levelled / of)
    assert ("few_levels" in depth.flags, scores.needs_review) == (is_flagged, is_flagged)


def test_events_that_were_not_shown_steer_nobody() -> None:
    for named, is_flagged in (((), False), (("",), False), (("e99", "none"), False), (("", "e4"), True)):
        scores = scored(replace(an_answer(3), instructions_seen=named))

        assert ("instructions_seen" in scores.flags, scores.needs_review) == (is_flagged, is_flagged)


@pytest.mark.parametrize(
    ("cited", "agreed", "confidence"),
    [
        ([("e1",)], 0.9, 0.9),
        ([()], 0.9, 0.2),
        ([()], 0.1, 0.1),
        ([("e99",)], 0.9, 0.0),
        ([("e1",), ()], 0.9, 0.5 * 0.9 + 0.5 * 0.2),
        ([("e1", "e2", "e3", "e4"), (), ()], 0.9, 0.3 + 2 / 3 * 0.2),
        ([("e1", "e2", "e3"), ("e99",)], 0.8, 0.5 * 0.6 + 0.5 * 0.2),
    ],
)
def test_an_answer_without_a_citation_loses_by_its_share(
    cited: Sequence[tuple[str, ...]], agreed: float, confidence: float
) -> None:
    answers = [DimensionAnswer(3, names, QUOTE if "e1" in names else "", "") for names in cited]
    checked = check_dimension("depth", 0.5, answers, RENDERING, {})

    assert checked.confidence(agreed) == pytest.approx(confidence)
    assert ("uncited" in checked.flags) is any("e1" not in names for names in cited)


@pytest.mark.parametrize(
    ("heuristic", "level", "differs"), [(4.0, 3, False), (1.0, 3, True), (None, 0, False), (2.0, 3, False), (2.0, 4, True)]
)
def test_forty_per_cent_of_the_scale_between_model_and_heuristic_differs(
    heuristic: float | None, level: int, differs: bool
) -> None:
    scores = scored(an_answer(level), heuristic={"depth": heuristic})

    assert ("differs_from_heuristic" in scores.dimensions["depth"].flags) is differs


def test_two_of_five_levels_are_forty_per_cent() -> None:
    dimensions = {one.id: DimensionAnswer(3, ("e1",), "", "") for one in PROCESS_RUBRIC.dimensions}
    record = Record(RENDERING, {}, {"efficiency": 1.0, "safety_hygiene": 2.0})
    scores = score(PROCESS_RUBRIC, [Given("m", Answer(dimensions, ""))], record)

    assert "differs_from_heuristic" in scores.dimensions["efficiency"].flags
    assert "differs_from_heuristic" not in scores.dimensions["safety_hygiene"].flags


@pytest.mark.parametrize(("value", "is_flagged"), [(0.4, True), (0.5, False), (None, False)])
def test_weakened_tests_are_flagged(value: float | None, is_flagged: bool) -> None:
    scores = scored(an_answer(1), measures={"F16": Measure(value)})

    assert ("tests_weakened" in scores.flags, scores.needs_review) == (is_flagged, is_flagged)


def test_confidence_is_weighted_over_what_is_scored() -> None:
    def one(confidence: float | None) -> DimensionScore:
        return DimensionScore(score=None if confidence is None else 3.0, confidence=confidence, rationale="")

    known = {dimension.id: one(1.0) for dimension in PROCESS_RUBRIC.dimensions}

    assert confidence_of(PROCESS_RUBRIC, known) == pytest.approx(1.0)
    assert confidence_of(PROCESS_RUBRIC, {**known, "causal_linking": one(0.2)}) == pytest.approx(0.8)
    assert confidence_of(PROCESS_RUBRIC, {**known, "causal_linking": one(None)}) == pytest.approx(1.0)
    assert confidence_of(PROCESS_RUBRIC, {name: one(None) for name in known}) is None


@pytest.mark.parametrize(
    ("confidence", "flags", "expected"),
    [(0.5, [], False), (0.49, [], True), (None, [], False), (1.0, ["false_quote", "self_judged", "unwrapped"], False)],
)
def test_doubt_needs_a_review(confidence: float | None, flags: Sequence[str], expected: bool) -> None:
    assert needs_review(confidence, flags) is expected


@pytest.mark.parametrize("flag", sorted(REVIEWED))
def test_some_flags_need_a_review_by_themselves(flag: str) -> None:
    assert needs_review(1.0, [flag])
