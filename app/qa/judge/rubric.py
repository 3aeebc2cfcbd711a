"""Reading rubrics: what is judged, on which scale, and which features speak for it. A rubric is a TOML file."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from app.errors import Fault, InvalidError
from app.models.query import EventType
from app.models.rubric import Dimension, Rubric, Scale
from app.qa.judge.features.registry import FEATURES

REASONING = "reasoning-5"
"""The rubric that ``reasoning_score`` comes from."""
PROCESS = "process-6"
"""The rubric that the recording API shows."""

MIN_LEVELS, MAX_LEVELS = 2, 11
WEIGHT_TOLERANCE = 1e-6

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_EVENT_TYPES = frozenset(get_args(EventType))
_BUILT_IN = Path(__file__).parent / "rubrics"


def load_rubrics(folder: Path | None = None) -> dict[str, Rubric]:
    """The rubrics that come with the application and every ``*.toml`` of a folder, by id.

    Raises:
        InvalidError: there is no such folder, one rubric cannot be used, or two have the same id.
    """
    if folder is not None and not folder.is_dir():
        raise InvalidError(f"{folder} is no folder")
    found: dict[str, Rubric] = {}
    for path in [*sorted(_BUILT_IN.glob("*.toml")), *(sorted(folder.glob("*.toml")) if folder is not None else ())]:
        rubric = load_rubric(path)
        if rubric.id in found:
            raise InvalidError(f"Two rubrics have the id {rubric.id}")
        found[rubric.id] = rubric
    return found


def load_rubric(path: Path) -> Rubric:
    """The rubric of one file.

    Raises:
        InvalidError: the file cannot be read, or says something that cannot be applied; ``faults`` holds everything found.
    """
    try:
        return parse_rubric(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"The rubric {path.name} cannot be read") from error
    except InvalidError as error:
        raise InvalidError(f"The rubric {path.name} cannot be used: {error.detail}", error.faults) from error


def parse_rubric(text: str) -> Rubric:
    """The rubric that a TOML text describes.

    Raises:
        InvalidError: as ``load_rubric``.
    """
    try:
        content = tomllib.loads(text)
        raw = _RawRubric.model_validate(content)
        digest = hashlib.sha256(_canonical(content)).hexdigest()
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"it is not TOML: {error}") from error
    except ValidationError as error:
        raise _refusal([Fault(found["loc"], found["msg"]) for found in error.errors()]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidError("it is not TOML that can be read: too deep, or a number too long") from error
    faults = list(_faults(raw))
    if faults:
        raise _refusal(faults)
    return _rubric(raw, digest)


def _each_level_once(value: Any) -> Any:
    if isinstance(value, dict) and any(str(level) != str(level).lstrip("0") and str(level) != "0" for level in value):
        raise ValueError("write each level once, without leading zeros")
    return value


class _Raw(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _RawScale(_Raw):
    levels: int
    min: float
    max: float


class _RawDimension(_Raw):
    id: str
    weight: float
    question: str
    anchors: Annotated[dict[int, str], BeforeValidator(_each_level_once)]
    cites: tuple[str, ...]
    needs_reasoning: bool = False
    heuristic: dict[str, float]
    never_above: tuple[str, ...] = ()


class _RawRubric(_Raw):
    id: str
    version: str
    aggregate: Literal["sum", "weighted_mean"]
    scale: _RawScale
    dimension: tuple[_RawDimension, ...]


def _canonical(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def _refusal(faults: list[Fault]) -> InvalidError:
    told = "; ".join(f"{'.'.join(map(str, fault.loc))}: {fault.msg}" for fault in faults)
    return InvalidError(told, faults)


def _faults(raw: _RawRubric) -> Iterable[Fault]:
    if _ID.fullmatch(raw.id) is None:
        yield Fault(("id",), "expected letters, digits, '.', '_' and '-', at most 64 of them")
    if not MIN_LEVELS <= raw.scale.levels <= MAX_LEVELS:
        yield Fault(("scale", "levels"), f"expected {MIN_LEVELS} to {MAX_LEVELS} levels")
    if raw.scale.max <= raw.scale.min:
        yield Fault(("scale", "max"), "expected more than min")
    if not raw.dimension:
        yield Fault(("dimension",), "expected at least one")
    if abs(sum(dimension.weight for dimension in raw.dimension) - 1) > WEIGHT_TOLERANCE:
        yield Fault(("dimension", "weight"), "expected weights that sum to 1")
    known: set[str] = set()
    for dimension in raw.dimension:
        if dimension.id in known:
            yield Fault(("dimension", dimension.id), "the id is taken by another dimension")
        known.add(dimension.id)
        yield from _dimension_faults(dimension, raw.scale.levels)


def _dimension_faults(dimension: _RawDimension, levels: int) -> Iterable[Fault]:
    where = ("dimension", dimension.id)
    if not dimension.id.isidentifier():
        yield Fault(where, "expected an id of letters, digits and underscores")
    if dimension.weight < 0:
        yield Fault((*where, "weight"), "expected no negative weight")
    for kind in dimension.cites:
        if kind not in _EVENT_TYPES:
            yield Fault((*where, "cites", kind), "no event has this type")
    for level in dimension.anchors:
        if not 0 <= level < levels:
            yield Fault((*where, "anchors", level), "expected a level of the scale")
    for feature in dimension.never_above:
        if feature not in FEATURES:
            yield Fault((*where, "never_above", feature), "no feature has this id")
    for feature, weight in dimension.heuristic.items():
        if feature not in FEATURES:
            yield Fault((*where, "heuristic", feature), "no feature has this id")
        if weight <= 0:
            yield Fault((*where, "heuristic", feature), "expected a positive weight")


def _rubric(raw: _RawRubric, digest: str) -> Rubric:
    return Rubric(
        id=raw.id,
        version=raw.version,
        sha256=digest,
        aggregate=raw.aggregate,
        scale=Scale(levels=raw.scale.levels, min=raw.scale.min, max=raw.scale.max),
        dimensions=tuple(Dimension(**dict(dimension)) for dimension in raw.dimension),
    )
