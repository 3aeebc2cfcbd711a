"""From a judge's levels to those that reviewers would give: a monotone map, kept only where it helps on traces it has not seen.

Isotonic regression: Zadrozny, B. & Elkan, C. (2002), Transforming classifier scores into accurate multiclass probability
estimates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression  # type: ignore[import-untyped]
from sklearn.model_selection import KFold  # type: ignore[import-untyped]

from app.rules.agreement.bootstrap import SEED
from app.rules.agreement.pairs import Pairs
from app.rules.agreement.scale import check_pairs
from app.rules.agreement.statistic import FloatArray

MIN_TRACES = 50
FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """A map of levels that was tried, and what came of it."""

    n: int
    is_kept: bool
    reason: str | None = None
    """Why it is not kept."""
    mae_raw: float | None = None
    """Of the levels as the judge gave them."""
    mae_calibrated: float | None = None
    """Of mapped levels, each by a map that was fitted without it."""
    levels: tuple[float, ...] = ()
    """For each level of the judge, in order, the level to expect from reviewers."""

    def calibrated_level(self, level: float) -> float | None:
        """What to expect from reviewers where the judge says this; ``None``: the map is not kept.

        Raises:
            ValueError: the level is not on the scale that the map was made for.
        """
        if self.levels and not 0 <= level <= len(self.levels) - 1:
            raise ValueError(f"The map is for levels from 0 to {len(self.levels) - 1}, not for {level:g}")
        return float(np.interp(level, range(len(self.levels)), self.levels)) if self.is_kept else None


def calibrate(pairs: Pairs, levels: int) -> Calibration:
    """Fit a map from the first side's levels to the second's, and keep it if five-fold cross-validation lowers the MAE.

    Raises:
        ValueError: a value lies outside of the scale.
    """
    check_pairs(pairs, levels, between=True)
    if len(pairs) < MIN_TRACES:
        return Calibration(len(pairs), is_kept=False, reason=f"fewer than {MIN_TRACES} traces")
    raw = float(np.abs(pairs.first - pairs.second).mean())
    mapped = float(np.abs(_held_out_predictions(pairs) - pairs.second).mean())
    fitted = _fit(pairs.first, pairs.second).predict(np.arange(levels, dtype=np.float64))
    is_kept = mapped < raw
    reason = None if is_kept else "it does not lower the MAE on traces that it was not fitted on"
    return Calibration(len(pairs), is_kept, reason, raw, mapped, tuple(map(float, fitted)))


def _held_out_predictions(pairs: Pairs) -> FloatArray:
    predicted = np.empty(len(pairs))
    folds = KFold(FOLDS, shuffle=True, random_state=SEED)
    for known, held_out in folds.split(pairs.first):
        predicted[held_out] = _fit(pairs.first[known], pairs.second[known]).predict(pairs.first[held_out])
    return predicted


def _fit(first: FloatArray, second: FloatArray) -> IsotonicRegression:
    return IsotonicRegression(increasing=True, out_of_bounds="clip").fit(first, second)
