"""Sides of a comparison for tests, and the example that every statistic has a known value for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.rules.agreement.pairs import Pairs, pair
from app.rules.agreement.raters import Raters

LEVELS = 6
JUDGE = (3, 4, 2, 5, 1, 0, 3, 4, 4, 2, 5, 3)
ANNA = (3, 5, 2, 4, 1, 1, 3, 4, 3, 2, 5, 2)
BEN = (2, 4, 2, 5, 0, 1, 3, 3, 4, 2, 4, None)


def by_trace(values: Sequence[float | None]) -> dict[str, float]:
    """One trace for each value; ``None``: not rated."""
    return {f"t-{number:04}": float(value) for number, value in enumerate(values) if value is not None}


def raters(*values: Sequence[float | None]) -> Raters:
    """A rater for each row."""
    return Raters({f"r-{number}": by_trace(row) for number, row in enumerate(values)})


def pairs(first: Sequence[float | None], second: Sequence[float | None]) -> Pairs:
    """Two sides on the traces that both rated."""
    return pair(by_trace(first), by_trace(second))


def noisy(levels: Sequence[float], random: np.random.Generator, spread: float, top: int = LEVELS - 1) -> list[float]:
    """What somebody says who sees the right levels through noise."""
    seen = np.asarray(levels) + random.normal(0, spread, len(levels))
    return [float(level) for level in np.clip(np.rint(seen), 0, top)]
