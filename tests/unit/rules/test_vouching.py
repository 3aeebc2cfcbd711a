"""For which judgements a comparison vouches."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.judgement import DimensionScore, JudgeIdentity, Judgement
from app.models.rubric import RubricRef
from app.rules.vouching import Calibration, NamedJudge, NamedRubric
from tests.builders import NOON

JUDGE = JudgeIdentity(kind="llm", name="chat", version="2", model="m-1", prompt_sha256="1" * 64)
RUBRIC = RubricRef(id="process-6", version="1", sha256="2" * 64)


def a_judgement(
    judge: JudgeIdentity = JUDGE, rubric: RubricRef = RUBRIC, dimensions: tuple[str, ...] = ("a", "b")
) -> Judgement:
    scores = {name: DimensionScore(score=3, rationale="…") for name in dimensions}
    return Judgement(rubric=rubric, judge=judge, status="scored", dimensions=scores, total=3, created_at=NOON, duration_ms=1)


def a_calibration(**more: Any) -> Calibration:
    fields: dict[str, Any] = {
        "report_sha256": "3" * 64,
        "judge": NamedJudge.of(JUDGE),
        "rubric": NamedRubric.of(RUBRIC),
        "labels": {"a": "usable", "b": "calibrated"},
        "at_least": "usable",
        **more,
    }
    return Calibration(**fields)


def test_it_vouches_for_its_judge_by_its_rubric() -> None:
    assert a_calibration().vouches_for(a_judgement())


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "heuristic"},
        {"name": "other"},
        {"version": "3"},
        {"model": "m-2"},
        {"model": None},
        {"prompt_sha256": "4" * 64},
    ],
)
def test_another_judge_is_another_judge(other: dict[str, Any]) -> None:
    assert not a_calibration().vouches_for(a_judgement(JUDGE.model_copy(update=other)))


@pytest.mark.parametrize("other", [{"id": "reasoning-5"}, {"version": "2"}, {"sha256": "4" * 64}])
def test_another_rubric_is_another_rubric(other: dict[str, Any]) -> None:
    assert not a_calibration().vouches_for(a_judgement(rubric=RUBRIC.model_copy(update=other)))


@pytest.mark.parametrize("left_open", [{"judge": NamedJudge("llm", "chat", None, "m-1")}, {"rubric": NamedRubric("process-6")}])
def test_what_a_report_leaves_open_it_does_not_vouch_for(left_open: dict[str, Any]) -> None:
    assert not a_calibration(**left_open).vouches_for(a_judgement())


@pytest.mark.parametrize(
    ("labels", "at_least", "expected"),
    [
        ({"a": "usable", "b": "calibrated"}, "usable", True),
        ({"a": "usable", "b": "calibrated"}, "calibrated", False),
        ({"a": "calibrated", "b": "calibrated"}, "calibrated", True),
        ({"a": "uncalibrated", "b": "calibrated"}, "usable", False),
        ({"a": "calibrated"}, "usable", False),
        ({"a": "usable", "b": "usable", "c": "uncalibrated"}, "usable", True),
    ],
)
def test_every_dimension_that_is_scored_needs_the_label(labels: dict[str, str], at_least: str, expected: bool) -> None:
    assert a_calibration(labels=labels, at_least=at_least).vouches_for(a_judgement()) is expected


def test_a_total_without_dimensions_has_nothing_to_vouch_for() -> None:
    assert not a_calibration().vouches_for(a_judgement(dimensions=()))


def test_what_is_too_low_is_named() -> None:
    assert a_calibration(at_least="calibrated").too_low == {"a": "usable"}
