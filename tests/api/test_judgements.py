"""Judging over HTTP: which rubrics there are, what a finalize judges by, and judgements made since."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.bootstrap import judges
from app.errors import SettingsError
from app.models.judgement import Estimate, Judgement
from app.models.rubric import Rubric
from app.qa.base import Evidence, RunResult, RunSpec
from app.qa.judge import rubric as rubrics
from app.rules.integrity import verify_stream
from app.settings import Settings
from app.storage.keys import load_public_keys
from tests.api.test_documents import is_problem
from tests.builders import a_session, a_tar, a_thought
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox
from tests.fakes_openai import error, openai_server

MINE = """\
id = "mine"
version = "3"
aggregate = "weighted_mean"
scale = { levels = 3, min = 0.0, max = 10.0 }
[[dimension]]
id = "reproduced"
weight = 1.0
question = "Was the failure seen?"
anchors = { 0 = "no", 2 = "yes" }
cites = ["terminal_command"]
heuristic = { F01 = 1 }
"""
EVENTS = [
    {
        "event_type": "terminal_command",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {"command": "pytest", "exit_code": 1, "output": "1 failed", "duration_ms": 3},
    },
    a_thought("The total is off because each line is rounded."),
    {
        "event_type": "code_edit",
        "timestamp": "2026-03-02T09:05:00Z",
        "data": {"file_path": "till.py", "diff": "@@ -1 +1 @@\n-a\n+b\n"},
    },
]


@pytest.fixture
def with_mine(make_client: Callable[..., TestClient], tmp_path: Path) -> TestClient:
    """A server that knows one more rubric."""
    folder = tmp_path / "rubrics"
    folder.mkdir()
    (folder / "mine.toml").write_text(MINE, encoding="utf-8")
    return make_client(rubrics_dir=folder)


def finalized(client: TestClient, **asked: Any) -> dict[str, Any]:
    client.post("/traces", json=a_session(events=EVENTS)).raise_for_status()
    response = client.post("/traces/t-1/finalize", json=asked)
    response.raise_for_status()
    document: dict[str, Any] = response.json()
    return document


def by_rubric(judgements: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(judgement["rubric"]["id"], judgement["judge"]["kind"]) for judgement in judgements]


def test_the_rubrics_are_listed_with_the_servers_choice(with_mine: TestClient) -> None:
    body = with_mine.get("/rubrics").json()

    assert {rubric["id"] for rubric in body["rubrics"]} == {*rubrics.load_rubrics(), "mine"}
    assert set(body["default"]) <= {rubric["id"] for rubric in body["rubrics"]}
    mine = with_mine.get("/rubrics/mine").json()
    assert (mine["version"], mine["scale"]["levels"], mine["dimensions"][0]["anchors"]) == ("3", 3, {"0": "no", "2": "yes"})


def test_a_rubric_that_is_not_there_is_not_found(client: TestClient) -> None:
    assert is_problem(client.get("/rubrics/none"), 404)["code"] == "rubric_not_found"


def test_a_finalize_judges_by_the_rubrics_that_it_names(with_mine: TestClient) -> None:
    results = finalized(with_mine, rubrics=["mine", "reasoning-5", "mine"])["qa_results"]

    assert by_rubric(results["judgements"]) == [("mine", "heuristic"), ("reasoning-5", "heuristic")]
    assert results["judgements"][0]["total"] == 10.0
    assert results["reasoning_score"] == max(1.0, results["judgements"][1]["total"])


def test_without_the_reasoning_rubric_there_is_no_reasoning_score(with_mine: TestClient) -> None:
    results = finalized(with_mine, rubrics=["mine"])["qa_results"]

    assert (results["reasoning_score"], results["judge_kind"]) == (None, None)


def test_an_unknown_rubric_stops_a_finalize_before_it_begins(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=EVENTS)).raise_for_status()

    problem = is_problem(client.post("/traces/t-1/finalize", json={"rubrics": ["reasoning-5", "x", "y"]}), 422, "x, y")

    assert problem["code"] == "unknown_rubric"

    assert [fault["loc"] for fault in problem["errors"]] == [["rubrics", "x"], ["rubrics", "y"]]
    assert client.get("/traces/t-1").json()["status"] == "open"


def test_a_judgement_names_what_was_judged(client: TestClient) -> None:
    document = finalized(client, rubrics=["reasoning-5"])
    (judgement,) = document["qa_results"]["judgements"]

    assert (judgement["trace_id"], judgement["trace_hash"]) == ("t-1", document["integrity"]["head"])
    known = {event["event_id"] for event in document["events"]}
    cited = {name for dimension in judgement["dimensions"].values() for name in dimension["evidence"]}
    assert cited
    assert cited <= known


def test_a_new_judgement_stands_beside_the_earlier_ones(with_mine: TestClient) -> None:
    before = finalized(with_mine, rubrics=["reasoning-5"])

    made = with_mine.post("/traces/t-1/judge", json={"rubrics": ["mine"]}).json()["judgements"]
    after = with_mine.get("/traces/t-1").json()

    assert by_rubric(made) == [("mine", "heuristic")]
    assert after["qa_results"] == before["qa_results"]
    assert after["events"] == before["events"]
    assert after["judgements"] == made
    listed = with_mine.get("/traces/t-1/judgements").json()["judgements"]
    assert listed == [*before["qa_results"]["judgements"], *made]
    assert len({judgement["judgement_id"] for judgement in listed}) == 2


def test_judgements_can_be_asked_for_by_rubric_and_kind(with_mine: TestClient) -> None:
    finalized(with_mine, rubrics=["reasoning-5", "mine"])

    def found(query: str) -> list[tuple[str, str]]:
        return by_rubric(with_mine.get(f"/traces/t-1/judgements?{query}").json()["judgements"])

    assert found("rubric=mine") == [("mine", "heuristic")]
    assert len(found("kind=heuristic")) == 2
    assert found("kind=llm") == []
    assert is_problem(with_mine.get("/traces/t-1/judgements?kind=crowd"), 422)["code"] == "invalid"


def test_judgements_of_earlier_finalizes_stay(client: TestClient) -> None:
    finalized(client, rubrics=["reasoning-5"])
    client.post("/traces/t-1/judge", json={"rubrics": ["reasoning-5"]}).raise_for_status()
    client.post("/traces/t-1/finalize", json={"rubrics": ["reasoning-5"]}).raise_for_status()

    judgements = client.get("/traces/t-1/judgements").json()["judgements"]

    assert len(judgements) == 3
    assert [judgement["created_at"] for judgement in judgements] == sorted(one["created_at"] for one in judgements)


def test_the_seal_covers_a_new_judgement(with_mine: TestClient, settings: Settings) -> None:
    finalized(with_mine)
    with_mine.post("/traces/t-1/judge", json={"rubrics": ["mine"]}).raise_for_status()
    content = with_mine.get("/traces/t-1").content
    keys = load_public_keys(settings.data_dir / "keys")

    (report,) = verify_stream(io.BytesIO(content), keys)
    assert report.is_proven

    document = json.loads(content)
    document["judgements"][0]["total"] = 9.0
    (report,) = verify_stream(io.BytesIO(json.dumps(document).encode()), keys)
    assert [finding.kind for finding in report.findings if finding.is_broken] == ["section_altered"]


def test_only_a_finalized_trace_is_judged(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=EVENTS)).raise_for_status()

    assert is_problem(client.post("/traces/t-1/judge", json={}), 409)["code"] == "not_finalized"
    assert is_problem(client.post("/traces/none/judge", json={}), 404)["code"] == "trace_not_found"
    assert is_problem(client.get("/traces/none/judgements"), 404)["code"] == "trace_not_found"
    assert is_problem(client.post("/traces/t-1/judge", json={"rubrics": ["none"]}), 422)["code"] == "unknown_rubric"
    assert is_problem(client.post("/traces/t-1/judge", json={"rubric": "mine"}), 422)["code"] == "invalid"


def test_a_model_that_does_not_answer_is_a_judgement_that_says_so(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with openai_server(error(401)) as server:
        changed = settings.model_copy(
            update={"openai_api_key": SecretStr("sk-test"), "openai_base_url": server.base_url, "judge": "heuristic"}
        )
        with a_server(changed, sandbox) as client:
            finalized(client, rubrics=["reasoning-5"])
            body = client.post(
                "/traces/t-1/judge", json={"rubrics": ["reasoning-5"], "judge": "llm", "model": "another-model"}
            ).json()

    (judgement,) = body["judgements"]
    assert (judgement["status"], judgement["total"], judgement["judge"]["model"]) == ("failed", None, "another-model")
    assert server.requests[0]["model"] == "another-model"


@pytest.mark.parametrize(("names", "told"), [("none", "JUDGE_RUBRICS"), ("", "JUDGE_RUBRICS")])
def test_a_server_does_not_start_on_rubrics_that_are_not_there(
    settings: Settings, sandbox: ScriptedSandbox, names: str, told: str
) -> None:
    with (
        pytest.raises(SettingsError, match=told),
        a_server(settings.model_copy(update={"judge_rubrics": names}), sandbox),
    ):
        raise AssertionError("it started")


def test_a_server_does_not_start_on_a_rubric_that_cannot_be_applied(
    settings: Settings, sandbox: ScriptedSandbox, tmp_path: Path
) -> None:
    (tmp_path / "broken.toml").write_text(MINE.replace("F01", "F99"), encoding="utf-8")

    with (
        pytest.raises(SettingsError, match=r"RUBRICS_DIR: .*broken\.toml.*F99"),
        a_server(settings.model_copy(update={"rubrics_dir": tmp_path}), sandbox),
    ):
        raise AssertionError("it started")


class BrokenJudge:
    """As a judge with a fault in it."""

    def judge(self, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
        raise ValueError("as a fault would")

    def estimate(self, evidence: Evidence, rubric: Rubric) -> Estimate:
        return Estimate(rubric=rubric.ref, kind="heuristic")


def test_a_fault_in_a_judge_costs_nothing_but_its_judgement(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges, "HeuristicJudge", BrokenJudge)

    results = finalized(client, rubrics=["reasoning-5"])["qa_results"]

    assert results["verification"]["verdict"] == "inconclusive"
    assert [judgement["status"] for judgement in results["judgements"]] == ["failed"]
    assert results["judgements"][0]["reason"].startswith("internal")
    assert (results["reasoning_score"], results["judge_kind"]) == (None, None)


@pytest.mark.parametrize("model", ["", " , ", "a,,b", "a\nFORGED", "a\x1b[31m", "m" * 201])
def test_a_model_that_cannot_be_one_is_refused(client: TestClient, model: str) -> None:
    finalized(client)

    assert is_problem(client.post("/traces/t-1/judge", json={"model": model}), 422)["code"] == "invalid"


def test_a_trace_that_is_finalized_anew_takes_judgements(with_mine: TestClient, sandbox: ScriptedSandbox) -> None:
    def crash(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        raise RuntimeError("as if the process had ended here")

    upload = {"Content-Type": "application/gzip"}
    with_mine.post("/traces", json=a_session(trace_id="t-2", events=EVENTS)).raise_for_status()
    with_mine.put("/traces/t-2/artifacts/workspace", content=a_tar({"till.py": "a\n"}), headers=upload).raise_for_status()
    sandbox.answer = lambda spec, files: RunResult("could_not_run", reason="no engine")
    with_mine.post("/traces/t-2/finalize", json={"test_command": "pytest"}).raise_for_status()
    sandbox.answer = crash
    assert with_mine.post("/traces/t-2/finalize", json={"test_command": "pytest"}).status_code == 500
    assert with_mine.get("/traces/t-2").json()["status"] == "finalizing"

    made = with_mine.post("/traces/t-2/judge", json={"rubrics": ["mine"]})

    assert made.status_code == 200
    assert with_mine.get("/traces/t-2").json()["judgements"] == made.json()["judgements"]
