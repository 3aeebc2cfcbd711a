"""Reading a model's answer. Nothing in it is believed before it has been checked, and no number is made up in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.models.rubric import Rubric
from app.qa.judge.prompt import CANNOT_BE_JUDGED, MAX_FEEDBACK_CHARACTERS, MAX_RATIONALE_CHARACTERS
from app.qa.judge.visible import make_visible

MAX_OBJECT_STARTS = 64
MAX_CITED = 50
REDACTED = "[redacted]"
MAX_QUOTE_READ = 1000
MAX_NAME_CHARACTERS = 40

_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class DimensionAnswer:
    """A model's answer on one dimension, checked for form."""

    level: int | None
    """``None`` where the model says that it cannot be judged from what was shown."""
    cited: tuple[str, ...]
    """Names of events, ``e1`` …; whether they were shown is not checked here."""
    quote: str
    rationale: str


@dataclass(frozen=True)
class Answer:
    """A model's answer, checked for form."""

    dimensions: Mapping[str, DimensionAnswer]
    feedback: str
    instructions_seen: tuple[str, ...] = ()
    """The events that try to steer the judge, as the model names them."""
    unwrapped: bool = False
    """Whether it had to be taken out of other text."""

    @property
    def is_complete(self) -> bool:
        """Whether every dimension has a level."""
        return all(one.level is not None for one in self.dimensions.values())


@dataclass(frozen=True)
class Unusable:
    """An answer that cannot be used."""

    faults: list[str]
    is_json: bool
    """Whether there was a JSON object at all."""


def read_answer(content: str, rubric: Rubric, secret: str = "") -> Answer | Unusable:
    """The answer that a reply's content holds; the first balanced object counts. ``secret`` is in none of its texts."""
    found = _first_object(content)
    if found is None:
        return Unusable(["it holds no JSON object"], is_json=False)
    value, unwrapped = found
    faults = _faults(value, rubric)
    if faults:
        return Unusable(faults, is_json=True)
    clean = _Cleaner(secret)
    return Answer(
        dimensions={dimension.id: clean.dimension(value["dimensions"][dimension.id]) for dimension in rubric.dimensions},
        feedback=clean.text(value["feedback"], MAX_FEEDBACK_CHARACTERS),
        instructions_seen=clean.names(value.get("instructions_seen", [])),
        unwrapped=unwrapped,
    )


def write_answer(answer: Answer) -> str:
    """The answer as JSON that ``read_answer`` reads as the same answer, but for where it was taken from."""
    dimensions = {
        name: {
            "evidence": list(one.cited),
            "quote": one.quote,
            "rationale": one.rationale,
            "level": CANNOT_BE_JUDGED if one.level is None else one.level,
        }
        for name, one in answer.dimensions.items()
    }
    told = {"feedback": answer.feedback, "instructions_seen": list(answer.instructions_seen)}
    return json.dumps({"dimensions": dimensions, **told}, ensure_ascii=False)


def _first_object(content: str) -> tuple[dict[str, Any], bool] | None:
    """The first JSON object in a text, and whether there was more than that object."""
    start = content.find("{")
    for _ in range(MAX_OBJECT_STARTS):
        if start < 0:
            return None
        try:
            value, end = _DECODER.raw_decode(content, start)
        except (ValueError, RecursionError):  # not JSON, a number too long to read, or nested too deeply
            start = content.find("{", start + 1)
            continue
        return value, bool(content[:start].strip() or content[end:].strip())
    return None


def _faults(value: dict[str, Any], rubric: Rubric) -> list[str]:
    dimensions = value.get("dimensions")
    if not isinstance(dimensions, dict):
        return ["dimensions: expected an object"]
    wanted = {dimension.id for dimension in rubric.dimensions}
    faults = [f"dimensions.{name}: missing" for name in sorted(wanted - dimensions.keys())]
    faults += ["dimensions: holds something that is not in the rubric"] if dimensions.keys() - wanted else []
    for name in sorted(wanted & dimensions.keys()):
        faults += [f"dimensions.{name}{fault}" for fault in _dimension_faults(dimensions[name], rubric)]
    if not isinstance(value.get("feedback"), str):
        faults.append("feedback: expected a string")
    if not _are_strings(value.get("instructions_seen", [])):
        faults.append("instructions_seen: expected a list of strings")
    return faults


def _dimension_faults(value: Any, rubric: Rubric) -> Iterator[str]:
    if not isinstance(value, dict):
        yield ": expected an object"
        return
    top = rubric.scale.top
    level = value.get("level")
    if type(level) is not int or not (0 <= level <= top or level == CANNOT_BE_JUDGED):  # True is an int by inheritance
        yield f".level: expected a whole number from 0 to {top}, or {CANNOT_BE_JUDGED}"
    if not _are_strings(value.get("evidence")):
        yield ".evidence: expected a list of strings"
    for field in ("quote", "rationale"):
        if not isinstance(value.get(field), str):
            yield f".{field}: expected a string"


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


@dataclass(frozen=True)
class _Cleaner:
    """Takes the texts of an answer over: nothing hidden in them, nothing secret, and no longer than agreed."""

    secret: str

    def dimension(self, value: dict[str, Any]) -> DimensionAnswer:
        level = value["level"]
        return DimensionAnswer(
            level=None if level == CANNOT_BE_JUDGED else level,
            cited=self.names(value["evidence"]),
            quote=self.text(value["quote"], MAX_QUOTE_READ),
            rationale=self.text(value["rationale"], MAX_RATIONALE_CHARACTERS),
        )

    def names(self, value: list[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.text(name, MAX_NAME_CHARACTERS).lower() for name in value[:MAX_CITED]))

    def text(self, text: str, limit: int) -> str:
        shown = make_visible(self._without_secret(text)).strip()
        return shown if len(shown) <= limit else f"{shown[: limit - 1]}…"

    def _without_secret(self, text: str) -> str:
        return text.replace(self.secret, REDACTED) if self.secret else text
