"""Judgements out of files, as one side of a comparison: CSV, or JSON of judgements or of exported traces.

Everything that is wrong with a file is told at once, each fault with its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.cli.judgement_csv import read_csv
from app.cli.judgement_json import Choice, read_json
from app.cli.judgement_rows import Row, Scale
from app.errors import InvalidError
from app.rules.vouching import NamedJudge, NamedRubric

Ratings = Mapping[str, Mapping[str, float]]
"""By rater, then by trace."""


@dataclass(frozen=True)
class JudgementSet:
    """What a file says, dimension by dimension."""

    name: str
    """The file, and what was chosen from it."""
    levels: Mapping[str, Ratings]
    """By dimension."""
    totals: Ratings
    properties: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What is known of each trace beside its judgements."""
    judges: frozenset[NamedJudge] = frozenset()
    """Everyone whose judgements these are, several versions of one judge one by one; none where the file does not name them."""
    rubrics: frozenset[NamedRubric] = frozenset()
    """Every rubric that they were made by; none where the file does not name it."""

    @property
    def traces(self) -> frozenset[str]:
        """Every trace that has a level or a total."""
        every = [*self.levels.values(), self.totals]
        return frozenset(trace for ratings in every for given in ratings.values() for trace in given)

    @property
    def raters(self) -> frozenset[str]:
        """Everyone who gave a level or a total."""
        return frozenset(rater for ratings in [*self.levels.values(), self.totals] for rater in ratings)


def read_set(path: Path, scale: Scale, choice: Choice) -> JudgementSet:
    """The judgements of a file, told apart by its suffix.

    Raises:
        InvalidError: the file is of another kind, or something in it is wrong; ``faults`` holds everything that was found.
    """
    suffix = path.suffix.lower()
    if suffix == ".csv":
        if choice.words:
            raise InvalidError(f"{path} is CSV, which tells neither kinds, models, flags nor versions to choose by.")
        return _collect(path.name, read_csv(path, scale), scale)
    if suffix in {".json", ".jsonl", ".ndjson"}:
        return _collect(" ".join([path.name, *choice.words]), read_json(path, scale, choice), scale)
    raise InvalidError(f"{path} is neither .csv nor .json nor .jsonl.")


def _collect(name: str, rows: Iterable[Row], scale: Scale) -> JudgementSet:
    rows = list(rows)
    levels: dict[str, dict[str, dict[str, float]]] = {}
    totals: dict[str, dict[str, float]] = {}
    properties: dict[str, dict[str, str]] = {}
    for row in rows:
        properties[row.trace_id] = {**row.properties, **properties.get(row.trace_id, {})}
        for dimension, level in row.levels.items():
            levels.setdefault(dimension, {}).setdefault(row.rater, {})[row.trace_id] = level
        total = row.total if row.total is not None else scale.total(row)
        if total is not None:
            totals.setdefault(row.rater, {})[row.trace_id] = total
    judges = frozenset(row.judge for row in rows if row.judge is not None)
    rubrics = frozenset(row.rubric for row in rows if row.rubric is not None)
    return JudgementSet(name, levels, totals, properties, judges, rubrics)
