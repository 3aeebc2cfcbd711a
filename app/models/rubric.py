"""A rubric: the questions that a judge answers, the scale it answers on, and how the answers become one number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.models.base import Sha256, Value


class RubricRef(Value):
    """The rubric that was applied."""

    id: str
    version: str
    sha256: Sha256


class Scale(Value):
    """Integer levels from 0, mapped linearly onto ``min`` … ``max``."""

    levels: int
    min: float
    max: float

    @property
    def top(self) -> int:
        """The highest level."""
        return self.levels - 1

    def at(self, level: float) -> float:
        """The score of a level; of a mean of levels, too."""
        return self.between(level / self.top)

    def between(self, value: float) -> float:
        """The score of a value from 0 to 1."""
        return self.min + value * (self.max - self.min)

    def share(self, score: float) -> float:
        """How far up the scale a score lies, from 0 to 1."""
        return (score - self.min) / (self.max - self.min)

    def level_of(self, score: float) -> int:
        """The nearest level; halfway, the higher one."""
        return min(self.top, int(self.share(score) * self.top + 0.5))


class Dimension(Value):
    """One question that a rubric asks."""

    id: str
    weight: float
    question: str
    anchors: dict[int, str]
    """What a level looks like, for some levels."""
    cites: tuple[str, ...]
    """The kinds of events that an answer rests on."""
    needs_reasoning: bool
    """Whether it cannot be judged where no reasoning was recorded."""
    heuristic: dict[str, float]
    """Feature ids with their weights."""
    never_above: tuple[str, ...] = ()
    """Feature ids: a judge that counts gives no more than the lowest of them."""


class Rubric(Value):
    """A set of dimensions with one scale and one way to a total."""

    id: str
    version: str
    sha256: Sha256
    """Of the parsed content as canonical JSON: layout and comments do not matter."""
    aggregate: Literal["sum", "weighted_mean"]
    scale: Scale
    dimensions: tuple[Dimension, ...]

    @property
    def ref(self) -> RubricRef:
        """How judgements name it."""
        return RubricRef(id=self.id, version=self.version, sha256=self.sha256)

    def total(self, scores: Mapping[str, float | None]) -> float | None:
        """The total, or ``None`` unless every dimension is scored."""
        found = self._found(scores)
        if len(found) < len(self.dimensions):
            return None
        return sum(score if self.aggregate == "sum" else weight * score for weight, score in found)

    def partial(self, scores: Mapping[str, float | None]) -> float | None:
        """The weighted mean of the dimensions that are scored, where some are and some are not."""
        found = self._found(scores)
        weight = sum(weight for weight, _ in found)
        if not weight or len(found) == len(self.dimensions):
            return None
        return sum(weight * score for weight, score in found) / weight

    def _found(self, scores: Mapping[str, float | None]) -> list[tuple[float, float]]:
        known = ((dimension.weight, scores.get(dimension.id)) for dimension in self.dimensions)
        return [(weight, score) for weight, score in known if score is not None]


class RubricList(Value):
    """The rubrics of a server."""

    rubrics: tuple[Rubric, ...]
    default: tuple[str, ...]
    """Ids of those that a finalize judges by where it names none."""
