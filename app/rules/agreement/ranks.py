"""Do two sides put traces in the same order? What levels they use for it does not matter here.

Spearman, C. (1904), The proof and measurement of association between two things. Kendall, M. G. (1945), The treatment of ties
in ranking problems, Biometrika 33 (tau-b).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import kendalltau, spearmanr  # type: ignore[import-untyped]

from app.rules.agreement.pairs import Pairs
from app.rules.agreement.statistic import FloatArray, Statistic, group

# comparing everything with everything is faster than sorting each resample, up to here
_MANY_DISTINCT = 2000


def spearman(pairs: Pairs) -> Statistic:
    """Spearman's rho; equal values share their mean rank."""

    def point() -> float:
        return float(spearmanr(pairs.first, pairs.second).statistic)

    def resampled(weights: FloatArray) -> FloatArray:
        first, second = _centred_ranks(pairs.first, weights), _centred_ranks(pairs.second, weights)
        variances = (weights * first**2).sum(axis=1) * (weights * second**2).sum(axis=1)
        return np.asarray((weights * first * second).sum(axis=1) / np.sqrt(variances))

    return Statistic(len(pairs), point, resampled, pairs.without_variance)


def kendall(pairs: Pairs) -> Statistic:
    """Kendall's tau-b: of two traces that both sides tell apart, how often they do it the same way."""
    distinct, places = np.unique(np.column_stack([pairs.first, pairs.second]), axis=0, return_inverse=True)

    def resampled(weights: FloatArray) -> FloatArray:
        if len(distinct) > _MANY_DISTINCT:
            return np.array([_tau_b(np.repeat(pairs.first, row), np.repeat(pairs.second, row)) for row in weights.astype(int)])
        tellings = _told_apart(pairs.first, weights) * _told_apart(pairs.second, weights)
        return np.asarray(_same_way(distinct, group(weights, places.ravel())) / np.sqrt(tellings))

    return Statistic(len(pairs), lambda: _tau_b(pairs.first, pairs.second), resampled, pairs.without_variance)


def _tau_b(first: FloatArray, second: FloatArray) -> float:
    return float(kendalltau(first, second, variant="b").statistic)


def _centred_ranks(values: FloatArray, weights: FloatArray) -> FloatArray:
    """The mean rank of each trace in each resample, less the middle one, which is the mean of all."""
    _, places = np.unique(values, return_inverse=True)
    counts = group(weights, places)
    ranks = np.cumsum(counts, axis=1) - (counts - 1) / 2
    return np.asarray(ranks[:, places] - (weights.sum(axis=1, keepdims=True) + 1) / 2)


def _told_apart(values: FloatArray, weights: FloatArray) -> FloatArray:
    """How many ordered pairs of drawn traces have different values."""
    _, places = np.unique(values, return_inverse=True)
    return np.asarray(weights.sum(axis=1) ** 2 - (group(weights, places) ** 2).sum(axis=1))


def _same_way(distinct: FloatArray, counts: FloatArray) -> FloatArray:
    """Ordered pairs of drawn traces that both sides put the same way, less those that they put opposite ways."""
    first, second = (np.sign(np.subtract.outer(values, values)) for values in distinct.T)
    return np.asarray(((counts @ (first * second)) * counts).sum(axis=1))
