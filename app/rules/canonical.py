"""The one byte sequence of a JSON value (RFC 8785, JSON Canonicalization Scheme), which hashes are taken of.

``canonicalise`` is the reference. ``fast_canonical`` gives the same bytes sooner where that is certain: pydantic's writer
escapes every character as RFC 8785, section 3.2.2.2 demands, and keys, numbers and types that it might treat otherwise are
left to the reference. ``tests/property/test_canonical.py`` compares the two.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import rfc8785
from pydantic import BaseModel, JsonValue
from pydantic_core import to_json

from app.errors import InvalidError
from app.models.base import MAX_SAFE_INTEGER
from app.models.events import Event

_AS_IT_IS = frozenset({str, datetime})


class NotCanonicalError(InvalidError):
    """The value has no canonical JSON."""

    code = "not_canonical"


def canonicalise(value: Any) -> bytes:
    """The canonical JSON of a value, by the reference implementation.

    Raises:
        NotCanonicalError: it holds NaN, an infinity, an integer beyond 2^53-1, a lone surrogate, or what is not JSON.
    """
    try:
        return rfc8785.dumps(value)
    except RecursionError:
        raise NotCanonicalError("The value is nested too deeply to have a canonical form here") from None
    except ValueError as error:  # rfc8785's own error, and UnicodeEncodeError for a surrogate in a key
        raise NotCanonicalError(f"The value has no canonical JSON: {error}") from error


def fast_canonical(value: JsonValue) -> bytes:
    """What ``canonicalise`` answers, sooner.

    Raises:
        NotCanonicalError: as ``canonicalise``.
    """
    try:
        return to_json(_arranged(value))
    except (_NotPlainError, ValueError, RecursionError):
        return canonicalise(value)


def canonical_event(event: Event) -> bytes:
    """The bytes that stand for an event in the chain: all that it says, without ``hash``.

    Of the envelope, fields without a value are left out; of ``data``, fields that the client did not name.

    Raises:
        NotCanonicalError: as ``canonicalise``.
    """
    try:
        return to_json(_arranged_event(event))
    except (_NotPlainError, ValueError, RecursionError):
        return canonicalise(_event_document(event))


def canonical_stamped(
    event: Event,
    *,
    data: BaseModel,
    seq: int,
    event_id: str,
    received_at: datetime,
    timestamp: datetime,
    zone_assumed: bool,
) -> bytes:
    """What ``canonical_event`` answers for the event with this data and these fields of the server's, without making it first.

    Raises:
        NotCanonicalError: as ``canonicalise``.
    """
    envelope: dict[str, Any] = {
        "data": None,
        "event_id": event_id,
        "event_type": event.event_type,
        "received_at": received_at,
        "seq": seq,
        "timestamp": timestamp,
    }
    if zone_assumed:
        envelope["zone_assumed"] = True
    try:
        envelope["data"] = _arranged_data(data)
        return to_json(envelope)
    except (_NotPlainError, ValueError, RecursionError):
        stamped: dict[str, Any] = {**envelope, "data": data}
        return canonical_event(event.model_copy(update=stamped))


class _NotPlainError(Exception):
    """Whether pydantic writes this as RFC 8785 demands is not certain."""


def _arranged(value: Any) -> Any:
    """The same value with all keys in canonical order, provided that everything in it is plain."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return value
    if kind is int:
        return _safe_integer(value)
    if kind is dict:
        return _arranged_object(value)
    if kind is list or kind is tuple:
        return [_arranged(item) for item in value]
    if kind is float:
        return _plain_float(value)
    raise _NotPlainError


def _arranged_object(value: Mapping[str, Any]) -> dict[str, Any]:
    # RFC 8785, section 3.2.3 sorts by UTF-16 code units; Python by code points. For ASCII that is the same.
    for name in value:
        if type(name) is not str or not name.isascii():
            raise _NotPlainError
    return {name: _arranged(value[name]) for name in sorted(value)}


def _safe_integer(value: int) -> int:
    if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
        raise _NotPlainError
    return value


def _plain_float(value: float) -> float | int:
    """A number that everybody writes alike: a safe integer, or the shortest digits around a point, without exponent."""
    if value.is_integer():
        return _safe_integer(int(value))
    if not 1e-4 <= abs(value) < 1e15:
        raise _NotPlainError
    return value


def _arranged_event(event: Event) -> dict[str, Any]:
    values = event.__dict__
    return {
        # to_json writes a datetime as the models do
        name: value if type(value) in _AS_IT_IS else _arranged_data(value) if name == "data" else _arranged(value)
        for name in _envelope_names(type(event))
        if (value := values[name]) is not None
    }


def _arranged_data(data: BaseModel) -> dict[str, Any]:
    values, given = data.__dict__, data.model_fields_set
    return {
        name: value if type(value := values[name]) is str else _arranged(value) for name in _names(type(data)) if name in given
    }


@functools.cache
def _names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(sorted(model.model_fields))


@functools.cache
def _envelope_names(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(name for name in _names(model) if name != "hash")


def _event_document(event: Event) -> dict[str, Any]:
    # exclude_unset keeps a null that the client sent for a field of the envelope; the arranged form has none
    document: dict[str, Any] = json.loads(event.model_dump_json(exclude_unset=True, exclude={"hash"}))
    return {name: value for name, value in document.items() if value is not None}
