"""A stranger's JSON, asked what it holds: the value where it is of the kind that is wanted, and nothing where it is not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from app.models.base import MAX_SAFE_INTEGER

_LONGEST_SHORT_TEXT = 512
"""What the trace keeps as a short text."""

_FIRST_YEAR, _LAST_YEAR = 1970, 9999


def text(value: Any) -> str | None:
    """A string, fit to be kept: half a surrogate pair, which no UTF-8 can hold, becomes U+FFFD."""
    if not isinstance(value, str):
        return None
    if value.isascii():
        return value
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def words(value: Any) -> str:
    """The text of a message: a string, or a list of parts of which some are text. Pictures and sounds have none."""
    if isinstance(value, str):
        return text(value) or ""
    if isinstance(value, Mapping):
        return text(value.get("text")) or ""
    if isinstance(value, Sequence):
        return "\n".join(filter(None, (words(part) for part in value if not isinstance(part, list | tuple))))
    return ""


def short(value: Any) -> str | None:
    """A string that fits into a short field; ``None`` where it is empty or longer."""
    found = text(value)
    return found if found and len(found) <= _LONGEST_SHORT_TEXT else None


def mapping(value: Any) -> Mapping[str, Any]:
    """An object; an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> Sequence[Any]:
    """A list; an empty one where the value is none."""
    return value if isinstance(value, list) else ()


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    return (item for item in sequence(value) if isinstance(item, dict))


def whole(value: Any) -> int | None:
    """An integer that every reader of JSON understands alike."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= MAX_SAFE_INTEGER else None


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) and abs(found) <= MAX_SAFE_INTEGER else None


def milliseconds(seconds: Any) -> int | None:
    """A duration that is given in seconds."""
    found = number(seconds)
    return None if found is None or not 0 <= found <= MAX_SAFE_INTEGER / 1000 else round(found * 1000)


def moment(value: Any) -> datetime | None:
    """A time: ISO 8601, with or without a zone, or seconds since 1970. Years in which no such tool ran are none."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
        elif (seconds := number(value)) is not None:
            found = datetime.fromtimestamp(seconds, UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return found if _FIRST_YEAR < found.year < _LAST_YEAR else None


def is_hash(value: Any) -> bool:
    """Whether this is a git commit, rather than a name that may stand for another one tomorrow."""
    return (
        isinstance(value, str) and 7 <= len(value) <= 64 and all(character in "0123456789abcdef" for character in value.lower())
    )


def plain(value: Any, depth: int = 6) -> Any:
    """A JSON value that may stand in ``extra``: what readers of JSON disagree about, or what is nested deeper, becomes null."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return whole(value)
    if isinstance(value, float):
        return number(value)
    if depth == 0:
        return None
    if isinstance(value, dict):
        return {text(str(key)) or "": plain(item, depth - 1) for key, item in value.items()}
    return [plain(item, depth - 1) for item in value] if isinstance(value, list | tuple) else None
