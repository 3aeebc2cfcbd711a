"""What a comparison of judges entitles to: whether a judge agrees with reviewers well enough for its scores to be used.

The labels are given by ``agreement``, whose libraries nobody needs who only goes by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.models.judgement import JudgeIdentity, Judgement
from app.models.rubric import RubricRef

LabelName = Literal["uncalibrated", "usable", "calibrated"]
"""From the worst to the best."""
VouchingLabel = Literal["usable", "calibrated"]

_RANKS: Mapping[str, int] = {name: rank for rank, name in enumerate(LabelName.__args__)}  # type: ignore[attr-defined]  # a Literal tells its values


@dataclass(frozen=True)
class NamedJudge:
    """Who judged, as far as it is told. Whoever is asked otherwise is another judge."""

    kind: str
    name: str
    version: str | None = None
    model: str | None = None
    prompt_sha256: str | None = None

    @classmethod
    def of(cls, judge: JudgeIdentity) -> NamedJudge:
        """The judge of a judgement."""
        return cls(judge.kind, judge.name, judge.version, judge.model, judge.prompt_sha256)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.kind, self.name, self.version, self.model)))


@dataclass(frozen=True)
class NamedRubric:
    """Which rubric was applied, as far as it is told."""

    id: str
    version: str | None = None
    sha256: str | None = None

    @classmethod
    def of(cls, rubric: RubricRef) -> NamedRubric:
        """The rubric of a judgement."""
        return cls(rubric.id, rubric.version, rubric.sha256)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.id, self.version)))


@dataclass(frozen=True)
class Calibration:
    """How well one judge agrees with reviewers by one rubric, and how well it has to."""

    report_sha256: str
    """Of the report that says so."""
    judge: NamedJudge
    rubric: NamedRubric
    labels: Mapping[str, LabelName]
    """By dimension."""
    at_least: VouchingLabel

    def vouches_for(self, judgement: Judgement) -> bool:
        """Whether it is by this judge and this rubric, and every dimension that it scores has the label at least.

        A dimension that was not compared has no label; a judgement without dimensions has nothing to vouch for.
        """
        named = (NamedJudge.of(judgement.judge), NamedRubric.of(judgement.rubric))
        scored = judgement.dimensions.keys()
        return named == (self.judge, self.rubric) and bool(scored) and scored <= self._good_enough

    @property
    def too_low(self) -> dict[str, LabelName]:
        """The dimensions whose label is a worse one, in the order of the report."""
        return {name: label for name, label in self.labels.items() if name not in self._good_enough}

    @property
    def _good_enough(self) -> frozenset[str]:
        return frozenset(name for name, label in self.labels.items() if _RANKS[label] >= _RANKS[self.at_least])
