"""A finalize that tells its stages as server-sent events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.qa.base import RunResult, RunSpec
from tests.api.test_documents import is_problem
from tests.api.till import fixed_by_b
from tests.fakes import ScriptedSandbox


def events_of(answer: Any) -> list[tuple[str, Any]]:
    """Kind and data of each server-sent event."""
    found = []
    for block in answer.text.split("\n\n")[:-1]:
        fields = [line.partition(": ")[::2] for line in block.split("\n")]
        kind = next(value for name, value in fields if name == "event")
        found.append((kind, json.loads("\n".join(value for name, value in fields if name == "data"))))
    return found


STREAM = {"Accept": "text/event-stream"}


def test_a_finalize_can_tell_its_stages_and_its_result_as_they_come(
    with_workspace: TestClient, sandbox: ScriptedSandbox
) -> None:
    sandbox.answer = fixed_by_b

    answer = with_workspace.post("/traces/t-1/finalize", headers=STREAM)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    (first, job), *stages, (last, document) = events_of(answer)
    assert (first, job) == ("job", {"job_id": "qa-t-1", "trace_id": "t-1"})
    assert {kind for kind, _ in stages} == {"stage"}
    assert [data["stage"] for _, data in stages[-2:]] == ["replay of the session", "judgement"]
    assert last == "result"
    assert document == with_workspace.get("/traces/t-1").json()


def test_a_finalize_that_breaks_off_ends_with_a_problem(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    def crash(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        raise RuntimeError("as if the process had ended here")

    sandbox.answer = crash

    answer = with_workspace.post("/traces/t-1/finalize", headers=STREAM)

    assert events_of(answer)[-1] == ("problem", {"job_id": "qa-t-1", "status": "failed"})


def test_what_cannot_be_finalized_is_refused_before_any_event(client: TestClient) -> None:
    is_problem(client.post("/traces/absent/finalize", headers=STREAM), 404)
    is_problem(client.post("/traces/absent/finalize", headers=STREAM, json={"judge": "oracle"}), 422)
    is_problem(client.post("/traces/absent/finalize", headers=STREAM | {"Authorization": "Bearer wrong"}), 401)


@pytest.mark.parametrize("accept", ["application/json", "*/*", "application/json, text/event-stream", ""])
def test_events_are_for_those_who_prefer_them(with_workspace: TestClient, accept: str) -> None:
    answer = with_workspace.post("/traces/t-1/finalize", headers={"Accept": accept})

    assert answer.headers["content-type"] == "application/json"
