"""What ``judge compare --json`` prints, read again: for which judge it vouches, and by which rubric."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.errors import Fault, InvalidError
from app.rules.vouching import Calibration, LabelName, NamedJudge, NamedRubric, VouchingLabel

_PEOPLE = "human"
_Named = TypeVar("_Named", NamedJudge, NamedRubric)


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Side(_Part):
    judges: tuple[NamedJudge, ...]
    rubrics: tuple[NamedRubric, ...]


class _Label(_Part):
    name: LabelName


class _Agreement(_Part):
    subject: str
    label: _Label | None
    """``None``: of totals, which get none."""


class _Report(_Part):
    a: _Side
    b: _Side
    agreements: tuple[_Agreement, ...]

    @property
    def labels(self) -> dict[str, LabelName]:
        return {one.subject: one.label.name for one in self.agreements if one.label is not None}


def read_calibration(path: Path, at_least: VouchingLabel) -> Calibration:
    """The judge that a report is about, with its labels.

    Raises:
        InvalidError: it is no such report, does not tell whose judgements it compared, compared those of several judges as
            one, or held them against something else than what people say.
    """
    try:
        content = path.read_bytes()
        report = _Report.model_validate_json(content)
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        faults = [Fault(one["loc"], one["msg"]) for one in error.errors(include_input=False, include_url=False)]
        told = "; ".join(f"{'.'.join(map(str, fault.loc)) or 'the file'}: {fault.msg}" for fault in faults)
        raise InvalidError(f"{path} is not what judge compare --json prints: {told}", faults) from None
    _refuse_others_than_people(path, report.b)
    return Calibration(
        report_sha256=hashlib.sha256(content).hexdigest(),
        judge=_only(path, "judge", report.a.judges),
        rubric=_only(path, "rubric", report.a.rubrics),
        labels=report.labels,
        at_least=at_least,
    )


def render_refusal(path: Path, calibration: Calibration, traces: int) -> str:
    """Why traces were left out that it does not vouch for, as a sentence: what it is about, and what is too low."""
    counted = "the score of 1 trace" if traces == 1 else f"the scores of {traces} traces"
    about = f"{path} does not vouch for {counted}: it is about {calibration.judge} by {calibration.rubric}"
    low = ", ".join(f"{name} is {label}" for name, label in calibration.too_low.items())
    return f"{about}, and {low}" if low else about


def _only(path: Path, what: str, named: Sequence[_Named]) -> _Named:
    if not named:
        raise InvalidError(f"{path} names no {what} of side A; compare judgements or traces (.json, .jsonl), not tables")
    if len(named) > 1:
        listed = ", ".join(map(str, named))
        raise InvalidError(f"{path} vouches for nobody: side A mixes {len(named)} {what}s ({listed}); compare one at a time")
    return named[0]


def _refuse_others_than_people(path: Path, reviewers: _Side) -> None:
    """Tables do not tell who filled them in; whoever compares says that these are reviewers."""
    others = [str(judge) for judge in reviewers.judges if judge.kind != _PEOPLE]
    if others:
        raise InvalidError(f"{path} vouches for nobody: side B is {', '.join(others)}, and labels mean agreement with people")
