"""A session that is made worse scores worse; polish earns nothing."""

from __future__ import annotations

from statistics import mean

import pytest

from app.models.judgement import Judgement
from app.models.trace import Trace
from app.qa.judge.rubric import PROCESS, REASONING
from tests.docs.markdown import read
from tests.unit.qa.judge.degradations import (
    CARELESS,
    GOOD,
    SHUFFLES,
    judged,
    lengthened,
    padded,
    pasted,
    render,
    sample,
    shuffled,
    without_reasoning,
)

RUBRICS = pytest.mark.parametrize("rubric", [REASONING, PROCESS])


def total(trace: Trace, rubric: str) -> float:
    found = judged(trace, rubric).total
    assert found is not None
    return found


def scores(judgement: Judgement) -> dict[str, float]:
    return {name: one.score for name, one in judgement.dimensions.items() if one.score is not None}


@RUBRICS
def test_without_its_reasoning_a_good_session_has_no_total_and_nothing_scores_higher(rubric: str) -> None:
    whole, part = judged(sample(GOOD), rubric), judged(without_reasoning(sample(GOOD)), rubric)

    assert (part.status, part.total, part.confidence, part.needs_review) == ("partial", None, 0.0, True)
    assert all(score <= scores(whole)[name] for name, score in scores(part).items())
    assert part.partial is not None
    assert part.partial < (whole.total or 0)


@RUBRICS
def test_shuffled_reasoning_scores_lower(rubric: str) -> None:
    trace = sample(GOOD)
    found = [total(shuffled(trace, seed), rubric) for seed in range(SHUFFLES)]

    assert max(found) <= total(trace, rubric)
    assert mean(found) < total(trace, rubric) - 0.2


def test_shuffling_costs_the_link_from_cause_to_change() -> None:
    trace = sample(GOOD)
    linked = mean(scores(judged(shuffled(trace, seed)))["causal_linking"] for seed in range(SHUFFLES))

    assert linked < scores(judged(trace))["causal_linking"] - 1


@RUBRICS
def test_the_reasoning_of_another_session_scores_lower(rubric: str) -> None:
    assert total(pasted(sample(GOOD)), rubric) < total(sample(GOOD), rubric) - 0.9


def test_the_reasoning_of_another_session_links_no_cause_to_a_change() -> None:
    assert scores(judged(pasted(sample(GOOD))))["causal_linking"] < 2


@RUBRICS
def test_polite_steps_make_a_good_session_no_better(rubric: str) -> None:
    assert total(padded(sample(GOOD)), rubric) < total(sample(GOOD), rubric)


@RUBRICS
@pytest.mark.parametrize("name", [GOOD, CARELESS])
def test_polite_sentences_earn_nothing(name: str, rubric: str) -> None:
    assert total(lengthened(sample(name)), rubric) <= total(sample(name), rubric)


@RUBRICS
def test_polite_steps_make_a_careless_session_no_better(rubric: str) -> None:
    assert total(padded(sample(CARELESS)), rubric) <= total(sample(CARELESS), rubric)


def test_the_page_shows_what_each_change_costs() -> None:
    assert render() in read("docs/explanation/judging.md")
