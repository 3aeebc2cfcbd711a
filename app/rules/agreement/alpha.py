"""Krippendorff's alpha: agreement of two or more raters, who need not all have rated everything.

Krippendorff, K. (2011), Computing Krippendorff's Alpha-Reliability.
"""

from __future__ import annotations

from typing import Literal

import krippendorff
import numpy as np

from app.rules.agreement.raters import Raters
from app.rules.agreement.scale import check_raters
from app.rules.agreement.statistic import FloatArray, Statistic

Metric = Literal["nominal", "ordinal", "interval"]


def alpha(raters: Raters, levels: int, metric: Metric) -> Statistic:
    """Krippendorff's alpha on levels. It rests on the traces with two ratings or more.

    One rater who never varies leaves it defined, as long as another one does.

    Raises:
        ValueError: a rating is none of the levels.
    """
    check_raters(raters, levels)
    counts = _value_counts(raters, levels)

    def point() -> float:
        domain = np.arange(levels)
        return float(krippendorff.alpha(value_counts=counts, value_domain=domain, level_of_measurement=metric))

    return Statistic(len(counts), point, lambda weights: _resampled(counts, metric, weights), _undefined(counts))


def _value_counts(raters: Raters, levels: int) -> FloatArray:
    """For each trace with at least two ratings, how many raters chose each level."""
    ratings = raters.matrix(sorted(raters.traces))
    counts = (ratings[:, :, None] == np.arange(levels)).sum(axis=0).astype(np.float64)
    return np.asarray(counts[counts.sum(axis=1) > 1])


def _undefined(counts: FloatArray) -> str | None:
    if not len(counts):
        return "no trace has two ratings"
    if (counts.sum(axis=0) > 0).sum() < 2:
        return "all ratings are the same"
    return None


def _resampled(counts: FloatArray, metric: Metric, weights: FloatArray) -> FloatArray:
    levels = counts.shape[1]
    own = counts[:, :, None] * np.eye(levels)
    coincidences = (counts[:, :, None] * counts[:, None, :] - own) / (counts.sum(axis=1) - 1)[:, None, None]
    observed = (weights @ coincidences.reshape(len(counts), -1)).reshape(-1, levels, levels)
    totals = observed.sum(axis=2)
    expected = totals[:, :, None] * totals[:, None, :] - totals[:, :, None] * np.eye(levels)
    distances = _distances(totals, metric)
    by_chance = (expected * distances).sum(axis=(1, 2)) / (totals.sum(axis=1) - 1)
    return np.asarray(1 - (observed * distances).sum(axis=(1, 2)) / by_chance)


def _distances(totals: FloatArray, metric: Metric) -> FloatArray:
    """How far two levels are apart. On an ordinal scale: how many ratings lie between them, in each resample."""
    levels = totals.shape[1]
    if metric == "nominal":
        return np.asarray(1 - np.eye(levels))
    middles = np.arange(levels)[None, :] if metric == "interval" else np.cumsum(totals, axis=1) - totals / 2
    return np.asarray((middles[:, :, None] - middles[:, None, :]) ** 2, dtype=np.float64)
