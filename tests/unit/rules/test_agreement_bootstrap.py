"""Intervals: how wide, of what, and when there is none."""

from __future__ import annotations

import numpy as np
import pytest

from app.rules.agreement.bootstrap import RESAMPLES, measure, resamples
from app.rules.agreement.distances import exact_share, mean_absolute_error
from app.rules.agreement.kappa import kappa
from app.rules.agreement.statistic import Interval, Measure, Statistic
from tests.agreement import ANNA, JUDGE, LEVELS, noisy, pairs


def qwk(first: list[float], second: list[float]) -> Measure:
    return measure({"qwk": kappa(pairs(first, second), LEVELS, "quadratic")})["qwk"]


def test_every_resample_draws_as_many_traces_as_there_are() -> None:
    drawn = np.concatenate(list(resamples(7)))

    assert drawn.shape == (RESAMPLES, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert drawn.mean(axis=0) == pytest.approx(np.ones(7), abs=0.1)


def test_resamples_in_several_blocks_are_all_there() -> None:
    blocks = list(resamples(4500))

    assert len(blocks) > 1
    assert sum(map(len, blocks)) == RESAMPLES


def test_the_same_traces_have_the_same_interval() -> None:
    again = [measure({"mae": mean_absolute_error(pairs(JUDGE, ANNA))})["mae"] for _ in range(2)]

    assert again[0] == again[1]


def test_an_interval_is_where_the_middle_of_the_resamples_lies() -> None:
    found = measure({"mae": mean_absolute_error(pairs(JUDGE, ANNA))})["mae"]
    distances = np.abs(np.subtract(JUDGE, ANNA))
    random = np.random.default_rng(1)
    low, high = np.percentile([random.choice(distances, 12).mean() for _ in range(4000)], [2.5, 97.5])

    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.09)  # one trace in twelve


@pytest.mark.parametrize(("n", "width"), [(30, 0.31), (50, 0.26), (100, 0.17), (200, 0.12)])
def test_intervals_of_kappa_narrow_as_traces_are_added(n: int, width: float) -> None:
    random = np.random.default_rng(n)
    found = []
    for _ in range(25):
        truth = random.normal(2.5, 1.3, n).tolist()
        found.append(qwk(noisy(truth, random, 0.65), noisy(truth, random, 0.65)))
    widths = [one.interval.width for one in found if one.interval]

    assert np.mean([one.value for one in found if one.value is not None]) == pytest.approx(0.75, abs=0.03)
    assert np.mean(widths) == pytest.approx(width, abs=0.05)


def test_intervals_hold_the_true_value_about_as_often_as_they_say() -> None:
    random = np.random.default_rng(5)
    truth = random.normal(2.5, 1.3, 200_000).tolist()
    everyone = kappa(pairs(noisy(truth, random, 0.75), noisy(truth, random, 0.75)), LEVELS, "quadratic").point()
    held = 0
    for _ in range(200):
        seen = random.normal(2.5, 1.3, 100).tolist()
        interval = qwk(noisy(seen, random, 0.75), noisy(seen, random, 0.75)).interval
        held += interval is not None and interval.low <= everyone <= interval.high

    assert 0.88 <= held / 200 <= 0.99


def test_one_trace_has_a_value_and_no_interval() -> None:
    found = measure({"exact": exact_share(pairs((3,), (3,)))})["exact"]

    assert found == Measure(1.0, 1, reason="an interval needs two traces")


def test_where_many_resamples_are_undefined_there_is_no_interval() -> None:
    found = qwk([1, 1, 1, 2], [1, 1, 1, 2])

    assert found.value == 1
    assert found.interval is None
    assert "resamples" in (found.reason or "")


def test_few_undefined_resamples_are_left_out() -> None:
    def seldom_undefined(
        weights: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.where(weights[:, 0] > 3, np.nan, 1.0)

    assert measure({"s": Statistic(20, lambda: 1.0, seldom_undefined)})["s"] == Measure(1.0, 20, Interval(1.0, 1.0))


def test_statistics_of_different_traces_are_measured_together() -> None:
    found = measure({"few": exact_share(pairs(JUDGE[:5], ANNA[:5])), "all": exact_share(pairs(JUDGE, ANNA))})

    assert [(name, one.n) for name, one in found.items()] == [("few", 5), ("all", 12)]
