"""What a judge may be called, and from where on."""

from __future__ import annotations

import pytest

from app.rules.agreement.labels import label
from app.rules.agreement.statistic import Interval, Measure


def qwk(n: int, low: float, value: float = 0.8) -> Measure:
    return Measure(value, n, Interval(low, 0.95))


HUMANS = Measure(0.8, 100, Interval(0.7, 0.9))


@pytest.mark.parametrize(
    ("n", "low", "name"),
    [
        (49, 0.9, "uncalibrated"),
        (50, 0.4, "uncalibrated"),
        (50, 0.401, "usable"),
        (99, 0.9, "usable"),
        (100, 0.6, "usable"),
        (100, 0.601, "calibrated"),
        (100, 0.4, "uncalibrated"),
    ],
)
def test_enough_traces_and_an_interval_above_the_bound_are_needed(n: int, low: float, name: str) -> None:
    assert label(qwk(n, low), HUMANS).name == name


@pytest.mark.parametrize(("value", "name"), [(0.7, "calibrated"), (0.699, "usable"), (0.95, "calibrated")])
def test_calibrated_is_not_more_than_a_tenth_below_the_reviewers(value: float, name: str) -> None:
    assert label(qwk(100, 0.65, value), HUMANS).name == name


@pytest.mark.parametrize("humans", [None, Measure(None, 0, reason="no two raters share traces")])
def test_without_reviewers_to_compare_with_nothing_is_calibrated(humans: Measure | None) -> None:
    found = label(qwk(500, 0.9), humans)

    assert found.name == "usable"
    assert found.reason == "how far reviewers agree with each other is not known"


@pytest.mark.parametrize(
    "measure",
    [
        Measure(None, 80, reason="the first side says the same of every trace"),
        Measure(0.9, 80, reason="no interval: undefined in 200 of 2000 resamples"),
    ],
)
def test_what_is_not_known_is_not_usable(measure: Measure) -> None:
    found = label(measure, HUMANS)

    assert (found.name, found.reason) == ("uncalibrated", measure.reason)


def test_calibrated_has_nothing_missing() -> None:
    assert label(qwk(100, 0.7), HUMANS).reason is None
