"""The fast way to canonical bytes gives what the reference gives, and so does one written from RFC 8785 alone."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from app.models.base import MAX_SAFE_INTEGER, STORED
from app.models.events import EVENTS
from app.rules.canonical import NotCanonicalError, canonical_event, canonicalise, fast_canonical
from app.utils.json_stream import parse_json
from tests import independent_verifier

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.text(
    st.sampled_from('"\\/\b\t\n\f\r\x00\x1f\x7fé\u2028\ufb33𝄞🧮a')
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [-0.0, 0.5, 1e-4, 9.999e-5, 1e-6, 1e-7, 5e-324, 1e15, 1e16, 1e20, 1e21, 0.1 + 0.2, 999999999999999.9, 1 / 3, 1.7e308]
)
INTEGERS = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER)
SCALARS = st.none() | st.booleans() | INTEGERS | FLOATS | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)
SAFE_FLOATS = FLOATS.filter(lambda value: abs(value) <= MAX_SAFE_INTEGER)
"""What an event may hold: the same number, read as an integer, would be refused beyond this."""
SAFE_VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | SAFE_FLOATS | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)
OBJECTS = st.dictionaries(TEXT, SAFE_VALUES, max_size=5)
COMMANDS = st.fixed_dictionaries(
    {
        "command": TEXT.filter(bool),
        "output": TEXT,
        "exit_code": st.none() | INTEGERS,
        "duration_ms": st.none() | INTEGERS.map(abs) | SAFE_FLOATS.map(abs),
    },
    optional={"extra": OBJECTS, "env_redacted": st.none() | st.dictionaries(TEXT, TEXT), "cwd": st.none() | TEXT},
)
MOMENTS: st.SearchStrategy[datetime] = st.datetimes(
    timezones=st.none() | st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-1439, 1439))
)


@given(VALUES)
def test_the_fast_way_gives_the_bytes_of_the_reference(value: Any) -> None:
    assert fast_canonical(value) == canonicalise(value)


@given(VALUES)
def test_a_way_written_from_the_rfc_gives_the_same_bytes(value: Any) -> None:
    again = independent_verifier.read(json.dumps(value))

    assert independent_verifier.canonical(again).encode() == canonicalise(value)


@given(VALUES)
def test_canonical_json_read_and_written_again_is_the_same(value: Any) -> None:
    content = canonicalise(value)

    assert fast_canonical(parse_json(content.decode())) == content


@given(st.integers(MAX_SAFE_INTEGER + 1, 2**80) | st.integers(-(2**80), -MAX_SAFE_INTEGER - 1))
def test_an_integer_that_readers_see_differently_is_refused(value: int) -> None:
    with pytest.raises(NotCanonicalError):
        fast_canonical([value])


@given(COMMANDS, MOMENTS, st.booleans(), st.booleans())
def test_an_event_is_hashed_as_it_is_written(data: dict[str, Any], moment: datetime, assumed: bool, with_seq: bool) -> None:
    document: dict[str, Any] = {"event_type": "terminal_command", "timestamp": moment.isoformat(), "data": data}
    document |= {"zone_assumed": True} if assumed else {"zone_assumed": None}
    document |= {"seq": 7, "received_at": "2026-03-02T12:00:00.25Z", "hash": "a" * 64} if with_seq else {}
    (event,) = EVENTS.validate_json(json.dumps([document]), context=STORED)
    written = json.loads(event.model_dump_json(exclude_unset=True))
    expected = {name: value for name, value in written.items() if name != "hash" and value is not None}

    assert canonical_event(event) == canonicalise(expected)


def test_every_character_is_escaped_as_the_reference_escapes_it() -> None:
    characters: list[JsonValue] = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]

    assert fast_canonical(characters) == canonicalise(characters)
