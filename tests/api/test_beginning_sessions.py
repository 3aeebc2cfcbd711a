"""How a recorded session begins: once, whatever is sent again, and with what is known of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.api.test_documents import is_problem
from tests.api.test_recording import NOTE, SESSION, Recorder, final, recorder
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox

__all__ = ["recorder"]


def begin(client: TestClient, key: str | None = "k-1", **session: Any) -> Any:
    headers = {"Idempotency-Key": key} if key is not None else {}
    return client.post("/v1/traces", json={**SESSION, **session}, headers=headers)


def stored_traces(client: TestClient) -> list[str]:
    return [trace["trace_id"] for trace in client.get("/traces").json()["traces"]]


def test_a_session_whose_answer_was_lost_is_begun_once(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings, sandbox) as client:
        first = begin(client)
        again = begin(client)

    with a_server(settings, sandbox) as client:
        later = begin(client)
        recorder = Recorder.__new__(Recorder)
        recorder.client, recorder.trace_id, recorder.token = client, later.json()["trace_id"], later.json()["upload_token"]
        assert recorder.send("c-1", 1, NOTE).status_code == 200
        assert begin(client).json() == first.json()
        assert stored_traces(client) == [recorder.trace_id]

    assert (first.status_code, again.status_code, later.status_code) == (200, 200, 200)
    assert first.json() == again.json() == later.json()
    stored = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert first.json()["upload_token"].encode() not in stored


def test_a_key_begins_one_session_and_no_other(client: TestClient) -> None:
    first = begin(client)

    body = is_problem(begin(client, task_title="Something else"), 422, "Idempotency-Key")

    assert body["code"] == "idempotency_key_reused"
    assert stored_traces(client) == [first.json()["trace_id"]]
    assert begin(client, "k-2").json()["trace_id"] != first.json()["trace_id"]
    assert begin(client, None).json()["trace_id"] != begin(client, None).json()["trace_id"]


def test_the_fields_of_a_body_may_come_in_any_order(client: TestClient) -> None:
    turned = client.post("/v1/traces", json=dict(reversed(SESSION.items())), headers={"Idempotency-Key": "k-1"})

    assert turned.json() == begin(client).json()


def test_the_key_that_began_a_session_is_free_for_what_follows(client: TestClient) -> None:
    trace_id = begin(client).json()["trace_id"]
    event = {"event_type": "file_open", "timestamp": "2020-01-01T00:00:00Z", "data": {"file_path": "a"}}

    appended = client.post(f"/traces/{trace_id}/events", json={"events": [event]}, headers={"Idempotency-Key": "k-1"})

    assert appended.status_code == 200
    assert begin(client).json()["trace_id"] == trace_id


def test_a_session_that_was_refused_may_be_mended_and_sent_with_its_key(client: TestClient) -> None:
    is_problem(begin(client, test_command="pytest; rm -rf /"), 400)
    is_problem(begin(client, client_clock={"start_unix_s": 1e15}), 422, "client_clock.start_unix_s")

    assert begin(client).status_code == 200


def test_a_key_that_cannot_be_one_is_refused(client: TestClient) -> None:
    is_problem(begin(client, "x" * 256), 422, "Idempotency-Key")
    assert stored_traces(client) == []


def test_a_session_that_was_begun_and_deleted_stays_deleted(client: TestClient) -> None:
    trace_id = begin(client).json()["trace_id"]
    client.delete(f"/traces/{trace_id}")

    assert is_problem(begin(client), 410, trace_id)["code"] == "trace_deleted"


def test_another_signing_key_finds_the_session_and_opens_it_anew(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings, sandbox) as client:
        first = begin(client).json()
    (settings.data_dir / "keys" / "signing-key.pem").unlink()

    with a_server(settings, sandbox) as client:
        second = begin(client).json()

        assert second["trace_id"] == first["trace_id"]
        statuses = [
            client.get(
                f"/v1/traces/{first['trace_id']}", headers={"Authorization": f"Bearer {begun['upload_token']}"}
            ).status_code
            for begun in (first, second)
        ]
    assert statuses == [401, 202]


def test_who_may_not_begin_a_session_learns_nothing_of_one(client: TestClient) -> None:
    begun = begin(client).json()
    answers = [
        client.post("/v1/traces", json=SESSION, headers={"Idempotency-Key": "k-1", "Authorization": f"Bearer {token}"})
        for token in (begun["upload_token"], "another")
    ]

    for answer in answers:
        is_problem(answer, 401)
        assert begun["trace_id"] not in answer.text


def test_a_session_says_who_worked_and_with_what(client: TestClient) -> None:
    said = {
        "role": "ai_agent",
        "agent": {"name": "mender", "version": "2", "model": "m-1"},
        "branch": "fix/totals",
        "commit_after": "c1d2e3f",
        "client_clock": {"tz": "+01:00", "start_unix_s": 1_780_000_000.5},
        "recorder": {"name": "my-recorder", "version": "3.1"},
    }
    recorder = Recorder(client, **said)

    document = recorder.document()

    session = document["session"]
    assert {name: session[name] for name in ("role", "agent", "client_clock")} == {
        name: said[name] for name in ("role", "agent", "client_clock")
    }
    assert session["recorder"] == {"name": "my-recorder", "version": "3.1", "extra": {"api": "recording"}}
    assert (document["repo"]["branch"], document["repo"]["commit_after"]) == ("fix/totals", "c1d2e3f")
    assert datetime.fromisoformat(document["start_time"]).timestamp() == 1_780_000_000.5
    assert datetime.fromisoformat(document["created_at"]).timestamp() != 1_780_000_000.5
    recorder.complete()
    assert final(recorder)["session"]["role"] == "ai_agent"


def test_a_session_that_says_nothing_of_that_is_stored_as_it_always_was(recorder: Recorder) -> None:
    document = recorder.document()

    assert document["session"] == {
        "role": None,
        "agent": None,
        "consent": None,
        "client_clock": None,
        "recorder": {"name": None, "version": None, "extra": {"api": "recording"}},
    }
    began = datetime.fromisoformat(document["created_at"]) - datetime.fromisoformat(document["start_time"])
    assert timedelta() <= began < timedelta(minutes=1)
    assert (document["repo"]["branch"], document["repo"]["commit_after"]) == (None, None)


@pytest.mark.parametrize("wrong", [{"role": "robot"}, {"recorder": "mine"}, {"client_clock": {"start": 1}}, {"branch": ""}])
def test_what_is_wrong_about_it_is_named(client: TestClient, wrong: dict[str, Any]) -> None:
    is_problem(client.post("/v1/traces", json={**SESSION, **wrong}), 422, next(iter(wrong)))
