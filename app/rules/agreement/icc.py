"""ICC(A,1): absolute agreement of single values, on a continuous scale.

Two-way random effects, from the mean squares of an analysis of variance without replication: McGraw, K. O. & Wong, S. P.
(1996), Forming inferences about some intraclass correlation coefficients, Psychological Methods 1, table 4. Shrout and Fleiss
call it ICC(2,1).
"""

from __future__ import annotations

import numpy as np

from app.rules.agreement.pairs import Pairs
from app.rules.agreement.statistic import FloatArray, Statistic, varies

# a denominator that is smaller than this share of all variation is rounding and nothing else
_NOTHING = 1e-12


def icc(pairs: Pairs) -> Statistic:
    """ICC(A,1). Where one side says the same of every trace it would be 0 or less whatever the other says: undefined."""
    values = np.column_stack([pairs.first, pairs.second])
    centred = values - values.mean() if len(pairs) else values

    def resampled(weights: FloatArray) -> FloatArray:
        defined = varies(weights, pairs.first) & varies(weights, pairs.second)
        return np.where(defined, _icc(centred, weights), np.nan)

    undefined, value = pairs.without_variance, np.nan
    if undefined is None:
        value = float(_icc(centred, np.ones((1, len(pairs))))[0])
        undefined = "the two sides contradict each other, and nothing is left to compare with" if np.isnan(value) else None
    return Statistic(len(pairs), lambda: value, resampled, undefined)


def _icc(values: FloatArray, weights: FloatArray) -> FloatArray:
    """From weighted sums; values are centred, so that these do not lose digits. ``nan`` where nothing is left to divide by."""
    n, raters = values.shape
    means = values.mean(axis=1)
    grand = weights @ means / n
    between_traces = raters * (weights @ means**2 - n * grand**2)
    between_raters = n * (((weights @ values) / n) ** 2).sum(axis=1) - n * raters * grand**2
    everything = weights @ (values**2).sum(axis=1) - n * raters * grand**2
    traces = between_traces / (n - 1)
    sides = between_raters / (raters - 1)
    error = (everything - between_traces - between_raters) / ((n - 1) * (raters - 1))
    whole = traces + (raters - 1) * error + raters * (sides - error) / n
    ratio = np.full(len(weights), np.nan)
    np.divide(traces - error, whole, out=ratio, where=whole > _NOTHING * everything)
    return ratio
