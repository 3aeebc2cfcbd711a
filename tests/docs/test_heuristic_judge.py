"""What the judging page states of rubrics and of the judge that counts, against the program."""

from __future__ import annotations

import re

from app.qa.judge.caps import CAPS
from app.qa.judge.features.registry import FEATURES
from app.qa.judge.rubric import load_rubrics, parse_rubric
from tests.docs.markdown import blocks, read, rows, section

PAGE = read("docs/reference/judging.md")
RUBRICS = load_rubrics()
DIMENSIONS = {dimension.id: dimension for rubric in RUBRICS.values() for dimension in rubric.dimensions}


def test_every_feature_is_named() -> None:
    named = re.findall(r"^\| (F\d\d) `(\w+)` \|", section(PAGE, "The heuristic judge"), re.MULTILINE)

    assert named == [(feature.id, feature.name) for feature in FEATURES.values()]


def test_every_dimension_is_shown_with_its_features() -> None:
    shown = {name: (features, without) for name, features, without, *_ in _wide(section(PAGE, "Rubrics"), 3) if "F" in features}

    assert shown.keys() == DIMENSIONS.keys()
    for name, (features, without) in shown.items():
        dimension = DIMENSIONS[name]
        weights = {feature: float(weight) for feature, weight in re.findall(r"(F\d\d) (\d)", features)}
        limits = re.findall(r"F\d\d", features.partition("never above")[2])
        assert weights == dimension.heuristic, name
        assert tuple(limits) == dimension.never_above, name
        assert (without == "null") == dimension.needs_reasoning, name


def test_every_cap_is_shown_with_its_limits() -> None:
    shown = {
        flag: {name: float(limit) for name, limit in re.findall(r"`?(\w+)`? (\.\d+)", limits)}
        for flag, condition, limits in _wide(section(PAGE, "The heuristic judge"), 3)
        if "F" in condition and flag.islower()
    }

    assert shown == {cap.flag: dict(cap.limits) for cap in CAPS}


def test_every_rubric_that_comes_along_is_named_with_its_scale() -> None:
    shown = {name: scale for name, _, scale, *_ in _wide(section(PAGE, "Rubrics"), 4)}

    assert shown.keys() == RUBRICS.keys()
    for name, scale in shown.items():
        assert scale.startswith(f"levels 0–{RUBRICS[name].scale.top},")


def test_the_example_is_part_of_the_rubric() -> None:
    (example,) = [block.text for block in blocks(PAGE) if block.language == "toml"]
    shown = parse_rubric(example.replace("weight = 0.10", "weight = 1.0")).dimensions[0]
    dimension = DIMENSIONS["safety_hygiene"]

    same = ("id", "question", "cites", "heuristic", "never_above", "needs_reasoning")
    assert [getattr(shown, name) for name in same] == [getattr(dimension, name) for name in same]


def _wide(text: str, cells: int) -> list[tuple[str, ...]]:
    """The rows of the tables that are so many cells wide."""
    return [row for row in rows(text) if len(row) == cells]
