"""What a statistic is, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

Resampled = Callable[[FloatArray], FloatArray]
"""From resamples, one in each row that says how often each trace was drawn, to one number each; ``nan``: undefined there."""


@dataclass(frozen=True)
class Statistic:
    """A statistic of some traces: once by a library where one has it, and fast for thousands of resamples."""

    n: int
    """How many traces it rests on."""
    point: Callable[[], float]
    """The value on the traces as they are; called only where it is defined."""
    resampled: Resampled
    undefined: str | None = None
    """Why there is no value, where there is none."""


@dataclass(frozen=True)
class Interval:
    """Where 95 of 100 resamples lie."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """From the lower end to the upper one."""
        return self.high - self.low


@dataclass(frozen=True)
class Measure:
    """The value of a statistic with what it rests on."""

    value: float | None
    n: int
    interval: Interval | None = None
    reason: str | None = None
    """Why there is no value, or a value without an interval."""


def group(weights: FloatArray, places: IntArray) -> FloatArray:
    """How often each group was drawn; ``places`` names the group of each trace, and no group from 0 on is empty."""
    order = np.argsort(places, kind="stable")
    starts = np.searchsorted(places[order], np.arange(places.max() + 1))
    return np.add.reduceat(weights[:, order], starts, axis=1)


def varies(weights: FloatArray, values: FloatArray) -> npt.NDArray[np.bool_]:
    """Which resamples hold at least two different values."""
    _, places = np.unique(values, return_inverse=True)
    return np.asarray((group(weights, places) > 0).sum(axis=1) > 1)
