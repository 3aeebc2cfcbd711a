"""Replays over HTTP and within a finalize, with a sandbox that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.models.qa import ImageRef
from app.qa.base import RunResult
from app.settings import Settings
from tests.api.test_documents import is_problem
from tests.builders import a_session, a_tar, a_thought
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox
from tests.replaying import a_change, a_command, a_result

GZIP = {"Content-Type": "application/gzip"}
EVENTS = [
    a_thought("because"),
    a_change("till.py", b"a\n", b"b\n"),
    a_result(1, 0, "make test"),
    a_command("cat till.py", "b\n"),
    a_change("till.py", b"x\n", b"y\n"),
]


def exited(code: int, output: bytes = b"") -> RunResult:
    return RunResult("exited", exit_code=code, output_head=output, output_bytes=len(output), duration_s=0.1)


@pytest.fixture
def stored(client: TestClient) -> TestClient:
    """A server with a session and its workspace."""
    client.post("/traces", json=a_session(events=EVENTS)).raise_for_status()
    client.put("/traces/t-1/artifacts/workspace", content=a_tar({"till.py": "a\n"}), headers=GZIP).raise_for_status()
    return client


def statuses(body: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(claim["seq"], claim["kind"], claim["status"]) for claim in body["claims"]]


def test_a_replay_settles_each_claim_and_changes_nothing(stored: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = lambda spec, files: exited(0, files["till.py"] if spec.argv[0] == "cat" else b"1 passed")
    before = stored.get("/traces/t-1").content

    response = stored.post("/traces/t-1/replay", json={"replay_commands": True})

    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"trace_id", "replay", "claims"}
    assert statuses(body) == [
        (2, "edit", "confirmed"),
        (3, "test_run", "confirmed"),
        (4, "command", "confirmed"),
        (5, "edit", "refuted"),
    ]
    assert body["replay"]["counts"] == {"confirmed": 3, "refuted": 1, "unverifiable": 0}
    assert stored.get("/traces/t-1").content == before


def test_what_is_not_asked_for_is_not_run(stored: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = lambda spec, files: exited(0)

    body = stored.post("/traces/t-1/replay").json()

    assert statuses(body)[2] == (4, "command", "unverifiable")
    assert [spec.argv for spec, _ in sandbox.runs] == [("make", "test")]


def test_without_an_engine_the_edits_are_still_checked(stored: TestClient) -> None:
    body = stored.post("/traces/t-1/replay", json={}).json()

    assert [status for _, _, status in statuses(body)] == ["confirmed", "unverifiable", "unverifiable", "refuted"]
    assert "no engine" in body["claims"][1]["reason"]


def test_without_a_workspace_the_reason_is_said(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=EVENTS))

    body = client.post("/traces/t-1/replay").json()

    assert body["replay"]["outcome"] == "not_possible"
    assert "no workspace" in body["replay"]["reason"]
    assert {status for _, _, status in statuses(body)} == {"unverifiable"}


def test_a_finalize_keeps_the_claims_with_the_results(stored: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = lambda spec, files: exited(0)

    document = stored.post("/traces/t-1/finalize").json()

    results = document["qa_results"]
    assert [status for _, _, status in statuses(results)] == ["confirmed", "confirmed", "unverifiable", "refuted"]
    assert results["replay"]["outcome"] == "completed"
    assert stored.get("/traces/t-1").json() == document
    assert stored.post("/traces/t-1/replay").json()["claims"] == results["claims"]


def test_it_can_be_switched_off(make_client: Callable[..., TestClient]) -> None:
    client = make_client(replay="off")
    client.post("/traces", json=a_session(events=EVENTS))

    results = client.post("/traces/t-1/finalize").json()["qa_results"]

    assert (results["replay"], results["claims"]) == (None, [])


def test_what_was_run_once_is_known_also_after_a_restart(
    settings: Settings, sandbox: ScriptedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "image", lambda name=None: ImageRef(name="scripted", digest="sha256:1"))
    sandbox.answer = lambda spec, files: exited(0)
    with a_server(settings, sandbox) as first:
        first.post("/traces", json=a_session(events=EVENTS))
        first.put("/traces/t-1/artifacts/workspace", content=a_tar({"till.py": "a\n"}), headers=GZIP)
        once = first.post("/traces/t-1/replay").json()
    with a_server(settings, sandbox) as second:
        again = second.post("/traces/t-1/replay").json()

    assert len(sandbox.runs) == 1
    assert again["claims"] == once["claims"]
    assert (again["replay"]["runs_executed"], again["replay"]["runs_from_cache"]) == (0, 1)


def test_of_a_very_large_trace_edits_and_test_results_are_replayed(
    make_client: Callable[..., TestClient], sandbox: ScriptedSandbox
) -> None:
    client = make_client(max_judged_bytes=100)
    sandbox.answer = lambda spec, files: exited(0)
    client.post("/traces", json=a_session(events=EVENTS[:4]))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar({"till.py": "a\n"}), headers=GZIP)

    results = client.post("/traces/t-1/finalize").json()["qa_results"]

    assert statuses(results) == [(2, "edit", "confirmed"), (3, "test_run", "confirmed")]
    assert results["replay"]["outcome"] == "partial"
    assert "MAX_JUDGED_BYTES" in results["replay"]["reason"]
    assert results["judgements"][0]["reason"].startswith("too_large")


def test_a_replay_takes_what_it_takes(stored: TestClient) -> None:
    is_problem(stored.post("/traces/nowhere/replay"), 404, "Trace nowhere not found")
    is_problem(stored.post("/traces/t-1/replay", json={"judge": "off"}), 422)
    is_problem(stored.post("/traces/t-1/replay", json={"test_command": "a; b"}), 400, "dangerous patterns")
    is_problem(stored.post("/traces/t-1/replay", headers={"Authorization": "Bearer wrong"}), 401)
