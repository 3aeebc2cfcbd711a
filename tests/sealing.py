"""Sealed documents for tests, made with a key that everybody may know."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.models.base import STORED
from app.models.events import EVENTS, Event
from app.models.integrity import Checkpoint
from app.models.trace import ClientClock, Metrics, Session, Task, Trace
from app.rules.chain import chain_event, genesis_of
from app.rules.seal import document_fields, seal, sign_checkpoint
from app.storage.keys import SigningKey, load_or_create_key, read_public_key
from tests.builders import NOON, a_thought, a_trace, an_edit, an_event

DATA = Path(__file__).parent / "data" / "integrity"
SIGNED_AT = datetime(2026, 3, 2, 13, 0, 0, 250_000, tzinfo=UTC)


def the_test_key(folder: Path) -> SigningKey:
    """The signing key of the test data, read through the store's own door. ``folder`` takes a copy."""
    copy = folder / "test-key.pem"
    copy.write_bytes((DATA / "TEST-ONLY-signing-key.pem").read_bytes())
    copy.chmod(0o600)
    return load_or_create_key(folder / "keys", copy)


def the_public_keys() -> dict[str, bytes]:
    """Whom the test data are to be believed from."""
    raw = read_public_key(DATA / "public-key.pem")
    return {"56475aa75463474c": raw}


def a_document(name: str = "sealed.json") -> dict[str, Any]:
    """A document of the test data."""
    document: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return document


def some_events() -> tuple[Event, ...]:
    """Stored events of every kind, in order of arrival; the third arrived before the fourth, but happened after it."""
    documents = [
        a_thought(
            "Der Rabatt wird zweimal abgezogen. 🧮\u2028",
            0,
            hypothesis='twice\t\u0001 "so"',
            extra={"né": 0.1, "𝄞": 1e-7, "\ufb33": -0.0},
        ),
        an_event("file_open", 1, file_path="src/till.py"),
        an_edit("src/till.py", minute=3, snapshot_after="b\n", hash_after="b" * 64, language="python"),
        an_event("terminal_command", 2, command="pytest -q", exit_code=1, output='E  "a"\r\n\x1b[0m', duration_ms=812.0),
        an_event(
            "terminal_command", 4, command="ls", exit_code=None, output="", duration_ms=0.5, env_redacted={"Z": "", "A": ""}
        ),
        an_event(
            "test_result", 5, tests_passed=True, test_command="pytest -q", summary="3 passed", failed_tests=[], num_passed=3
        ),
        {**an_event("commit", 6, sha="c1d2e3f", message="Round once", parent_sha=None), "zone_assumed": True},
        an_event("file_close", 7, file_path="src/till.py"),
    ]
    owned = ({"seq": seq, "event_id": f"e-{seq}", "received_at": "2026-03-02T12:10:00.5Z"} for seq in range(1, 9))
    return EVENTS.validate_json(
        json.dumps([{**document, **more} for document, more in zip(documents, owned, strict=True)]), context=STORED
    )


def a_chained_document(trace: Trace, accepted: tuple[Event, ...]) -> tuple[dict[str, Any], bytes]:
    """An unsealed document as JSON, and the head of its chain."""
    head, stored = genesis_of(trace), []
    for event in accepted:
        head, line = chain_event(head, event)
        stored.append((event.timestamp, event.seq, json.loads(line)))
    ordered = [document for _, _, document in sorted(stored, key=lambda item: item[:2])]
    return {**document_fields(trace), "events": ordered}, head


def a_sealed_document(key: SigningKey, accepted: tuple[Event, ...] | None = None) -> dict[str, Any]:
    """A finalized document as JSON."""
    accepted = some_events() if accepted is None else accepted
    trace = a_trace(
        status="finalized",
        finalized_at=NOON,
        revision=3,
        task=Task(title="Rabatt"),
        zone_assumed=("end_time",),
        metrics=Metrics(
            duration_s=420.0, num_events=8, num_edits=1, num_cmds=2, num_test_runs=1, files_touched=1, edit_churn_lines=2
        ),
        session=Session(role="ai_agent", client_clock=ClientClock(tz="Europe/Wien", start_unix_s=1772452800.25)),
    )
    document, head = a_chained_document(trace, accepted)
    fields = {name: value for name, value in document.items() if name != "events"}
    sealed = seal(fields, head=head, count=len(accepted), signer=key, signed_at=SIGNED_AT)
    return {**document, "integrity": json.loads(sealed.model_dump_json())}


def a_checkpoint(key: SigningKey, count: int) -> Checkpoint:
    """A checkpoint of the sealed document, as it stood when it had so many events."""
    head = genesis_of(a_trace())
    for event in some_events()[:count]:
        head, _ = chain_event(head, event)
    return sign_checkpoint("t-1", head=head, count=count, signer=key, at=SIGNED_AT)
