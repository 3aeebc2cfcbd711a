"""How events from a client become events of a trace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.models.base import STORED
from app.models.events import EVENT
from app.rules.canonical import canonical_event
from app.rules.chain import link, split_hash
from app.rules.sequence import AcceptedEvent, DuplicateEventIdError, accept_events
from tests.builders import NOON, a_thought, an_edit, an_event, events


def accepted(*documents: dict[str, Any], taken: frozenset[str] = frozenset(), first_seq: int = 1) -> tuple[AcceptedEvent, ...]:
    return accept_events(
        events(*documents), taken_ids=taken, first_seq=first_seq, chain=bytes(32), received_at=NOON, new_id=lambda: "new"
    )


ODD_EVENTS = [
    a_thought('ü\u2028 \x7f \\ " \t', plan=None),
    {**a_thought(), "timestamp": "2026-03-02T12:00:00"},
    {**a_thought(), "timestamp": "2026-03-02T14:00:00.123456+02:00", "event_id": "é-1"},
    a_thought(extra={"b": [1.5, -0.0, 1e-7, 2.0, {"ü": 1, "a": None}], "a": True}),
    an_edit("a b.py", hash_before="0" * 64, language=None),
    an_event("terminal_command", command="ls", output="", exit_code=None, duration_ms=812.0),
    an_event("terminal_command", command="ls", output="", exit_code=-1, duration_ms=0.25, env_redacted={"z": "1", "A": "2"}),
    an_event("test_result", tests_passed=False, test_command="t", summary="", failed_tests=["a", "b"], selection=["x"]),
    an_event("commit", sha="abc", message="m"),
    an_event("file_open", file_path="a"),
]


@pytest.mark.parametrize("document", ODD_EVENTS)
def test_the_bytes_that_are_kept_are_the_canonical_bytes_of_what_they_say(document: dict[str, Any]) -> None:
    (event,) = accepted(document)

    split = split_hash(event.content)
    assert split is not None
    parsed = EVENT.validate_json(event.content, context=STORED)
    assert canonical_event(parsed) == split[0]
    assert link(bytes(32), split[0]) == split[1] == event.hash
    assert (parsed.seq, parsed.event_id, parsed.received_at) == (event.seq, event.event_id, NOON)


def test_events_are_numbered_and_chained_one_after_the_other() -> None:
    both = accepted(a_thought("a"), a_thought("b"), first_seq=7)

    assert [event.seq for event in both] == [7, 8]
    assert [event.event_id for event in both] == ["new-7", "new-8"]
    split = split_hash(both[1].content)
    assert split is not None
    assert both[1].hash == link(both[0].hash, split[0])


def test_a_missing_zone_is_utc_and_noted() -> None:
    (event,) = accepted({**a_thought(), "timestamp": "2026-03-02T12:00:00"})

    stored = json.loads(event.content)
    assert stored["timestamp"] == "2026-03-02T12:00:00Z"
    assert stored["zone_assumed"] is True
    assert event.timestamp == NOON


def test_what_is_not_stated_is_named_and_what_the_client_named_stays() -> None:
    command: dict[str, Any] = {
        "command": "ls",
        "output": "",
        "exit_code": None,
        "duration_ms": None,
        "extra": {"unknown": ["cwd", "exit_code"]},
    }
    (event,) = accepted(an_event("terminal_command", **command))

    assert json.loads(event.content)["data"]["extra"]["unknown"] == ["cwd", "exit_code", "duration_ms"]


@pytest.mark.parametrize(
    ("ids", "taken", "named"), [(("a", "a"), (), "a"), (("a", "b"), ("b",), "b"), (("a", "b", "a"), ("b",), "a, b")]
)
def test_ids_that_are_taken_or_stand_twice_are_all_named(ids: tuple[str, ...], taken: tuple[str, ...], named: str) -> None:
    with pytest.raises(DuplicateEventIdError, match=f"ids: {named}$") as caught:
        accepted(*({**a_thought(), "event_id": name} for name in ids), taken=frozenset(taken))

    assert all(fault.loc[2] == "event_id" for fault in caught.value.faults)
