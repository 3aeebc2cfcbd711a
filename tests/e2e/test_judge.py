"""``judge`` as an operator runs it: on a data directory, on a server, and killed in the midst of its work."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


class Gate:
    """A model that answers once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def __call__(self, _: dict[str, Any]) -> Scripted:
        self.may_answer.wait(60)
        return an_answer()


@contextmanager
def judging_in_the_background(server: FakeOpenAI, *arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """``judge`` with a hearing for Ctrl-C, two requests of which have come to the model."""
    command = [sys.executable, "-m", "app", "judge", "--concurrency", "2", *arguments]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(**of_model(server), **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while len(server.requests) < 2:
                assert process.poll() is None
                time.sleep(0.01)
            yield process
        finally:
            process.kill()


def next_words(process: subprocess.Popen[str], words: str) -> str:
    """The next line on standard error that has these words."""
    assert process.stderr is not None
    return next(line for line in process.stderr if words in line)


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
    came, is_dead = itertools.count(1), threading.Event()

    def until_it_is_dead(_: dict[str, Any]) -> Scripted:
        if next(came) > 3:
            is_dead.wait(60)
        return an_answer()

    arguments = ("--all", "--concurrency", "1", "--data-dir", str(data_dir), "--json")
    with openai_server(until_it_is_dead) as server:
        command = [sys.executable, "-m", "app", "judge", *arguments]
        victim = subprocess.Popen(command, cwd=ROOT, env=environment(**of_model(server)), stdout=subprocess.PIPE, text=True)
        assert victim.stdout is not None
        victim.stdout.readline()
        victim.stdout.readline()
        victim.kill()
        victim.wait()
        victim.stdout.close()
        is_dead.set()
        asked_before = len(server.requests)
        ran = judge(*arguments, **of_model(server))

    assert ran.returncode == 0, ran.stderr
    assert lines(ran)[-1]["totals"]["done_before"] >= 2
    # the one request that was under way when it was killed may be asked again, and no other
    assert len(server.requests) <= len(NAMES) + 1
    assert asked_before < len(NAMES)


def test_ctrl_c_waits_for_what_is_under_way_and_begins_nothing_more(data_dir: Path) -> None:
    gate, arguments = Gate(), ("--all", "--data-dir", str(data_dir), "--json")
    with openai_server(gate) as server:
        with judging_in_the_background(server, *arguments) as process:
            process.send_signal(signal.SIGINT)
            said = next_words(process, "Interrupted")
            gate.may_answer.set()
            told, _ = process.communicate()
        *judged, last = [json.loads(line) for line in told.splitlines()]
        asked = len(server.requests)
        rest = judge(*arguments, **of_model(server))

    assert said == "Interrupted: no more traces are begun, 2 under way are awaited; Ctrl-C again leaves at once\n"
    assert (process.returncode, asked, len(judged)) == (130, 2, 2)
    assert all(one["judgements"][0]["status"] == "scored" for one in judged)
    assert (last["totals"]["traces"], last["totals"]["not_begun"]) == (2, len(NAMES) - 2)
    assert (rest.returncode, lines(rest)[-1]["totals"]["done_before"]) == (0, 2)
    assert len(server.requests) == len(NAMES)


def test_a_second_ctrl_c_leaves_at_once_and_loses_nothing_that_was_told(data_dir: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text('[models."gpt-4o-mini"]\ninput_per_million = 1\noutput_per_million = 2\ncurrency = "EUR"\n')
    budget = {"JUDGE_DAILY_BUDGET": "1", "JUDGE_PRICES": str(prices)}
    gate, arguments = Gate(), ("--all", "--data-dir", str(data_dir), "--json")
    ledger = data_dir / "judge-spending.json"
    with openai_server(gate) as server:
        with judging_in_the_background(server, *arguments, **budget) as process:
            put_aside = json.loads(ledger.read_text())["spent"]
            process.send_signal(signal.SIGINT)
            next_words(process, "2 under way are awaited")
            process.send_signal(signal.SIGINT)
            said = next_words(process, "left")
            told, _ = process.communicate()
        spent = json.loads(ledger.read_text())["spent"]
        gate.may_answer.set()
        rest = judge(*arguments, **of_model(server), **budget)
    spent_by_rest = sum(one["judgements"][0]["usage"]["cost"] for one in lines(rest)[:-1])
    checked = subprocess.run(
        [sys.executable, "-m", "app", "check", "--data-dir", str(data_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert said.startswith("Interrupted: 2 traces under way are left; what was put aside for them stays spent")
    assert (process.returncode, told) == (130, "")
    assert spent == put_aside > 0
    assert (rest.returncode, lines(rest)[-1]["totals"]["done_before"]) == (0, 0)
    assert lines(rest)[-1]["totals"]["statuses"] == {"scored": len(NAMES)}
    assert json.loads(ledger.read_text())["spent"] == pytest.approx(put_aside + spent_by_rest)
    assert "damaged" not in checked.stdout
