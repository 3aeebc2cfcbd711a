"""The recording API, as recorders of the earlier system use it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.errors import TraceDeletedError
from app.qa.base import RunResult, RunSpec
from app.services.artifacts import Upload
from app.settings import Settings
from tests.api.test_documents import is_problem
from tests.api.till import BUGGY, fixed_by_b
from tests.builders import a_tar
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox

SESSION = {
    "participant_id": "p-1",
    "task_id": "BUG-1",
    "task_title": "Totals are off",
    "repo_origin": "https://example.org/till.git",
    "start_commit": "8f0f4d5",
}
EDIT = {
    "id": "e1",
    "seq": 1,
    "type": "file_edit",
    "ts_client_s": 10.5,
    "ts_server_s": 1.0,
    "file_path": "till.py",
    "diff_unified": "@@ -1 +1 @@\n-a\n+b\n",
    "buffer_hash_before": "0" * 64,
    "buffer_hash_after": "1" * 64,
    "edit_bytes": 2,
}
COMMAND = {"id": "e2", "seq": 2, "type": "cmd_run", "ts_client_s": 20, "cmd": "pytest -q", "exit_code": 0, "duration_ms": 12.5}
RUN = {"id": "e3", "seq": 3, "type": "test_run", "ts_client_s": 21, "framework": "pytest", "num_passed": 2, "num_failed": 0}
COMMIT = {"id": "e4", "seq": 4, "type": "commit", "ts_client_s": 30, "sha": "abc1234", "message": "fix"}
NOTE = {
    "id": "e5",
    "seq": 5,
    "type": "rationale_note",
    "ts_client_s": 5,
    "structured": {"hypothesis": "rounding", "next_step": "read till.py"},
    "freeform": "It is off by a cent.",
}


class Recorder:
    """A recorder with its upload token."""

    def __init__(self, client: TestClient, **session: Any) -> None:
        answer = client.post("/v1/traces", json={**SESSION, **session})
        assert answer.status_code == 200, answer.text
        self.trace_id = answer.json()["trace_id"]
        self.token = answer.json()["upload_token"]
        self.client = client

    def send(self, chunk_id: str, seq: int, *events: dict[str, Any], key: str | None = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", **({"Idempotency-Key": key} if key else {})}
        body = {"chunk_id": chunk_id, "chunk_seq": seq, "events": list(events), **more}
        return self.client.post(f"/v1/traces/{self.trace_id}/events:ingest", json=body, headers=headers)

    def get(self, path: str = "") -> Any:
        return self.client.get(f"/v1/traces/{self.trace_id}{path}", headers={"Authorization": f"Bearer {self.token}"})

    def complete(self) -> Any:
        return self.client.post(f"/v1/traces/{self.trace_id}/complete", headers={"Authorization": f"Bearer {self.token}"})

    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = self.client.get(f"/traces/{self.trace_id}").json()
        return document


@pytest.fixture
def recorder(client: TestClient) -> Recorder:
    return Recorder(client)


def final(recorder: Recorder) -> dict[str, Any]:
    """Poll as the earlier system's clients do."""
    for _ in range(1000):
        answer = recorder.get()
        if answer.status_code == 200:
            document: dict[str, Any] = answer.json()
            return document
        assert answer.status_code == 202
        assert int(answer.headers["retry-after"]) > 0
    raise AssertionError("never final")


def test_a_session_goes_in_in_chunks_and_comes_out_judged(client: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = fixed_by_b
    recorder = Recorder(client, test_command="python -m pytest -q", known_failing_tests=["tests/test_till.py::test_total"])
    workspace = base64.b64encode(a_tar(BUGGY)).decode()
    first = recorder.send(
        "c-1", 1, NOTE, EDIT, artifacts={"start": {"type": "workspace_snapshot", "content": workspace, "encoding": "base64"}}
    )
    output = {"e2-out": {"type": "stdout", "event_id": "e2", "content": "2 passed\n"}}
    second = recorder.send("c-2", 2, COMMAND, RUN, COMMIT, artifacts=output)

    assert first.json() == {"status": "accepted", "chunk_id": "c-1", "events_added": 2, "artifacts_added": 1, "total_events": 2}
    assert second.json()["total_events"] == 5
    completed = recorder.complete().json()
    assert completed["num_events"] == 5
    assert completed["final_uri"] == f"/v1/traces/{recorder.trace_id}"

    document = final(recorder)

    assert document["qa"]["validation"]["verdict"] == "fixed"
    assert document["qa"]["validation"]["fail_to_pass"] == ["tests/test_till.py::test_total"]
    assert document["qa"]["judge"]["kind"] == "heuristic"
    assert [event["type"] for event in document["events"]] == ["rationale_note", "file_edit", "cmd_run", "test_run", "commit"]
    edit = document["events"][1]
    assert {key: edit[key] for key in ("id", "seq", "diff_unified", "buffer_hash_before", "edit_bytes")} == {
        key: EDIT[key] for key in ("id", "seq", "diff_unified", "buffer_hash_before", "edit_bytes")
    }
    assert edit["ts_server_s"] > 1_700_000_000
    assert document["events"][2]["stdout_ref"] == "e2-out"
    job = client.get(f"/jobs/{completed['qa_job_id']}", headers={"Authorization": f"Bearer {recorder.token}"})
    assert job.json()["status"] == "done"


def test_both_apis_are_one_trace(recorder: Recorder) -> None:
    recorder.send("c-1", 1, NOTE, COMMAND, artifacts={"e2-out": {"type": "stdout", "event_id": "e2", "content": "hello"}})
    appended = recorder.client.post(
        f"/traces/{recorder.trace_id}/events",
        json={"events": [{"event_type": "file_open", "timestamp": "2020-01-01T00:00:00Z", "data": {"file_path": "a"}}]},
    )

    document = recorder.document()

    assert appended.status_code == 200
    assert [event["event_type"] for event in document["events"]] == ["file_open", "reasoning_step", "terminal_command"]
    assert document["developer_id"] == "p-1"
    assert document["repo"]["name"] == "till"
    assert document["events"][2]["data"] == {
        "command": "pytest -q",
        "duration_ms": 12.5,
        "exit_code": 0,
        "output": "hello",
        "stdout_ref": "e2-out",
        "extra": {"client_seq": 2},
    }


def test_client_times_count_from_1970_or_from_the_beginning(recorder: Recorder) -> None:
    recorder.send("c-1", 1, {**NOTE, "ts_client_s": 1_780_000_000.25}, {**NOTE, "id": "e6", "ts_client_s": 90})

    document = recorder.document()

    created = datetime.fromisoformat(document["created_at"])
    stamps = {event["event_id"]: datetime.fromisoformat(event["timestamp"]) for event in document["events"]}
    assert stamps["e5"].timestamp() == 1_780_000_000.25
    assert stamps["e6"] == created + timedelta(seconds=90)


def test_an_event_may_stand_in_a_data_object(recorder: Recorder) -> None:
    wrapped = {"id": "e1", "seq": 1, "type": "cmd_run", "ts_client_s": 1, "data": {"cmd": "ls", "exit_code": 0}}

    assert recorder.send("c-1", 1, wrapped).status_code == 200
    data = recorder.document()["events"][0]["data"]
    assert data["command"] == "ls"
    assert data["extra"]["unknown"] == ["output", "duration_ms"]


def test_the_same_chunk_again_is_stored_once(recorder: Recorder) -> None:
    first = recorder.send("c-1", 1, NOTE)
    recorder.send("c-2", 2, COMMAND)

    again = recorder.send("c-1", 1, NOTE)

    assert again.json() == first.json()
    assert len(recorder.document()["events"]) == 2


def test_a_chunk_id_with_another_content_is_409(recorder: Recorder) -> None:
    recorder.send("c-1", 1, NOTE)

    is_problem(recorder.send("c-1", 1, COMMAND), 409, "c-1")
    is_problem(recorder.send("c-1", 2, NOTE), 409, "c-1")


@pytest.mark.parametrize("seq", [0, 1, 3, 4, 9])
def test_a_gap_is_409_and_names_the_expected_chunk(recorder: Recorder, seq: int) -> None:
    recorder.send("c-1", 1, NOTE)

    assert is_problem(recorder.send("c-x", seq, COMMAND), 409, "expected is 2")["expected"] == 2
    assert recorder.send("c-2", 2, COMMAND).status_code == 200


def test_the_first_chunk_is_0_or_1(client: TestClient) -> None:
    is_problem(Recorder(client).send("c", 2, NOTE), 409, "expected is 0")
    from_zero = Recorder(client)
    assert from_zero.send("c-0", 0, NOTE).status_code == 200
    assert from_zero.send("c-1", 1, COMMAND).status_code == 200


def test_a_key_stands_for_one_request(recorder: Recorder) -> None:
    first = recorder.send("c-1", 1, NOTE, key="k-1")

    again = recorder.send("c-1", 1, NOTE, key="k-1")
    other = recorder.send("c-2", 2, COMMAND, key="k-1")

    assert again.json() == first.json()
    is_problem(other, 422, "Idempotency-Key")
    assert len(recorder.document()["events"]) == 1


def test_keys_of_two_callers_never_meet(recorder: Recorder) -> None:
    recorder.send("c-1", 1, NOTE, key="k")
    event = {"event_type": "file_open", "timestamp": "2020-01-01T00:00:00Z", "data": {"file_path": "a"}}

    appended = recorder.client.post(
        f"/traces/{recorder.trace_id}/events", json={"events": [event]}, headers={"Idempotency-Key": "k"}
    )

    assert appended.json()["appended_events"] == 1


def test_a_keyed_append_is_stored_once(recorder: Recorder) -> None:
    event = {"event_type": "file_open", "timestamp": "2020-01-01T00:00:00Z", "data": {"file_path": "a"}}

    def append(path: str) -> Any:
        body = {"events": [{**event, "data": {"file_path": path}}]}
        return recorder.client.post(f"/traces/{recorder.trace_id}/events", json=body, headers={"Idempotency-Key": "k"})

    assert append("a").json() == append("a").json() == {"trace_id": recorder.trace_id, "appended_events": 1}
    is_problem(append("b"), 422, "Idempotency-Key")
    assert len(recorder.document()["events"]) == 1


def test_idempotency_holds_after_a_restart(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings, sandbox) as client:
        recorder = Recorder(client)
        first = recorder.send("c-1", 1, NOTE, key="k")

    with a_server(settings, sandbox) as client:
        recorder.client = client
        assert recorder.send("c-1", 1, NOTE, key="k").json() == first.json()
        assert recorder.send("c-1", 1, NOTE).json() == first.json()
        is_problem(recorder.send("c-1", 1, COMMAND), 409, "c-1")
        is_problem(recorder.send("c-3", 3, COMMAND), 409, "expected is 2")
        is_problem(recorder.send("c-2", 2, COMMAND, key="k"), 422)
        recorder.complete()
        final(recorder)
        assert recorder.send("c-1", 1, NOTE).json() == first.json()
        is_problem(recorder.send("c-2", 2, COMMAND), 409, "finalized")


def test_event_ids_that_are_taken_are_named(recorder: Recorder) -> None:
    recorder.send("c-1", 1, NOTE, COMMAND)

    refused = recorder.send("c-2", 2, {**EDIT, "id": "e9"}, NOTE, {**COMMAND, "id": "e9"})

    assert "e5, e9" in is_problem(refused, 422)["detail"]
    assert recorder.send("c-2", 2, EDIT).status_code == 200


def test_the_upload_token_opens_its_trace_alone(client: TestClient) -> None:
    mine, other = Recorder(client), Recorder(client)
    mine.token, other.token = other.token, mine.token

    is_problem(mine.send("c-1", 1, NOTE), 401)
    is_problem(mine.get(), 401)
    is_problem(mine.complete(), 401)
    is_problem(client.get(f"/traces/{mine.trace_id}", headers={"Authorization": f"Bearer {mine.token}"}), 401)
    bearer = {"Authorization": f"Bearer {other.token}"}
    assert client.get(f"/traces/{mine.trace_id}", headers=bearer).status_code == 200
    is_problem(client.delete(f"/traces/{mine.trace_id}", headers=bearer), 401)
    is_problem(client.post("/v1/traces", json=SESSION, headers=bearer), 401)
    is_problem(client.get("/v1/traces/nobody", headers=bearer), 401)
    is_problem(client.get(f"/v1/traces/{mine.trace_id}", headers={"Authorization": ""}), 401, "Authorization")


def test_the_upload_token_expires_and_is_not_stored(make_client: Callable[..., TestClient], settings: Settings) -> None:
    recorder = Recorder(make_client(upload_token_lifetime_s=1e-6))

    is_problem(recorder.send("c-1", 1, NOTE), 401, "expired")
    stored = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert recorder.token.encode() not in stored


def test_completing_again_is_answered_alike(recorder: Recorder) -> None:
    recorder.send("c-1", 1, NOTE)

    first = recorder.complete().json()
    final(recorder)

    assert recorder.complete().json() == first


def test_a_finalize_that_a_crash_interrupted_is_picked_up_at_the_next_start(
    settings: Settings, sandbox: ScriptedSandbox
) -> None:
    def crash(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        raise RuntimeError("as if the process had ended here")

    workspace = base64.b64encode(a_tar(BUGGY)).decode()
    sandbox.answer = crash
    with a_server(settings, sandbox) as client:
        recorder = Recorder(client, test_command="pytest")
        snapshot = {"type": "workspace_snapshot", "content": workspace, "encoding": "base64"}
        recorder.send("c-1", 1, EDIT, artifacts={"start": snapshot})
        recorder.complete()

    sandbox.answer = fixed_by_b
    with a_server(settings, sandbox) as client:
        recorder.client = client
        assert final(recorder)["qa"]["validation"]["verdict"] == "fixed"


@pytest.mark.parametrize(
    ("artifact", "status"),
    [
        ({"type": "workspace_snapshot", "content": "%%%", "encoding": "base64"}, 422),
        ({"type": "workspace_snapshot", "content": base64.b64encode(b"no tar").decode(), "encoding": "base64"}, 422),
        ({"type": "workspace_snapshot", "content": base64.b64encode(a_tar({"../x": ""})).decode(), "encoding": "base64"}, 400),
        ({"type": "dump", "content": "x", "encoding": "utf-7"}, 422),
    ],
)
def test_a_wrong_artifact_refuses_the_whole_chunk(recorder: Recorder, artifact: dict[str, str], status: int) -> None:
    is_problem(recorder.send("c-1", 1, NOTE, artifacts={"a": artifact}), status)

    assert recorder.document()["events"] == []
    assert recorder.send("c-1", 1, NOTE).status_code == 200


@pytest.mark.parametrize(
    "event",
    [
        {**NOTE, "type": "coffee"},
        {key: value for key, value in COMMAND.items() if key != "cmd"},
        {**EDIT, "file_path": "../x"},
        {**NOTE, "surprise": 1},
        {**NOTE, "ts_client_s": 1e300},
        {"id": "e", "type": "test_run", "framework": "pytest"},
    ],
)
def test_a_wrong_event_refuses_the_whole_chunk(recorder: Recorder, event: dict[str, Any]) -> None:
    answer = recorder.send("c-1", 1, COMMAND, event)

    is_problem(answer, 400 if event.get("file_path") == "../x" else 422)
    assert recorder.document()["events"] == []


def test_secrets_are_replaced_before_anything_is_stored(recorder: Recorder, settings: Settings) -> None:
    secret = "ghp_" + "A1b2" * 9
    output = {"e2-out": {"type": "stdout", "event_id": "e2", "content": f"token {secret}\n"}}
    recorder.send("c-1", 1, {**NOTE, "freeform": f"I used {secret}"}, COMMAND, artifacts=output)

    document = recorder.document()

    stored = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert secret.encode() not in stored
    assert "[REDACTED:" in json.dumps(document["events"])
    assert document["redactions"] == {"github_token": 2}


def test_what_nobody_agreed_to_is_dropped_before_it_is_stored(client: TestClient, settings: Settings) -> None:
    recorder = Recorder(client, consent={"rationales": False, "commands": False, "snapshots": False})
    output = {"e2-out": {"type": "stdout", "event_id": "e2", "content": "private output"}}

    sent = recorder.send("c-1", 1, NOTE, COMMAND, {**COMMAND, "id": "e3", "output": "private output"}, artifacts=output)
    upload = client.put(f"/traces/{recorder.trace_id}/artifacts/workspace", content=a_tar({"private output": "x"}))

    assert (sent.json()["artifacts_added"], sent.json()["artifacts_withheld"]) == (0, 1)
    is_problem(upload, 403, "consent")

    stored = b"".join(path.read_bytes() for path in settings.data_dir.rglob("*") if path.is_file())
    assert b"private output" not in stored
    assert b"off by a cent" not in stored
    withheld = [event["data"].get("extra", {}).get("withheld") for event in recorder.document()["events"]]
    assert withheld[0] == ["content", "extra", "hypothesis", "next_step"]
    assert "output" in withheld[2]


@pytest.mark.parametrize("unknown", [5, None, "abc", {"a": 1}, [1]])
def test_notes_that_are_no_names_are_refused(recorder: Recorder, unknown: object) -> None:
    event = {"id": "e1", "type": "cmd_run", "cmd": "ls", "extra": {"unknown": unknown}}

    is_problem(recorder.send("c-1", 1, event), 422, "list of")


def test_notes_of_the_recorders_own_are_added_to(recorder: Recorder) -> None:
    recorder.send("c-1", 1, {"id": "e1", "type": "cmd_run", "cmd": "ls", "extra": {"unknown": ["shell"], "x": 1}})

    extra = recorder.document()["events"][0]["data"]["extra"]
    assert extra == {"unknown": ["shell", "timestamp", "output", "exit_code", "duration_ms"], "x": 1}


def test_two_artifacts_of_a_chunk_never_become_one(recorder: Recorder) -> None:
    snapshot = {"type": "workspace_snapshot", "content": base64.b64encode(a_tar({"a": ""})).decode(), "encoding": "base64"}
    other = {**snapshot, "content": base64.b64encode(a_tar({"b": ""})).decode()}

    is_problem(recorder.send("c-1", 1, NOTE, artifacts={"s1": snapshot, "s2": other}), 422, "stored as workspace")

    assert recorder.document()["artifacts"] == {}


def held_contents(settings: Settings) -> list[str]:
    artifacts = settings.data_dir / "artifacts"
    return sorted(str(path.relative_to(artifacts)) for path in artifacts.rglob("*") if path.is_file())


def test_of_what_is_refused_nothing_stays(recorder: Recorder, settings: Settings) -> None:
    log = {"log": {"type": "log", "content": "refused"}}
    recorder.send("c-1", 1, NOTE, artifacts={"kept": {"type": "log", "content": "kept"}})
    before = held_contents(settings)
    path = f"/traces/{recorder.trace_id}/artifacts"

    is_problem(recorder.send("c-9", 9, COMMAND, artifacts=log), 409)
    is_problem(recorder.send("c-2", 2, NOTE, artifacts=log), 422)
    is_problem(recorder.client.put(f"{path}/kept", content=b"another content"), 409)
    is_problem(recorder.client.put(f"{path}/tests", content=b"no archive"), 422)

    assert held_contents(settings) == before
    assert recorder.client.get(f"{path}/kept").content == b"kept"


def test_a_trace_that_is_deleted_during_an_upload_leaves_nothing(recorder: Recorder, settings: Settings) -> None:
    application = recorder.client.app.state.application  # type: ignore[attr-defined]

    def content() -> Iterator[bytes]:
        yield b"some"
        application.traces.delete(recorder.trace_id, "in the middle")
        yield b"more"

    with pytest.raises(TraceDeletedError):
        application.artifacts.put(Upload(recorder.trace_id, "log", "text/plain", content()))

    assert held_contents(settings) == []


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_test_run_names_its_failing_tests_and_its_selection(recorder: Recorder, wrapped: bool) -> None:
    said = {"test_command": "pytest", "failed_tests": ["tests/test_a.py::test_x"], "selection": ["tests/test_a.py"]}
    event = {"id": "e1", "type": "test_run", **({"data": said} if wrapped else said)}

    assert recorder.send("c-1", 1, event).status_code == 200

    (stored,) = recorder.document()["events"]
    assert (stored["data"]["failed_tests"], stored["data"]["selection"]) == (said["failed_tests"], said["selection"])
