"""One side of a comparison: what one or several raters say of traces."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median

import numpy as np

from app.rules.agreement.statistic import FloatArray


@dataclass(frozen=True)
class Raters:
    """What each rater says: a level, or a total, by trace id. Not everyone has to rate everything."""

    ratings: Mapping[str, Mapping[str, float]]

    @property
    def names(self) -> tuple[str, ...]:
        """In order, so that nothing depends on who came first."""
        return tuple(sorted(self.ratings))

    @property
    def traces(self) -> frozenset[str]:
        """Every trace that somebody rated."""
        return frozenset(trace for given in self.ratings.values() for trace in given)

    def only(self, traces: Collection[str]) -> Raters:
        """The same raters on some of the traces."""
        kept = {
            name: {trace: value for trace, value in given.items() if trace in traces} for name, given in self.ratings.items()
        }
        return Raters({name: given for name, given in kept.items() if given})

    def on_levels(self) -> Raters:
        """Every rating as the nearest level; halfway, the higher one."""
        return Raters({name: _nearest(given) for name, given in self.ratings.items()})

    def consensus(self) -> dict[str, float]:
        """The median over the raters of each trace."""
        said: dict[str, list[float]] = {}
        for name in self.names:
            for trace, value in self.ratings[name].items():
                said.setdefault(trace, []).append(value)
        return {trace: median(values) for trace, values in said.items()}

    def consensus_level(self) -> dict[str, float]:
        """The level nearest to the median; halfway, the higher one."""
        return _nearest(self.consensus())

    def matrix(self, traces: Collection[str]) -> FloatArray:
        """A row for each rater, a column for each trace, ``nan`` where one did not rate the other."""
        rows = [[self.ratings[name].get(trace, np.nan) for trace in traces] for name in self.names]
        return np.array(rows, dtype=np.float64).reshape(len(self.ratings), len(traces))


def _nearest(given: Mapping[str, float]) -> dict[str, float]:
    return {trace: float(np.floor(value + 0.5)) for trace, value in given.items()}
