"""Parts of a set of traces: by outcome, by language, by whatever is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

_QUARTILES = ("1st", "2nd", "3rd", "4th")


def split(traces: Iterable[str], key: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """The traces of each value of a key, in order of the values; traces of which it is not known belong to no part."""
    parts: dict[str, set[str]] = {}
    for trace in traces:
        if trace in key:
            parts.setdefault(key[trace], set()).add(trace)
    return {value: frozenset(parts[value]) for value in sorted(parts)}


def length_quartiles(lengths: Mapping[str, int]) -> dict[str, str]:
    """For each trace, in which quarter of all lengths it lies. Traces of one length lie in the same."""
    if not lengths:
        return {}
    bounds = np.quantile(list(lengths.values()), [0.25, 0.5, 0.75])
    quarters = {trace: int(np.searchsorted(bounds, length)) for trace, length in lengths.items()}
    names = {quarter: _name(quarter, lengths, quarters) for quarter in set(quarters.values())}
    return {trace: names[quarter] for trace, quarter in quarters.items()}


def _name(quarter: int, lengths: Mapping[str, int], quarters: Mapping[str, int]) -> str:
    own = [length for trace, length in lengths.items() if quarters[trace] == quarter]
    return f"{_QUARTILES[quarter]} quartile, {min(own)}–{max(own)} events"
