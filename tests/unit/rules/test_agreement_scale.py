"""Levels that are not on the scale are named and refused by every function that is told the scale."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from app.rules.agreement.alpha import alpha
from app.rules.agreement.calibration import calibrate
from app.rules.agreement.comparison import compare_levels
from app.rules.agreement.kappa import kappa, mean_pairwise_kappa, tables
from app.rules.agreement.pairs import Pairs
from app.rules.agreement.raters import Raters
from tests.agreement import ANNA, JUDGE, LEVELS, pairs, raters

OF_PAIRS: list[Callable[[Pairs], object]] = [
    lambda given: kappa(given, LEVELS, "quadratic"),
    lambda given: kappa(given, LEVELS, "plain"),
    lambda given: tables(given, LEVELS, np.ones((1, len(given)))),
    lambda given: calibrate(given, LEVELS),
]
OF_RATERS: list[Callable[[Raters], object]] = [
    lambda given: alpha(given, LEVELS, "ordinal"),
    lambda given: mean_pairwise_kappa(given, LEVELS),
    lambda given: compare_levels("d", Raters({"r-0": given.ratings["r-0"]}), Raters({"r-1": given.ratings["r-1"]}), LEVELS),
]


@pytest.mark.parametrize("function", OF_PAIRS)
def test_every_value_of_two_sides_that_is_outside_is_named(function: Callable[[Pairs], object]) -> None:
    with pytest.raises(ValueError, match="from 0 to 5") as raised:
        function(pairs([0, 6, 2, -1], [5, 1, math.inf, 3]))

    assert str(raised.value).endswith(
        "none: 6 (t-0001, first side), -1 (t-0003, first side), inf (t-0002, second side)",
    )


@pytest.mark.parametrize("function", OF_RATERS)
def test_every_rating_that_is_outside_is_named(function: Callable[[Raters], object]) -> None:
    with pytest.raises(ValueError, match="from 0 to 5") as raised:
        function(raters([0, 6, 2], [5, math.nan, -0.5]))

    told = str(raised.value)
    assert all(part in told for part in ("6 (t-0001, rater r-0", "nan (t-0001, rater r-1", "-0.5 (t-0002, rater r-1"))
    assert told.count("t-") == 3


@pytest.mark.parametrize(
    "function",
    [
        lambda: kappa(pairs([0, 2.5], [1, 2]), LEVELS, "quadratic"),
        lambda: tables(pairs([0, 2.5], [1, 2]), LEVELS, np.ones((1, 2))),
        lambda: alpha(raters([0, 2.5], [1, 2]), LEVELS, "nominal"),
        lambda: mean_pairwise_kappa(raters([0, 2.5], [1, 2]), LEVELS),
    ],
)
def test_where_levels_are_counted_what_lies_between_them_is_none(function: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"whole levels from 0 to 5, and these are none: 2\.5 \(t-0001"):
        function()


def test_a_mean_of_levels_is_compared_as_the_nearest_one() -> None:
    assert compare_levels("d", raters([0, 2.5]), raters([1, 3]), LEVELS).measures["exact"].value == 0.5


@pytest.mark.parametrize("levels", [-1, 0, 1])
def test_a_scale_has_two_levels(levels: int) -> None:
    with pytest.raises(ValueError, match=f"two levels or more, not {levels}"):
        kappa(pairs([0], [0]), levels, "plain")


@pytest.mark.parametrize("level", [-0.1, 5.1, math.nan])
def test_a_map_is_not_asked_about_what_it_was_not_made_for(level: float) -> None:
    found = calibrate(pairs(JUDGE * 5, ANNA * 5), LEVELS)

    assert found.calibrated_level(5) is None or found.is_kept
    with pytest.raises(ValueError, match=r"levels from 0 to 5, not for"):
        found.calibrated_level(level)
