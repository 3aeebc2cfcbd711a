"""Percentile intervals from resamples of traces.

Traces are drawn, not single values: what was said of one trace stays together. All statistics of one call see the same
resamples, and the seed is fixed, so the same judgements always have the same intervals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from app.rules.agreement.statistic import FloatArray, Interval, Measure, Statistic

RESAMPLES = 2000
PERCENTILES = (2.5, 97.5)
SEED = 20260302
MAX_UNDEFINED_SHARE = 0.05
"""Where more resamples than this have no value, the rest would not stand for all of them, and there is no interval."""

# bounds the memory of a block of resamples
_CELLS = 2_000_000


def measure(statistics: Mapping[str, Statistic]) -> dict[str, Measure]:
    """Each statistic's value with its interval, by the same names. Statistics with the same n are of the same traces."""
    found: dict[str, Measure] = {}
    for n in {statistic.n for statistic in statistics.values()}:
        found |= _measure_together({name: of for name, of in statistics.items() if of.n == n}, n)
    return {name: found[name] for name in statistics}


def resamples(n: int) -> Iterator[FloatArray]:
    """All resamples of n traces in blocks; a row says how often each trace was drawn."""
    random = np.random.default_rng(SEED)
    rows = max(1, _CELLS // n)
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        drawn = random.integers(n, size=(count, n)) + n * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * n).reshape(count, n).astype(np.float64)


def _measure_together(statistics: Mapping[str, Statistic], n: int) -> dict[str, Measure]:
    defined = {name: statistic for name, statistic in statistics.items() if statistic.undefined is None}
    values: dict[str, list[FloatArray]] = {name: [] for name in defined}
    for weights in resamples(n) if n > 1 and defined else ():
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, statistic in defined.items():
                values[name].append(statistic.resampled(weights))
    return {name: _measure(statistic, values.get(name, [])) for name, statistic in statistics.items()}


def _measure(statistic: Statistic, blocks: list[FloatArray]) -> Measure:
    if statistic.undefined is not None:
        return Measure(None, statistic.n, reason=statistic.undefined)
    value = float(statistic.point())
    if not blocks:
        return Measure(value, statistic.n, reason="an interval needs two traces")
    resampled = np.concatenate(blocks)
    found = resampled[np.isfinite(resampled)]
    if len(found) < (1 - MAX_UNDEFINED_SHARE) * len(resampled):
        missing = len(resampled) - len(found)
        return Measure(value, statistic.n, reason=f"no interval: undefined in {missing} of {len(resampled)} resamples")
    low, high = np.percentile(found, PERCENTILES)
    return Measure(value, statistic.n, Interval(float(low), float(high)))
