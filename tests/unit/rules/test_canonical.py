"""Canonical bytes."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from app.models.base import STORED
from app.models.events import EVENTS, Event
from app.rules.canonical import NotCanonicalError, canonical_event, canonicalise, fast_canonical
from app.utils.json_stream import parse_json
from tests import independent_verifier
from tests.builders import a_thought, an_event
from tests.sealing import DATA

VECTORS = json.loads((DATA / "canonical.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["from"])
def test_the_vectors_hold(vector: dict[str, str]) -> None:
    value = parse_json(vector["json"])
    assert fast_canonical(value).decode() == vector["canonical"]
    assert independent_verifier.canonical(independent_verifier.read(vector["json"])) == vector["canonical"]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        {1: "a"},
        {"a": object()},
        b"a",
        {1, 2},
    ],
    ids=repr,
)
def test_what_is_no_interoperable_json_is_refused(value: Any) -> None:
    for way in (canonicalise, fast_canonical):
        with pytest.raises(NotCanonicalError):
            way(value)


def test_what_is_nested_too_deeply_is_refused() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(NotCanonicalError):
        fast_canonical(value)


def test_an_event_says_what_was_said_and_nothing_else() -> None:
    (event,) = EVENTS.validate_json(
        json.dumps([{**a_thought("x", plan=None), "seq": 3, "event_id": None, "zone_assumed": None, "hash": "f" * 64}]),
        context=STORED,
    )

    assert canonical_event(event) == (
        b'{"data":{"content":"x","plan":null},"event_type":"reasoning_step","seq":3,"timestamp":"2026-03-02T12:00:00Z"}'
    )


def test_the_order_of_fields_in_a_model_does_not_matter() -> None:
    kinds = get_args(get_args(Event)[0])
    assert kinds
    for kind in kinds:
        data = kind.model_fields["data"].annotation
        given = data.model_construct(_fields_set=set(data.model_fields), **dict.fromkeys(data.model_fields, "x"))
        event = kind.model_construct(**dict.fromkeys(kind.model_fields, "y") | {"data": given})
        document = json.loads(canonical_event(event))

        assert list(document) == sorted(set(kind.model_fields) - {"hash"})
        assert list(document["data"]) == sorted(data.model_fields)


@pytest.mark.parametrize("number", [2**53, 10**400])
def test_an_event_with_a_number_that_readers_see_differently_is_refused(number: int) -> None:
    (event,) = EVENTS.validate_json(
        json.dumps([an_event("terminal_command", command="a", exit_code=0, output="", duration_ms=1)])
    )
    event = event.model_copy(update={"data": event.data.model_copy(update={"exit_code": number})})

    with pytest.raises(NotCanonicalError):
        canonical_event(event)
