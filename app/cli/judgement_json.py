"""Judgements out of JSON: one judgement or one trace after the other, or lists of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.cli.judgement_rows import Row, Scale, refuse
from app.errors import Fault, InvalidError
from app.rules.rubric_contents import SHOWN_DIGITS, changed_rubrics
from app.rules.vouching import NamedJudge, NamedRubric
from app.utils.json_stream import JsonWindow, UnreadableJsonError

_OUTCOMES = {True: "passed", False: "failed", None: None}
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_Kind = TypeVar("_Kind", bound=BaseModel)
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


@dataclass(frozen=True)
class Choice:
    """Which judgements of a file are meant; what is ``None`` does not matter."""

    side: str
    """How the options of this side are called."""
    kind: str | None = None
    model: str | None = None
    flag: str | None = None
    version: str | None = None
    """Of the rubric; or the beginning of its content's SHA-256, ``SHOWN_DIGITS`` or more."""

    @property
    def words(self) -> list[str]:
        """What was asked for."""
        return [word for word in (self.kind, self.model, self.flag, self.version) if word is not None]

    def fits_rubric(self, rubric: NamedRubric) -> bool:
        """Whether judgements by this rubric are meant, as far as the choice says."""
        if self.version is None or self.version == rubric.version:
            return True
        is_hash = len(self.version) >= SHOWN_DIGITS and rubric.sha256 is not None
        return is_hash and str(rubric.sha256).startswith(self.version.lower())


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Dimension(_Part):
    level: _Number | None = None
    score: _Number | None = None


class _Results(_Part):
    tests_passed: bool | None = None
    judgements: tuple[Any, ...] = ()


class _Metrics(_Part):
    num_events: Annotated[int, Field(ge=0)] | None = None


class _Language(_Part):
    lang: str
    ratio: float


class _Repo(_Part):
    language_stats: tuple[_Language, ...] = ()


class _Agent(_Part):
    model: str | None = None


class _Session(_Part):
    agent: _Agent | None = None


class _Document(_Part):
    trace_id: str | None = None
    qa_results: _Results | None = None
    metrics: _Metrics | None = None
    repo: _Repo | None = None
    session: _Session | None = None
    events: tuple[Any, ...] | None = None
    judgements: tuple[Any, ...] = ()

    @property
    def held(self) -> tuple[Any, ...]:
        """Every judgement, wherever it stands."""
        return (*(self.qa_results.judgements if self.qa_results else ()), *self.judgements)

    @property
    def properties(self) -> dict[str, str]:
        """What it tells of its session."""
        found = {
            "outcome": _OUTCOMES[self.qa_results.tests_passed if self.qa_results else None],
            "length": self._length,
            "language": max(self.repo.language_stats, key=lambda share: share.ratio, default=_NO_LANGUAGE).lang
            if self.repo
            else None,
            "agent_model": self.session.agent.model if self.session and self.session.agent else None,
        }
        return {name: value for name, value in found.items() if value}

    @property
    def _length(self) -> str | None:
        if self.metrics and self.metrics.num_events is not None:
            return str(self.metrics.num_events)
        return None if self.events is None else str(len(self.events))


_NO_LANGUAGE = _Language(lang="", ratio=0)
_NO_DOCUMENT = _Document()


class _Judgement(_Part):
    trace_id: str | None = None
    rubric: NamedRubric
    judge: NamedJudge
    dimensions: dict[str, _Dimension] = {}
    total: _Number | None = None
    flags: tuple[str, ...] = ()
    created_at: datetime | None = None

    @property
    def rater(self) -> str:
        """Who said it, as judgements of several versions of a judge are told from those of another one."""
        return " ".join(filter(None, (self.judge.kind, self.judge.name, self.judge.model)))

    @property
    def moment(self) -> datetime:
        """When it was made; the beginning of time where that is not known."""
        if self.created_at is None:
            return _BEGINNING
        return self.created_at if self.created_at.tzinfo else self.created_at.replace(tzinfo=UTC)


@dataclass(frozen=True)
class _Found:
    """A judgement with its place, and what is known of its trace."""

    place: str
    order: int
    trace_id: str
    judgement: _Judgement
    properties: Mapping[str, str]


def read_json(path: Path, scale: Scale, choice: Choice) -> list[Row]:
    """The chosen judgements of a file. Of several by one rater on one trace, the latest one that has a level counts.

    Raises:
        InvalidError: something is wrong, or the choice leaves open which judgements are meant.
    """
    faults: list[Fault] = []
    found = [one for one in _judgements(path, faults) if _is_chosen(one.judgement, scale, choice)]
    rows = [(one, _row(one, scale, faults)) for one in found]
    if faults:
        refuse(str(path), faults)
    _refuse_mixtures(path, found, choice)
    latest: dict[tuple[str, str], Row] = {}
    for _, row in sorted(rows, key=lambda pair: (pair[0].judgement.moment, pair[0].order)):
        if row.levels:
            latest[row.trace_id, row.rater] = row
    return list(latest.values())


def _judgements(path: Path, faults: list[Fault]) -> Iterator[_Found]:
    for number, value in enumerate(_objects(path), start=1):
        place = f"object {number}"
        if not isinstance(value, dict):
            faults.append(Fault((place, number), "expected a judgement or a trace"))
        elif "dimensions" in value or "rubric" in value:
            yield from _parse(place, number, value, _NO_DOCUMENT, faults)
        elif "qa_results" in value or "judgements" in value:
            document = _validated(_Document, value, place, number, faults) or _NO_DOCUMENT
            for index, judgement in enumerate(document.held, start=1):
                yield from _parse(f"{place}, judgement {index}", number, judgement, document, faults)
        else:
            faults.append(Fault((place, number), "neither a judgement nor a trace with judgements"))


def _objects(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as file:
            window = JsonWindow(file)
            while window.peek():
                value = window.value()
                yield from value if isinstance(value, list) else [value]
    except (OSError, UnreadableJsonError) as error:
        raise InvalidError(f"{path} cannot be read: {error}") from error


def _parse(place: str, order: int, value: Any, document: _Document, faults: list[Fault]) -> Iterator[_Found]:
    judgement = _validated(_Judgement, value, place, order, faults)
    if judgement is None:
        return
    trace_id = judgement.trace_id or document.trace_id
    if trace_id is None:
        faults.append(Fault((place, order), "trace_id: names no trace"))
        return
    yield _Found(place, order, trace_id, judgement, document.properties)


def _validated(kind: type[_Kind], value: Any, place: str, order: int, faults: list[Fault]) -> _Kind | None:
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        faults += [Fault((place, order), f"{'.'.join(map(str, one['loc']))}: {one['msg']}") for one in error.errors()]
        return None


def _is_chosen(judgement: _Judgement, scale: Scale, choice: Choice) -> bool:
    return (
        (scale.rubric is None or judgement.rubric.id == scale.rubric.id)
        and choice.kind in {None, judgement.judge.kind}
        and choice.model in {None, judgement.judge.model}
        and (choice.flag is None or choice.flag in judgement.flags)
        and choice.fits_rubric(judgement.rubric)
    )


def _row(found: _Found, scale: Scale, faults: list[Fault]) -> Row:
    levels: dict[str, float] = {}
    scores: dict[str, float] = {}
    for name, dimension in found.judgement.dimensions.items():
        if scale.dimensions is not None and name not in scale.dimensions:
            faults.append(Fault((found.place, found.order), f"the rubric has no dimension {name!r}"))
            continue
        level = _level(dimension, scale)
        if level is not None and not 0 <= level <= scale.top:
            faults.append(Fault((found.place, found.order), f"{name}: expected a level from 0 to {scale.top}, got {level:g}"))
        elif level is not None:
            levels[name] = level
        if dimension.score is not None:
            scores[name] = dimension.score
    judged = found.judgement
    return Row(found.trace_id, judged.rater, levels, scores, judged.total, found.properties, judged.judge, judged.rubric)


def _level(dimension: _Dimension, scale: Scale) -> float | None:
    if dimension.level is None and dimension.score is not None:
        return scale.level_of(dimension.score)
    return dimension.level


def _refuse_mixtures(path: Path, found: list[_Found], choice: Choice) -> None:
    rubrics = sorted({one.judgement.rubric.id for one in found})
    versions = sorted({str(one.judgement.rubric.version) for one in found})
    kinds = sorted({one.judgement.judge.kind for one in found})
    if len(rubrics) > 1:
        raise InvalidError(f"{path} holds judgements by {', '.join(rubrics)}: choose one with --rubric.")
    if len(versions) > 1:
        told = f"{path} holds judgements by versions {', '.join(versions)} of {rubrics[0]}"
        raise InvalidError(f"{told}: choose one with --{choice.side}-version.")
    for changed in changed_rubrics(one.judgement.rubric for one in found):
        raise InvalidError(f"{path}: {changed}; choose one with --{choice.side}-version SHA256.")
    if len(kinds) > 1:
        raise InvalidError(f"{path} holds judgements of the kinds {', '.join(kinds)}: choose one with --{choice.side}-kind.")
