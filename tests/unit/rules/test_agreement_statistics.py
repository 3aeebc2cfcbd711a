"""Agreement statistics against known values, published examples and other implementations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import krippendorff
import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr  # type: ignore[import-untyped]
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]
from statsmodels.stats.inter_rater import cohens_kappa  # type: ignore[import-untyped]

from app.rules.agreement.alpha import Metric, alpha
from app.rules.agreement.bootstrap import resamples
from app.rules.agreement.distances import bias, exact_share, mean_absolute_error, within_one_share
from app.rules.agreement.icc import icc
from app.rules.agreement.kappa import Weighting, kappa, mean_pairwise_kappa, tables
from app.rules.agreement.pairs import Pairs
from app.rules.agreement.ranks import kendall, spearman
from app.rules.agreement.raters import Raters
from app.rules.agreement.statistic import Statistic
from tests.agreement import ANNA, BEN, JUDGE, LEVELS, noisy, pairs, raters

OF_PAIRS: dict[str, Callable[[Pairs], Statistic]] = {
    "qwk": lambda given: kappa(given, LEVELS, "quadratic"),
    "linear": lambda given: kappa(given, LEVELS, "linear"),
    "plain": lambda given: kappa(given, LEVELS, "plain"),
    "icc": icc,
    "spearman": spearman,
    "kendall": kendall,
    "mae": mean_absolute_error,
    "bias": bias,
    "exact": exact_share,
    "within_one": within_one_share,
}


def value(statistic: Statistic) -> float:
    assert statistic.undefined is None
    return statistic.point()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("qwk", 0.893617),
        ("linear", 0.736842),
        ("plain", 0.487179),
        ("icc", 0.901610),
        ("spearman", 0.921962),
        ("kendall", 0.852206),
        ("mae", 0.416667),
        ("bias", 0.083333),
        ("exact", 0.583333),
        ("within_one", 1.0),
    ],
)
def test_two_sides_have_the_known_values(name: str, expected: float) -> None:
    assert value(OF_PAIRS[name](pairs(JUDGE, ANNA))) == pytest.approx(expected, abs=5e-7)


def test_only_traces_that_both_sides_scored_count() -> None:
    found = kappa(pairs(JUDGE, BEN), LEVELS, "quadratic")

    assert found.n == 11
    assert value(found) == pytest.approx(0.897959, abs=5e-7)


@pytest.mark.parametrize(
    ("sides", "metric", "expected"),
    [
        ((ANNA, BEN), "ordinal", 0.857631),
        ((JUDGE, ANNA, BEN), "ordinal", 0.886452),
        ((ANNA, BEN), "interval", 0.843116),
    ],
)
def test_alpha_has_the_known_values(sides: tuple[tuple[int | None, ...], ...], metric: Metric, expected: float) -> None:
    assert value(alpha(raters(*sides), LEVELS, metric)) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize(("metric", "expected"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_krippendorffs_own_example(metric: Metric, expected: float) -> None:
    """Krippendorff (2011), section D: twelve units, four observers, gaps."""
    rows = [
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    ]
    found = alpha(raters(*rows), LEVELS, metric)

    assert found.n == 11
    assert value(found) == pytest.approx(expected, abs=5e-4)


def test_icc_is_that_of_an_analysis_of_variance() -> None:
    """Judges 1 and 4 of Shrout & Fleiss (1979), table 2; the mean squares written out."""
    first, second = (9, 6, 8, 7, 10, 6), (8, 2, 6, 6, 9, 7)
    rows, grand = [(a + b) / 2 for a, b in zip(first, second, strict=True)], (sum(first) + sum(second)) / 12
    between = 2 * sum((row - grand) ** 2 for row in rows) / 5
    sides = 6 * sum((sum(side) / 6 - grand) ** 2 for side in (first, second))
    everything = sum((one - grand) ** 2 for one in (*first, *second))
    error = (everything - 5 * between - sides) / 5

    assert value(icc(pairs(first, second))) == pytest.approx((between - error) / (between + error + 2 * (sides - error) / 6))


@pytest.mark.parametrize("weighting", ["plain", "linear", "quadratic"])
@pytest.mark.parametrize("seed", range(5))
def test_kappa_is_that_of_two_libraries(weighting: Weighting, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, LEVELS, 80).tolist()
    given = pairs(noisy(truth, random, 1), noisy(truth, random, 1))
    table = tables(given, LEVELS, np.ones((1, 80)))[0]
    word = None if weighting == "plain" else weighting
    found = value(kappa(given, LEVELS, weighting))

    assert found == pytest.approx(cohens_kappa(table, wt=word, return_results=False), abs=1e-12)
    assert found == pytest.approx(
        cohen_kappa_score(given.first.astype(int), given.second.astype(int), labels=range(LEVELS), weights=word), abs=1e-12
    )


def test_levels_that_nobody_used_do_not_move_weighted_kappa() -> None:
    assert value(kappa(pairs(JUDGE, ANNA), 11, "quadratic")) == pytest.approx(0.893617, abs=5e-7)


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("seed", range(4))
def test_alpha_is_that_of_its_definition_and_of_a_library(metric: Metric, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.integers(0, LEVELS, 25).tolist()
    rows: list[list[float | None]] = [
        [level if random.random() < 0.7 else None for level in noisy(truth, random, 1)] for _ in range(4)
    ]
    found = value(alpha(raters(*rows), LEVELS, metric))
    matrix = np.array([[np.nan if level is None else level for level in row] for row in rows])

    assert found == pytest.approx(alpha_by_definition(rows, metric), abs=1e-12)
    assert found == pytest.approx(krippendorff.alpha(matrix, level_of_measurement=metric), abs=1e-12)


def alpha_by_definition(rows: list[list[float | None]], metric: Metric) -> float:
    """One minus observed over expected disagreement, pair of ratings by pair of ratings."""
    units = [[level for level in unit if level is not None] for unit in zip(*rows, strict=True)]
    units = [unit for unit in units if len(unit) > 1]
    every = [level for unit in units for level in unit]

    def apart(one: float, other: float) -> float:
        low, high = min(one, other), max(one, other)
        if metric == "nominal":
            return float(one != other)
        if metric == "interval":
            return (high - low) ** 2
        between = sum(low <= level <= high for level in every)
        return (between - (every.count(low) + every.count(high)) / 2) ** 2 if low != high else 0

    observed = sum(sum(apart(*two) for two in permutations(unit, 2)) / (len(unit) - 1) for unit in units) / len(every)
    expected = sum(apart(*two) for two in permutations(every, 2)) / len(every) / (len(every) - 1)
    return 1 - observed / expected


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlations_are_those_of_their_definitions(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.normal(0, 1, 30)
    first, second = np.round(truth + random.normal(0, 1, 30), 1), np.round(truth + random.normal(0, 1, 30), 1)
    given = pairs(first.tolist(), second.tolist())
    ranks = [[(side < one).sum() + (side == one).sum() / 2 for one in side] for side in (first, second)]
    signs = [np.sign(np.subtract.outer(side, side)) for side in (first, second)]
    tau = (signs[0] * signs[1]).sum() / np.sqrt(np.abs(signs[0]).sum() * np.abs(signs[1]).sum())

    assert value(spearman(given)) == pytest.approx(np.corrcoef(ranks)[0, 1], abs=1e-12)
    assert value(spearman(given)) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    assert value(kendall(given)) == pytest.approx(tau, abs=1e-12)
    assert value(kendall(given)) == pytest.approx(kendalltau(first, second).statistic, abs=1e-12)


@pytest.mark.parametrize("name", OF_PAIRS)
def test_resamples_are_measured_as_the_library_would(name: str) -> None:
    """What is fast for thousands of resamples says of each what the statistic says of its traces written out."""
    random = np.random.default_rng(3)
    truth = random.integers(0, LEVELS, 20).tolist()
    given = pairs(noisy(truth, random, 1), noisy(truth, random, 1))
    weights = next(resamples(20))[:40]
    found = OF_PAIRS[name](given).resampled(weights)

    for row, expected in zip(weights.astype(int), found, strict=True):
        assert value(OF_PAIRS[name](pairs(np.repeat(given.first, row).tolist(), np.repeat(given.second, row).tolist()))) == (
            pytest.approx(expected, abs=1e-12)
        )


def test_many_distinct_totals_are_ranked_as_few_are() -> None:
    random = np.random.default_rng(2)
    totals = random.normal(0, 1, 2100)
    given = pairs(totals.tolist(), (totals + random.normal(0, 1, 2100)).tolist())
    weights = next(resamples(2100))[:3]
    expected = [kendalltau(np.repeat(given.first, row), np.repeat(given.second, row)).statistic for row in weights.astype(int)]

    assert kendall(given).resampled(weights) == pytest.approx(expected)
    assert kendall(given).resampled(np.ones((1, 2100)))[0] == pytest.approx(kendall(given).point())


@pytest.mark.parametrize("metric", ["nominal", "ordinal", "interval"])
def test_resamples_of_many_raters_are_measured_as_the_library_would(metric: Metric) -> None:
    sides = [row[:11] for row in (JUDGE, ANNA, BEN)]
    weights = next(resamples(11))[:40]
    found = alpha(raters(*sides), LEVELS, metric).resampled(weights)

    for row, expected in zip(weights.astype(int), found, strict=True):
        repeated = [np.repeat(np.array(side, dtype=float), row).tolist() for side in sides]
        assert value(alpha(raters(*repeated), LEVELS, metric)) == pytest.approx(expected, abs=1e-12)


def test_reviewers_agree_as_their_pairs_do_on_average() -> None:
    found = mean_pairwise_kappa(raters(JUDGE, ANNA, BEN), LEVELS)
    each = [value(kappa(pairs(*two), LEVELS, "quadratic")) for two in ((JUDGE, ANNA), (JUDGE, BEN), (ANNA, BEN))]

    assert found.n == 12
    assert value(found) == pytest.approx(np.mean(each))
    assert found.resampled(np.ones((1, 12)))[0] == pytest.approx(np.mean(each))


@pytest.mark.parametrize("name", ["qwk", "linear", "plain", "icc", "spearman", "kendall"])
@pytest.mark.parametrize(("first", "second"), [((2, 2, 2), (2, 2, 2)), ((2, 2, 2), (1, 2, 3)), ((1, 2, 3), (2, 2, 2))])
def test_without_variance_there_is_no_value(name: str, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    assert "says the same of every trace" in (OF_PAIRS[name](pairs(first, second)).undefined or "")


def test_two_traces_that_are_put_the_other_way_round_have_no_icc() -> None:
    """Here the denominator is 0."""
    assert "contradict" in (icc(pairs((0, 1), (1, 0))).undefined or "")


@pytest.mark.parametrize("name", OF_PAIRS)
def test_without_traces_there_is_no_value(name: str) -> None:
    assert OF_PAIRS[name](pairs((1, None), (None, 1))).undefined == "no trace was scored by both sides"


@pytest.mark.parametrize(
    ("sides", "reason"),
    [
        (((1, None), (None, 2)), "no trace has two ratings"),
        (((3, 3, 1), (3, 3, None)), "all ratings are the same"),
    ],
)
def test_alpha_without_anything_to_compare_has_no_value(sides: tuple[tuple[int | None, ...], ...], reason: str) -> None:
    assert alpha(raters(*sides), LEVELS, "ordinal").undefined == reason


def test_reviewers_who_share_nothing_have_no_agreement() -> None:
    assert mean_pairwise_kappa(raters((1, 2, None, None), (None, None, 3, 4)), LEVELS).undefined is not None


def test_totals_that_differ_by_rounding_alone_are_equal() -> None:
    given = pairs((0.1 + 0.2, 1.0, 2.0), (0.3, 1.0, 2.0))

    assert value(exact_share(given)) == 1


def test_several_raters_count_as_the_level_nearest_to_their_median() -> None:
    assert raters((1, 0, 1, None), (2, 0, None, None), (4, 3, 2, None)).consensus_level() == {
        "t-0000": 2,
        "t-0001": 0,
        "t-0002": 2,
    }


def test_means_of_samples_count_as_the_nearest_level() -> None:
    assert raters((1.33, 1.5, 3.9)).on_levels() == Raters({"r-0": {"t-0000": 1, "t-0001": 2, "t-0002": 4}})


def test_raters_without_a_trace_of_a_part_are_not_in_it() -> None:
    assert raters((1, 2), (None, 3)).only({"t-0000"}) == Raters({"r-0": {"t-0000": 1}})
