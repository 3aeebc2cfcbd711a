"""Cohen's kappa: agreement of two sides on levels, beyond what their habits alone would give.

Cohen, J. (1960), A coefficient of agreement for nominal scales; (1968), Weighted kappa, Psychological Bulletin 70.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from app.rules.agreement.pairs import Pairs, pair
from app.rules.agreement.raters import Raters
from app.rules.agreement.scale import check_pairs, check_raters
from app.rules.agreement.statistic import FloatArray, Statistic, varies

Weighting = Literal["plain", "linear", "quadratic"]

_LIBRARY_WORD = {"plain": None, "linear": "linear", "quadratic": "quadratic"}


def kappa(pairs: Pairs, levels: int, weighting: Weighting) -> Statistic:
    """Cohen's kappa over all levels of the scale, used or not.

    Where one side says the same of every trace, the formula gives 0 whatever the other says; that is no finding, so kappa
    is undefined there.

    Raises:
        ValueError: a value is none of the levels.
    """
    check_pairs(pairs, levels)

    def point() -> float:
        first, second = pairs.first.astype(int), pairs.second.astype(int)
        return float(cohen_kappa_score(first, second, labels=list(range(levels)), weights=_LIBRARY_WORD[weighting]))

    return Statistic(len(pairs), point, lambda weights: _resampled(pairs, levels, weighting, weights), pairs.without_variance)


def mean_pairwise_kappa(raters: Raters, levels: int) -> Statistic:
    """How far raters agree with each other: the mean of the quadratic weighted kappas of all pairs of them.

    Pairs without variance on the traces that they share say nothing and are left out.

    Raises:
        ValueError: a rating is none of the levels.
    """
    check_raters(raters, levels)
    shared = [pair(raters.ratings[one], raters.ratings[other]) for one, other in combinations(raters.names, 2)]
    telling = [pairs for pairs in shared if pairs.without_variance is None]
    traces = sorted({trace for pairs in telling for trace in pairs.traces})
    places = {trace: place for place, trace in enumerate(traces)}
    columns = [[places[trace] for trace in pairs.traces] for pairs in telling]
    each = [kappa(pairs, levels, "quadratic") for pairs in telling]

    def resampled(weights: FloatArray) -> FloatArray:
        return _mean([one.resampled(weights[:, own]) for one, own in zip(each, columns, strict=True)])

    undefined = None if telling else "no two raters share traces on which both vary"
    return Statistic(len(traces), lambda: float(np.mean([one.point() for one in each])), resampled, undefined)


def disagreement(levels: int, weighting: Weighting) -> FloatArray:
    """What it costs to say one level where the other side says another."""
    apart = np.abs(np.subtract.outer(np.arange(levels), np.arange(levels))).astype(np.float64)
    costs: dict[Weighting, FloatArray] = {"plain": (apart > 0).astype(np.float64), "linear": apart, "quadratic": apart**2}
    return costs[weighting]


def tables(pairs: Pairs, levels: int, weights: FloatArray) -> FloatArray:
    """For each resample, how often the first side said the row while the second said the column.

    Raises:
        ValueError: a value is none of the levels.
    """
    check_pairs(pairs, levels)
    return _tables(pairs, levels, weights)


def _tables(pairs: Pairs, levels: int, weights: FloatArray) -> FloatArray:
    cells = (pairs.first * levels + pairs.second).astype(int)
    return np.asarray((weights @ np.eye(levels**2)[cells]).reshape(-1, levels, levels))


def _resampled(pairs: Pairs, levels: int, weighting: Weighting, weights: FloatArray) -> FloatArray:
    said = _tables(pairs, levels, weights)
    cost = disagreement(levels, weighting)
    observed = (said * cost).sum(axis=(1, 2))
    expected = np.einsum("ri,ij,rj->r", said.sum(axis=2), cost, said.sum(axis=1)) / weights.sum(axis=1)
    defined = varies(weights, pairs.first) & varies(weights, pairs.second)
    return np.where(defined, 1 - observed / expected, np.nan)


def _mean(values: list[FloatArray]) -> FloatArray:
    """The mean of what is defined in each resample."""
    stacked = np.array(values)
    defined = np.isfinite(stacked)
    return np.asarray(np.where(defined, stacked, 0).sum(axis=0) / defined.sum(axis=0))
