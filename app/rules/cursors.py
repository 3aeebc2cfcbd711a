"""Cursors: where the next page of a query begins. Opaque to clients, bound to their query, and refused when altered."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass

from app.errors import Fault, InvalidError
from app.models.query import TraceQuery

_VERSION = 1
_NOT_BOUND = {"cursor", "limit"}
_CHECK_BYTES = 8


class CursorError(InvalidError):
    """The cursor cannot be used here."""

    code = "invalid_cursor"


@dataclass(frozen=True)
class Position:
    """The last item of a page: the next one begins right behind it, whatever has come or gone since."""

    value: int | float
    """Its value of the column that the query sorts by."""
    key: int
    """Its place among those that have the same value."""


def render_cursor(query: TraceQuery, position: Position) -> str:
    """The cursor of the page behind ``position``, made of letters, digits, ``-`` and ``_``."""
    payload = json.dumps([_VERSION, _query_name(query), position.value, position.key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_check(payload) + payload).decode().rstrip("=")


def parse_cursor(query: TraceQuery) -> Position | None:
    """Where the page that ``query`` asks for begins; ``None`` at the start.

    Raises:
        CursorError: the cursor is none of this server's, or belongs to another query.
    """
    if query.cursor is None:
        return None
    name, position = _read(query.cursor)
    if name != _query_name(query):
        raise _refused("The cursor belongs to another query; keep filters and sort as they were, or start without a cursor")
    return position


def _read(cursor: str) -> tuple[str, Position]:
    damaged = _refused("The cursor is damaged; use next_cursor as it was answered, or start without a cursor")
    try:
        content = base64.b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise damaged from None
    check, payload = content[:_CHECK_BYTES], content[_CHECK_BYTES:]
    # the last character of base64 may hold bits that mean nothing: a cursor has one spelling only
    if check != _check(payload) or base64.urlsafe_b64encode(content).decode().rstrip("=") != cursor:
        raise damaged
    match json.loads(payload):
        case [int(version), str(name), int() | float() as value, int(key)] if version == _VERSION and _is_place(value, key):
            return name, Position(value, key)
    raise damaged


def _is_place(value: float, key: int) -> bool:
    return -(2**63) <= value < 2**63 and 0 <= key < 2**63


def _refused(sentence: str) -> CursorError:
    return CursorError(sentence, [Fault(("query", "cursor"), sentence)])


def _check(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=_CHECK_BYTES, person=b"trace-cursor").digest()


def _query_name(query: TraceQuery) -> str:
    asked = query.model_dump_json(exclude=_NOT_BOUND, exclude_none=True)
    return hashlib.blake2b(asked.encode("utf-8", "replace"), digest_size=_CHECK_BYTES).hexdigest()
