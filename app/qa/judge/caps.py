"""Caps: what a dimension may not exceed, whatever else speaks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Values = Mapping[str, float | None]
"""Feature values by id."""


@dataclass(frozen=True)
class Cap:
    """A flag that holds dimensions down."""

    flag: str
    applies: Callable[[Values], bool]
    limits: Mapping[str, float]
    """The highest value, from 0 to 1, by dimension id."""
    sentence: str


def _below(values: Values, feature: str, limit: float) -> bool:
    value = values.get(feature)
    return value is not None and value < limit


CAPS = (
    Cap(
        "unsupported_claims",
        lambda values: _below(values, "F10", 0.67),
        {"logical_coherence": 0.4, "causal_linking": 0.4, "validation": 0.5},
        "Success was claimed more often than the record bears out",
    ),
    Cap(
        "no_investigation",
        lambda values: _below(values, "F01", 0.5) and _below(values, "F11", 0.34),
        {"hypothesis_formation": 0.25, "causal_linking": 0.25, "depth": 0.25, "experiment_design": 0.4},
        "Nothing was investigated before the first edit",
    ),
    Cap(
        "tests_weakened",
        lambda values: _below(values, "F16", 0.5),
        {"validation": 0.25, "experiment_design": 0.25, "safety_hygiene": 0.5, "causal_linking": 0.5},
        "Tests were weakened",
    ),
    Cap(
        "unverified",
        lambda values: values.get("F13") == 0,
        {"validation": 0.25, "experiment_design": 0.5},
        "The last edit was never checked",
    ),
)
"""The caps, in the order their flags are told."""

CAPPING_FEATURES = frozenset({"F01", "F10", "F11", "F13", "F16"})
"""The features that caps look at."""
