"""``judge`` as an operator runs it: on a data directory, on a server, and killed in the midst of its work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.qa.judge.rubric import REASONING, load_rubrics
from tests.builders import a_session, a_thought
from tests.e2e.server import ROOT, TOKEN, a_server_process
from tests.fakes_openai import FakeOpenAI, Scripted, completion, openai_server

RUBRIC = load_rubrics()[REASONING]
NAMES = tuple(f"t-{number}" for number in range(6))
EVENTS = [
    {
        "event_type": "terminal_command",
        "timestamp": "2026-03-02T09:00:00Z",
        "data": {"command": "pytest", "exit_code": 1, "output": "1 failed", "duration_ms": 3},
    },
    a_thought("The total is off because each line is rounded in till.py."),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with finalized traces that nobody has judged, and an open one."""
    data_dir = tmp_path_factory.mktemp("filled") / "data"
    with a_server_process(data_dir, JUDGE_RUBRICS="reasoning-5") as server, server.client() as client:
        for name in NAMES:
            client.post("/traces", json=a_session(trace_id=name, events=EVENTS)).raise_for_status()
            client.post(f"/traces/{name}/finalize", json={"judge": "off"}).raise_for_status()
        client.post("/traces", json=a_session(trace_id="open", events=EVENTS)).raise_for_status()
    return data_dir


@pytest.fixture
def data_dir(filled: Path, tmp_path: Path) -> Path:
    """A copy of a test's own."""
    subprocess.run(["cp", "-r", str(filled), str(tmp_path / "data")], check=True)
    return tmp_path / "data"


def environment(**settings: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    return {**kept, "API_TOKEN": TOKEN, "JUDGE": "heuristic", "JUDGE_RUBRICS": "reasoning-5", **settings}


def judge(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "app", "judge", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(**settings), capture_output=True, text=True, timeout=120)


def lines(ran: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.stdout.splitlines()]


def an_answer(level: int = 3) -> Scripted:
    one = {"evidence": ["e1"], "quote": "1 failed", "rationale": "Seen.", "level": level}
    dimensions = {dimension.id: one for dimension in RUBRIC.dimensions}
    return completion(json.dumps({"dimensions": dimensions, "feedback": "Well.", "instructions_seen": []}))


def of_model(server: FakeOpenAI) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": server.base_url, "JUDGE": "llm", "JUDGE_SAMPLES": "1"}


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with openai_server(an_answer()) as server:
        yield server


def test_every_finalized_trace_is_judged_and_a_second_run_has_nothing_left(data_dir: Path) -> None:
    first = judge("--all", "--data-dir", str(data_dir), "--json")
    second = judge("--all", "--data-dir", str(data_dir), "--json")

    assert first.returncode == second.returncode == 0, first.stderr
    *traces, last = lines(first)
    assert {trace["trace_id"] for trace in traces} == set(NAMES)
    assert all(trace["judgements"][0]["judge"]["kind"] == "heuristic" for trace in traces)
    assert last["totals"]["traces"] == len(NAMES)
    assert lines(second)[-1]["totals"]["done_before"] == len(NAMES)


def test_what_was_judged_is_with_the_trace_and_its_seal_holds(data_dir: Path) -> None:
    judge("--trace", "t-1", "--data-dir", str(data_dir)).check_returncode()

    with a_server_process(data_dir) as server, server.client() as client:
        document = client.get("/traces/t-1")
        listed = client.get("/traces/t-1/judgements").json()["judgements"]
    (data_dir.parent / "t-1.json").write_bytes(document.content)
    keys = next((data_dir / "keys" / "public").glob("*.pem"))
    command = [sys.executable, "-m", "app", "verify", str(data_dir.parent / "t-1.json"), "--public-key", str(keys)]

    assert [one["status"] for one in document.json()["judgements"]] == ["partial"]
    assert [one["status"] for one in listed] == ["skipped", "partial"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60).returncode == 0


def test_a_query_chooses(data_dir: Path) -> None:
    ran = judge("--query", "developer_id=nobody", "--data-dir", str(data_dir))

    assert ran.returncode == 0
    assert "0 traces" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--all"),
        (("--all", "--server", "http://127.0.0.1:9"), "--kind"),
        (("--query", "colour=red"), "colour"),
        (("--query", "verdict"), "NAME=VALUE"),
        (("--query", "status=open"), "does not take status"),
        (("--all", "--rubric", "none"), "none"),
        (("--trace", "../x"), "String should match pattern"),
        (("--all", "--model", " , "), "Name a model"),
        (("--all", *("--rubric", "x") * 17), "at most 16"),
    ],
)
def test_what_cannot_be_done_is_said(data_dir: Path, arguments: tuple[str, ...], told: str) -> None:
    ran = judge(*arguments, "--data-dir", str(data_dir))

    assert ran.returncode not in (0, 1, 70)
    assert told in ran.stderr


def test_a_directory_that_a_server_uses_is_left_alone(data_dir: Path) -> None:
    with a_server_process(data_dir):
        ran = judge("--all", "--data-dir", str(data_dir))

    assert ran.returncode == 78
    assert "in use" in ran.stderr or "server" in ran.stderr


def test_a_server_judges_what_it_holds(data_dir: Path) -> None:
    with a_server_process(data_dir) as server:
        first = judge("--all", "--server", server.url, "--kind", "heuristic", "--json")
        second = judge("--all", "--server", server.url, "--kind", "heuristic", "--rubric", "reasoning-5", "--json")

    assert first.returncode == 0, first.stderr
    assert lines(first)[-1]["totals"]["statuses"]["partial"] >= len(NAMES)
    assert lines(second)[-1]["totals"]["done_before"] == len(NAMES)


def test_a_dry_run_asks_no_model_and_tells_what_it_would_take(data_dir: Path, model: FakeOpenAI) -> None:
    ran = judge("--all", "--data-dir", str(data_dir), "--dry-run", "--json", **of_model(model))

    totals = lines(ran)[-1]["totals"]
    assert ran.returncode == 0, ran.stderr
    assert model.requests == []
    assert totals["requests"] == len(NAMES)
    assert totals["prompt_tokens"] > 0
    assert totals["cost"] is None


def test_a_dry_run_on_a_server_tells_the_same(data_dir: Path, model: FakeOpenAI) -> None:
    here = judge("--all", "--kind", "llm", "--data-dir", str(data_dir), "--dry-run", "--json", **of_model(model))
    with a_server_process(data_dir, **of_model(model)) as server:
        there = judge("--all", "--kind", "llm", "--rubric", "reasoning-5", "--server", server.url, "--dry-run", "--json")

    assert lines(there)[-1]["totals"]["prompt_tokens"] == lines(here)[-1]["totals"]["prompt_tokens"]
    assert model.requests == []


def test_models_that_do_not_answer_end_with_1(data_dir: Path) -> None:
    with openai_server(Scripted(status=401)) as server:
        ran = judge("--trace", "t-1", "--data-dir", str(data_dir), "--json", **of_model(server))

    assert ran.returncode == 1
    assert lines(ran)[-1]["totals"]["statuses"] == {"failed": 1}


def test_whoever_is_killed_goes_on_without_paying_twice(data_dir: Path) -> None:
    def slow(_: dict[str, Any]) -> Scripted:
        time.sleep(0.3)
        return an_answer()

    arguments = ("--all", "--concurrency", "1", "--data-dir", str(data_dir), "--json")
    with openai_server(slow) as server:
        command = [sys.executable, "-m", "app", "judge", *arguments]
        victim = subprocess.Popen(command, cwd=ROOT, env=environment(**of_model(server)), stdout=subprocess.PIPE, text=True)
        assert victim.stdout is not None
        victim.stdout.readline()
        victim.stdout.readline()
        victim.kill()
        victim.wait()
        victim.stdout.close()
        asked_before = len(server.requests)
        ran = judge(*arguments, **of_model(server))

    assert ran.returncode == 0, ran.stderr
    assert lines(ran)[-1]["totals"]["done_before"] >= 2
    # the one request that was under way when it was killed may be asked again, and no other
    assert len(server.requests) <= len(NAMES) + 1
    assert asked_before < len(NAMES)
