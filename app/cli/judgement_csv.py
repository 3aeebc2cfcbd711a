"""Judgements out of CSV: a line for each trace, dimension and rater."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.cli.judgement_rows import Row, Scale, refuse
from app.errors import Fault, InvalidError

REQUIRED = ("trace_id", "dimension", "level")
OPTIONAL = ("score", "total", "rater")
PROPERTIES = ("outcome", "length", "language", "agent_model")
_NOBODY = "-"
_WHOLE_NUMBER = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class _Line:
    """A line that can be used."""

    number: int
    trace_id: str
    rater: str
    dimension: str
    level: float | None
    score: float | None
    total: float | None
    properties: Mapping[str, str]


class _FaultyLineError(Exception):
    """A line that cannot be used; the message says why."""


def read_csv(path: Path, scale: Scale) -> list[Row]:
    """The judgements of a file, in order of their first lines.

    Raises:
        InvalidError: something is wrong; ``faults`` names each line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} cannot be read: {error}") from error
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    faults: list[Fault] = []
    lines = list(_lines(table, scale, faults))
    faults += _contradictions(lines)
    if faults:
        refuse(str(path), sorted(faults, key=lambda fault: fault.loc[1]))
    return _rows(lines)


def _lines(table: Iterator[list[str]], scale: Scale, faults: list[Fault]) -> Iterator[_Line]:
    """The lines that can be used; what is wrong with the others is noted."""
    header: list[str] | None = None
    while True:
        number = table.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(table)
            if header is None:
                header = _header(cells)
            elif any(cell.strip() for cell in cells):
                yield _line(number, header, cells, scale)
        except StopIteration:
            break
        except (_FaultyLineError, csv.Error) as error:
            faults.append(_fault(number, str(error)))
            if header is None:
                return
    if header is None:
        faults.append(_fault(1, "the file is empty"))


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in (*REQUIRED, *OPTIONAL, *PROPERTIES)]
    twice = sorted({name for name in names if names.count(name) > 1})
    found = [
        *([f"no column {', '.join(missing)}"] if missing else []),
        *([f"unknown column {', '.join(map(repr, unknown))}"] if unknown else []),
        *([f"the column {', '.join(twice)} stands twice"] if twice else []),
    ]
    if found:
        raise _FaultyLineError("; ".join(found))
    return names


def _line(number: int, header: list[str], cells: list[str], scale: Scale) -> _Line:
    if len(cells) != len(header):
        raise _FaultyLineError(f"expected {len(header)} cells, got {len(cells)}")
    cell = dict(zip(header, (cell.strip() for cell in cells), strict=True))
    level, score = _number(cell, "level"), _number(cell, "score")
    _check(cell, level, scale)
    if level is None and score is not None:
        level = scale.level_of(score)
    return _Line(
        number,
        cell["trace_id"],
        cell.get("rater") or _NOBODY,
        cell["dimension"],
        level,
        score,
        _number(cell, "total"),
        {name: cell[name] for name in PROPERTIES if cell.get(name)},
    )


def _check(cell: Mapping[str, str], level: float | None, scale: Scale) -> None:
    if not cell["trace_id"]:
        raise _FaultyLineError("trace_id is empty")
    if not cell["dimension"]:
        raise _FaultyLineError("dimension is empty")
    if scale.dimensions is not None and cell["dimension"] not in scale.dimensions:
        raise _FaultyLineError(f"the rubric has no dimension {cell['dimension']!r}")
    if level is not None and not 0 <= level <= scale.top:
        raise _FaultyLineError(f"level: expected a number from 0 to {scale.top}, got {cell['level']!r}")
    if cell.get("length") and not _WHOLE_NUMBER.fullmatch(cell["length"]):
        raise _FaultyLineError(f"length: expected a whole number, got {cell['length']!r}")


def _number(cell: Mapping[str, str], name: str) -> float | None:
    """The number of a cell; ``None`` where it is empty."""
    text = cell.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _FaultyLineError(f"{name}: expected a number, got {text!r}")
    return value


def _contradictions(lines: list[_Line]) -> Iterator[Fault]:
    """Lines that say again, or otherwise, what an earlier one said."""
    scored: dict[tuple[str, str, str], int] = {}
    totals: dict[tuple[str, str], _Line] = {}
    for line in lines:
        first = scored.setdefault((line.trace_id, line.rater, line.dimension), line.number)
        if first != line.number:
            yield _fault(line.number, f"trace, dimension and rater are those of line {first}")
        if line.total is not None:
            known = totals.setdefault((line.trace_id, line.rater), line)
            if known.total != line.total:
                yield _fault(line.number, f"total: {line.total:g}, but {known.total:g} on line {known.number}")


def _rows(lines: list[_Line]) -> list[Row]:
    together: dict[tuple[str, str], list[_Line]] = {}
    for line in lines:
        together.setdefault((line.trace_id, line.rater), []).append(line)
    return [_row(own) for own in together.values()]


def _row(lines: list[_Line]) -> Row:
    return Row(
        trace_id=lines[0].trace_id,
        rater=lines[0].rater,
        levels={line.dimension: line.level for line in lines if line.level is not None},
        scores={line.dimension: line.score for line in lines if line.score is not None},
        total=next((line.total for line in lines if line.total is not None), None),
        properties={name: value for line in lines for name, value in line.properties.items()},
    )


def _fault(number: int, message: str) -> Fault:
    return Fault((f"line {number}", number), message)
