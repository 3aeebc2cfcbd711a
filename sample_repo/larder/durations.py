"""Durations as people write them: ``"90"``, ``"1h30m"``, ``"2d 4h"``, ``"250ms"``."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def parse_duration(text: str) -> float:
    """The duration in seconds. A plain number counts seconds.

    Raises:
        ValueError: the text is not a duration, or names a unit twice.
    """
    compact = "".join(text.split()).lower()
    if _NUMBER.fullmatch(compact):
        return float(compact)
    parts = _PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        raise ValueError(f"not a duration: {text!r}")
    units = [unit for _, unit in parts]
    if len(set(units)) != len(units):
        raise ValueError(f"a unit is named twice: {text!r}")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
