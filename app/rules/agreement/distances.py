"""How far off, in which direction, and how often not at all. Each is a mean over traces."""

from __future__ import annotations

import numpy as np

from app.rules.agreement.pairs import Pairs
from app.rules.agreement.statistic import FloatArray, Statistic


def mean_absolute_error(pairs: Pairs) -> Statistic:
    """The mean distance, in units of the scale."""
    return _mean(pairs, np.abs(pairs.first - pairs.second))


def bias(pairs: Pairs) -> Statistic:
    """The mean of first minus second: above 0, the first side is the more generous one."""
    return _mean(pairs, pairs.first - pairs.second)


def exact_share(pairs: Pairs) -> Statistic:
    """The share of traces on which both sides say the same."""
    return _mean(pairs, (pairs.first == pairs.second).astype(np.float64))


def within_one_share(pairs: Pairs) -> Statistic:
    """The share of traces on which the sides are one level apart or less."""
    return _mean(pairs, (np.abs(pairs.first - pairs.second) <= 1).astype(np.float64))


def _mean(pairs: Pairs, values: FloatArray) -> Statistic:
    undefined = None if len(pairs) else pairs.without_variance
    return Statistic(len(pairs), lambda: float(values.mean()), lambda weights: weights @ values / len(values), undefined)
