"""Levels that are on the scale, and those that are not.

A statistic would take a level that is not there for another one, or pass over it, and its number would look like any other.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.rules.agreement.pairs import Pairs
from app.rules.agreement.raters import Raters

_Said = tuple[str, float]
"""Where it was said, and the level."""


def check_pairs(pairs: Pairs, levels: int, *, between: bool = False) -> None:
    """See that both sides keep to levels from 0 to ``levels`` - 1; ``between``: to what lies between them, too.

    Raises:
        ValueError: they do not; it names every value.
    """
    sides = (("first side", pairs.first), ("second side", pairs.second))
    said = (
        (f"{trace}, {side}", float(level)) for side, values in sides for trace, level in zip(pairs.traces, values, strict=True)
    )
    _refuse(said, levels, between)


def check_raters(raters: Raters, levels: int, *, between: bool = False) -> None:
    """The same of raters.

    Raises:
        ValueError: as ``check_pairs``.
    """
    said = ((f"{trace}, rater {name}", level) for name in raters.names for trace, level in sorted(raters.ratings[name].items()))
    _refuse(said, levels, between)


def _refuse(said: Iterable[_Said], levels: int, between: bool) -> None:
    if levels < 2:
        raise ValueError(f"A scale has two levels or more, not {levels}")
    outside = [f"{level:g} ({place})" for place, level in said if not _is_on_scale(level, levels, between)]
    if outside:
        kind = "levels" if between else "whole levels"
        raise ValueError(f"The scale has {kind} from 0 to {levels - 1}, and these are none: {', '.join(outside)}")


def _is_on_scale(level: float, levels: int, between: bool) -> bool:
    return 0 <= level <= levels - 1 and (between or level == int(level))
