"""What one rater says of one trace, and the scale that it is said on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from app.errors import Fault, InvalidError
from app.models.rubric import Rubric
from app.rules.vouching import NamedJudge, NamedRubric

_SHOWN_FAULTS = 20


@dataclass(frozen=True)
class Row:
    """One judgement, or one person's lines of a table."""

    trace_id: str
    rater: str
    levels: Mapping[str, float]
    """By dimension; what was not scored is left out."""
    scores: Mapping[str, float] = field(default_factory=dict)
    total: float | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    """What is known of the trace: ``outcome``, ``length``, ``language``, ``agent_model``."""
    judge: NamedJudge | None = None
    """``None``: the file does not name judges."""
    rubric: NamedRubric | None = None


@dataclass(frozen=True)
class Scale:
    """Levels from 0, and the rubric that they belong to, where it is known."""

    levels: int
    rubric: Rubric | None = None

    @property
    def top(self) -> int:
        """The highest level."""
        return self.levels - 1

    @property
    def dimensions(self) -> frozenset[str] | None:
        """Every dimension that there is; ``None``: any."""
        return None if self.rubric is None else frozenset(dimension.id for dimension in self.rubric.dimensions)

    def level_of(self, score: float) -> float | None:
        """The nearest level to a score; ``None`` where the scale of scores is not known or does not reach that far."""
        if self.rubric is None or not self.rubric.scale.min <= score <= self.rubric.scale.max:
            return None
        return float(self.rubric.scale.level_of(score))

    def total(self, row: Row) -> float | None:
        """The total by the rubric, from scores or else from levels; ``None`` unless every dimension is there."""
        if self.rubric is None:
            return None
        at = self.rubric.scale.at
        return self.rubric.total({name: row.scores.get(name, at(level)) for name, level in row.levels.items()})


def refuse(name: str, faults: Sequence[Fault]) -> NoReturn:
    """Say everything that is wrong with a file.

    Raises:
        InvalidError: always.
    """
    shown = [f"  {fault.loc[0]}: {fault.msg}" for fault in faults[:_SHOWN_FAULTS]]
    more = len(faults) - len(shown)
    raise InvalidError("\n".join([f"{name} cannot be used:", *shown, *([f"  and {more} more"] if more else [])]), faults)
