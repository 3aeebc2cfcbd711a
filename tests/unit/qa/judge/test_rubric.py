"""Rubrics: what loading gives, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import pytest

import app.qa.judge.rubric as rubric_module
from app.errors import InvalidError
from app.qa.judge.caps import CAPPING_FEATURES, CAPS
from app.qa.judge.rubric import PROCESS, REASONING, load_rubric, load_rubrics, parse_rubric

BUILT_IN = Path(rubric_module.__file__).parent / "rubrics"
TEXT = (BUILT_IN / "reasoning-5.toml").read_text(encoding="utf-8")
PROCESS_TEXT = (BUILT_IN / "process-6.toml").read_text(encoding="utf-8")


def test_the_reasoning_rubric_has_five_dimensions_on_five_levels() -> None:
    rubric = load_rubrics()[REASONING]

    assert [dimension.id for dimension in rubric.dimensions] == [
        "hypothesis_formation", "evidence_gathering", "logical_coherence", "validation", "depth",
    ]  # fmt: skip
    assert [rubric.scale.at(level) for level in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert rubric.dimensions[0].heuristic == {"F04": 3, "F05": 2, "F06": 2, "F02": 1}
    assert all(set(dimension.anchors) == {0, 1, 2, 3, 4} for dimension in rubric.dimensions)


def test_the_process_rubric_has_six_dimensions_on_six_levels() -> None:
    rubric = load_rubrics()[PROCESS]

    assert {dimension.id: dimension.weight for dimension in rubric.dimensions} == {
        "problem_understanding": 0.20, "causal_linking": 0.25, "experiment_design": 0.20, "efficiency": 0.15,
        "reproducibility": 0.10, "safety_hygiene": 0.10,
    }  # fmt: skip
    assert {dimension.id: dimension.heuristic for dimension in rubric.dimensions} == {
        "problem_understanding": {"F01": 3, "F02": 3, "F03": 2, "F05": 1, "F11": 1},
        "causal_linking": {"F04": 3, "F09": 3, "F07": 3, "F08": 2, "F10": 2},
        "experiment_design": {"F12": 3, "F13": 3, "F06": 2, "F01": 2, "F14": 1, "F20": 1},
        "efficiency": {"F19": 3, "F20": 3, "F21": 3},
        "reproducibility": {"F23": 6, "F25": 3, "F01": 1},
        "safety_hygiene": {"F22": 4, "F24": 3, "F16": 3},
    }
    assert [dimension.id for dimension in rubric.dimensions if dimension.needs_reasoning] == ["causal_linking"]
    assert {dimension.id: dimension.never_above for dimension in rubric.dimensions if dimension.never_above} == {
        "safety_hygiene": ("F22", "F24")
    }
    assert [rubric.scale.at(level) for level in range(6)] == [0, 1, 2, 3, 4, 5]
    assert all(set(dimension.anchors) == {0, 1, 2, 3, 4, 5} for dimension in rubric.dimensions)


def test_the_overall_score_of_the_process_is_a_weighted_mean() -> None:
    rubric = load_rubrics()[PROCESS]
    scores: dict[str, float | None] = {dimension.id: 4.0 for dimension in rubric.dimensions}

    assert rubric.total(scores) == pytest.approx(4.0)
    assert rubric.total({**scores, "causal_linking": 0.0}) == pytest.approx(3.0)
    assert rubric.partial({**scores, "causal_linking": None, "efficiency": 1.0}) == pytest.approx((0.6 * 4 + 0.15) / 0.75)


def test_caps_name_dimensions_and_features_that_there_are() -> None:
    rubrics = load_rubrics().values()
    dimensions = [dimension for rubric in rubrics for dimension in rubric.dimensions]

    assert {name for cap in CAPS for name in cap.limits} <= {dimension.id for dimension in dimensions}
    for feature in CAPPING_FEATURES:
        assert any(cap.applies({feature: 0.0, "F01": 0.0, "F11": 0.0}) for cap in CAPS)


@pytest.mark.parametrize("feature", ["F99", "", "f22"])
def test_a_limit_by_a_feature_that_there_is_not_is_refused(feature: str) -> None:
    with pytest.raises(InvalidError, match="never_above"):
        parse_rubric(PROCESS_TEXT.replace('never_above = ["F22"', f'never_above = ["{feature}"'))


def test_the_total_is_the_sum_and_needs_every_dimension() -> None:
    rubric = load_rubrics()[REASONING]
    scores: dict[str, float | None] = {dimension.id: 0.75 for dimension in rubric.dimensions}

    assert rubric.total(scores) == 3.75
    assert rubric.total({**scores, "depth": None}) is None
    assert rubric.total({}) is None


def test_a_weighted_mean_weighs() -> None:
    text = TEXT.replace('aggregate = "sum"', 'aggregate = "weighted_mean"').replace("weight = 0.2", "weight = 0.1", 1)
    rubric = parse_rubric(text.replace('id = "depth"\nweight = 0.2', 'id = "depth"\nweight = 0.3'))

    assert rubric.total({**dict.fromkeys((one.id for one in rubric.dimensions), 1.0), "depth": 0.0}) == pytest.approx(0.7)


def test_the_hash_is_of_the_content_not_the_layout() -> None:
    canonical = json.dumps(tomllib.loads(TEXT), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert parse_rubric(TEXT).sha256 == hashlib.sha256(canonical.encode()).hexdigest()
    assert parse_rubric("# a comment\n\n" + TEXT).sha256 == parse_rubric(TEXT).sha256
    assert parse_rubric(TEXT.replace('version = "1"', 'version = "2"')).sha256 != parse_rubric(TEXT).sha256


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('id = "depth"', 'id = "validation"', "taken"),
        ("weight = 0.2", "weight = 0.3", "sum to 1"),
        ("weight = 0.2", "weight = nan", "weight"),
        ("levels = 5", "levels = 1", "levels"),
        ("levels = 5", "levels = 12", "levels"),
        ("levels = 5", "levels = 4", "level of the scale"),
        ("max = 1.0", "max = 0.0", "more than min"),
        ("F04 = 3", "F99 = 3", "no feature"),
        ("F04 = 3", "F04 = 0", "positive"),
        ('aggregate = "sum"', 'aggregate = "best"', "aggregate"),
        ('version = "1"', "", "version"),
        ('version = "1"', 'version = "1"\ncolour = "red"', "colour"),
        ('id = "depth"', 'id = "deep er"', "letters"),
        ("[[dimension]]", "[[dimension", "not TOML"),
        ('id = "reasoning-5"', 'id = "../x"', "letters, digits"),
        ('id = "reasoning-5"', 'id = ""', "letters, digits"),
        ('"reasoning_step", "code_edit"', '"reasoning_step", "code_edits"', "no event has this type"),
        ("0 = ", "00 = ", "leading zeros"),
        ('version = "1"', f'version = "1"\nx = {"9" * 5000}', "can be read"),
        ('version = "1"', f'version = "1"\nx = {"[" * 20000}', "can be read"),
    ],
)
def test_what_cannot_be_applied_is_refused(old: str, new: str, told: str) -> None:
    with pytest.raises(InvalidError, match=told):
        parse_rubric(TEXT.replace(old, new, 1))


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(InvalidError) as refused:
        parse_rubric(TEXT.replace("levels = 5", "levels = 1").replace("F04 = 3", "F98 = 3"))

    assert len(refused.value.faults) > 2


def test_a_folder_of_rubrics_is_loaded_by_id(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(TEXT.replace('id = "reasoning-5"', 'id = "mine"'), encoding="utf-8")
    assert load_rubrics(tmp_path).keys() == {*load_rubrics(), "mine"}

    (tmp_path / "b.toml").write_text(TEXT, encoding="utf-8")
    with pytest.raises(InvalidError, match="Two rubrics"):
        load_rubrics(tmp_path)


def test_a_file_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"gone\.toml"):
        load_rubric(tmp_path / "gone.toml")


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="is no folder"):
        load_rubrics(tmp_path / "none")
