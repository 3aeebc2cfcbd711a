"""What two sides say of the same traces, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.rules.agreement.statistic import FloatArray

_DECIMALS = 9
"""Sums of the same numbers in another order differ behind this; they count as equal."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Two values of each trace. Differences are told as first minus second."""

    traces: tuple[str, ...]
    """In order of their ids, so that nothing depends on the order in which they were read."""
    first: FloatArray
    second: FloatArray

    def __len__(self) -> int:
        return len(self.traces)

    @property
    def without_variance(self) -> str | None:
        """Why nothing that compares variation can be said, where that is so."""
        if not len(self):
            return "no trace was scored by both sides"
        for side, values in (("first", self.first), ("second", self.second)):
            if np.ptp(values) == 0:
                return f"the {side} side says the same of every trace"
        return None


def pair(first: Mapping[str, float], second: Mapping[str, float]) -> Pairs:
    """The traces that both sides scored."""
    traces = tuple(sorted(first.keys() & second.keys()))
    return Pairs(traces, _values(first, traces), _values(second, traces))


def _values(side: Mapping[str, float], traces: tuple[str, ...]) -> FloatArray:
    return np.array([round(side[trace], _DECIMALS) for trace in traces], dtype=np.float64)
