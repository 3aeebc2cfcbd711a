"""The model judge behind the application's settings: what its judges share, and what stops the start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.errors import SettingsError
from app.models.judgement import JudgeRequest
from app.services import judging
from app.settings import Settings
from tests.api.test_documents import is_problem
from tests.api.test_judgements import EVENTS
from tests.builders import a_session
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox
from tests.fakes_openai import FakeOpenAI, Request, Scripted, error, openai_server
from tests.llm_judging import KEY, said

PRICES = '[models."gpt-4o-mini"]\ninput_per_million = 1\noutput_per_million = 2\ncurrency = "EUR"\n'
ASKS_FOR_ONE = {"rubrics": ["reasoning-5"], "judge": "llm"}


def answer(request: Request) -> Scripted:
    """A model at an endpoint that takes no seed."""
    cited = {"evidence": ["e1", "e3"]}
    if "seed" in request:
        return error(400, "seed is not supported")
    return said(3, depth=cited, validation=cited)


@pytest.fixture
def model() -> Iterator[FakeOpenAI]:
    with openai_server(answer) as server:
        yield server


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return path


def of(model: FakeOpenAI, **more: Any) -> dict[str, Any]:
    return {"openai_api_key": SecretStr(KEY), "openai_base_url": model.base_url, "judge_samples": 2, **more}


def a_finalized_trace(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=EVENTS)).raise_for_status()
    client.post("/traces/t-1/finalize", json={}).raise_for_status()


def judge(client: TestClient, **more: Any) -> dict[str, Any]:
    response = client.post("/traces/t-1/judge", json={**ASKS_FOR_ONE, **more})
    response.raise_for_status()
    (judgement,) = response.json()["judgements"]
    return dict(judgement)


def test_judges_of_a_server_share_what_they_learned_and_what_was_answered(
    make_client: Callable[..., TestClient], model: FakeOpenAI, prices: Path
) -> None:
    client = make_client(**of(model, judge_prices=prices))
    a_finalized_trace(client)
    first, again = judge(client), judge(client)
    told = len(model.requests)
    other = judge(client, rubrics=["reasoning-5"], model="gpt-4o-mini,another")

    assert (first["status"], first["usage"]["requests"], first["usage"]["cost"]) == ("scored", 4, 2 * (100 + 2 * 20) / 1e6)
    assert (again["status"], again["usage"]["requests"], again["usage"]["cached_samples"]) == ("scored", 0, 2)
    assert again["dimensions"] == first["dimensions"]
    assert (other["judge"]["model"], other["usage"]["cached_samples"], other["usage"]["cost"]) == (
        "gpt-4o-mini, another",
        2,
        None,
    )
    assert {request["model"] for request in model.requests[told:]} == {"another"}


def test_what_models_said_of_a_deleted_trace_is_gone(
    make_client: Callable[..., TestClient], model: FakeOpenAI, settings: Settings
) -> None:
    client = make_client(**of(model))
    a_finalized_trace(client)
    judge(client)
    kept = settings.data_dir / "cache" / "judgements"
    assert list(kept.glob("*/*.json"))

    client.delete("/traces/t-1").raise_for_status()

    assert not list(kept.glob("*/*.json"))


def test_without_a_cache_models_are_asked_again(make_client: Callable[..., TestClient], model: FakeOpenAI) -> None:
    client = make_client(**of(model, judge_cache_entries=0))
    a_finalized_trace(client)

    assert [judge(client)["usage"]["requests"] for _ in range(2)] == [4, 2]


def test_the_days_budget_outlives_a_restart(
    settings: Settings, sandbox: ScriptedSandbox, model: FakeOpenAI, prices: Path
) -> None:
    bounded = settings.model_copy(
        update=of(model, judge_prices=prices, judge_daily_budget=0.05, judge_output_tokens=4000, judge_cache_entries=0)
    )
    with a_server(bounded, sandbox) as client:
        a_finalized_trace(client)
        first = judge(client)
    ledger = settings.data_dir / "judge-spending.json"
    ledger.write_text(ledger.read_text().replace('"spent": 0.', '"spent": 10.'))
    with a_server(bounded, sandbox) as client:
        second = judge(client)
        unpriced = judge(client, model="house-model")

    assert (first["status"], second["status"], unpriced["status"]) == ("scored", "skipped", "skipped")
    assert second["reason"].startswith("budget: 10.")
    assert unpriced["reason"] == "budget: no price is known for house-model"
    assert second["total"] is None


@pytest.mark.parametrize("models", [",".join(f"m{number}" for number in range(10))])
def test_a_request_for_too_many_models_is_answered(
    make_client: Callable[..., TestClient], model: FakeOpenAI, models: str
) -> None:
    client = make_client(**of(model))
    a_finalized_trace(client)
    judgement = judge(client, model=models)

    assert (judgement["status"], judgement["total"]) == ("failed", None)
    assert judgement["reason"].startswith("configuration: The judge asks 1 to 9 models")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"judge_daily_budget": 1.0}, "JUDGE_DAILY_BUDGET is set, but JUDGE_PRICES tells no price for gpt-4o-mini"),
        ({"judge_prices": Path("/nowhere/prices.toml")}, "JUDGE_PRICES: /nowhere/prices.toml cannot be read"),
        ({"judge_model": " , "}, "asks 1 to 9 models, not 0"),
        ({"openai_base_url": "api.example.org"}, "has to begin with http"),
    ],
)
def test_a_server_does_not_start_on_a_judge_that_cannot_be_asked(
    settings: Settings, sandbox: ScriptedSandbox, changes: dict[str, Any], told: str
) -> None:
    wrong = settings.model_copy(update={"openai_api_key": SecretStr(KEY), **changes})

    with pytest.raises(SettingsError, match=told), a_server(wrong, sandbox):
        raise AssertionError("it started")


def test_a_budget_needs_no_prices_where_no_model_can_be_asked(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings.model_copy(update={"judge_daily_budget": 1.0}), sandbox) as client:
        assert client.get("/health").status_code == 200


class Gate:
    """A model that answers once it may."""

    def __init__(self) -> None:
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, request: Request) -> Scripted:
        self.is_asked.set()
        assert self.may_answer.wait(30)
        return answer(request)


def service(client: TestClient) -> judging.JudgingService:
    """What the doors of judging call."""
    found: judging.JudgingService = client.app.state.application.judging  # type: ignore[attr-defined]
    return found


def test_two_who_ask_for_the_same_at_once_are_given_the_same(make_client: Callable[..., TestClient]) -> None:
    gate = Gate()
    with openai_server(gate) as model, ThreadPoolExecutor(1) as pool:
        client = make_client(**of(model, judge_cache_entries=0))
        a_finalized_trace(client)
        first = pool.submit(judge, client)
        assert gate.is_asked.wait(30)
        asked_by_name = service(client).submit("t-1", JudgeRequest(rubrics=("reasoning-5", "reasoning-5"), judge="llm"))
        again = service(client).submit("t-1", JudgeRequest(rubrics=("reasoning-5",), judge="llm"))
        other = service(client).submit("t-1", JudgeRequest(rubrics=("reasoning-5",), judge="heuristic"))
        assert other.result()[0].judge.kind == "heuristic"
        gate.may_answer.set()
        made = first.result()

        assert asked_by_name is again
        assert [one.model_dump(mode="json") for one in again.result()] == [made]
        stored = client.get("/traces/t-1").json()["judgements"]
        assert [one["judge"]["kind"] for one in stored] == ["heuristic", "llm"]
        assert stored[1] == made
        asked = len(model.requests)
        later = judge(client)

    assert later["judgement_id"] != made["judgement_id"]
    assert len(model.requests) > asked


def test_a_finalize_and_a_judge_at_once_ask_the_same_once(make_client: Callable[..., TestClient]) -> None:
    gate = Gate()
    with openai_server(gate) as model, ThreadPoolExecutor(1) as pool:
        client = make_client(**of(model))
        a_finalized_trace(client)
        finalized = pool.submit(client.post, "/traces/t-1/finalize", json={"judge": "llm", "rubrics": ["reasoning-5"]})
        assert gate.is_asked.wait(30)
        beside = service(client).submit("t-1", JudgeRequest(rubrics=("reasoning-5",), judge="llm"))
        gate.may_answer.set()
        (made,) = beside.result()
        (by_finalize,) = finalized.result().json()["qa_results"]["judgements"]

        assert (by_finalize["usage"]["cached_samples"], made.usage.cached_samples, made.usage.requests) == (0, 2, 0)
        assert made.judgement_id != by_finalize["judgement_id"]
        assert [one["judgement_id"] for one in client.get("/traces/t-1").json()["judgements"]] == [made.judgement_id]


def test_a_trace_holds_so_many_judgements_and_those_under_way_count(
    make_client: Callable[..., TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MAX_JUDGEMENTS", 2)
    gate = Gate()
    with openai_server(gate) as model, ThreadPoolExecutor(1) as pool:
        client = make_client(**of(model))
        a_finalized_trace(client)
        first = pool.submit(judge, client)
        assert gate.is_asked.wait(30)
        two_more = client.post("/traces/t-1/judge", json={"rubrics": ["reasoning-5", "process-6"], "judge": "heuristic"})
        model_or_rules = client.post("/traces/t-1/judge", json={"rubrics": ["process-6"], "judge": "auto"})
        gate.may_answer.set()
        first.result()
        judge(client, judge="heuristic")
        asked = len(model.requests)
        one_more = client.post("/traces/t-1/judge", json=ASKS_FOR_ONE)

    for refused in (two_more, model_or_rules):
        problem = is_problem(refused, 409, "has 0 judgements made on request, 1 more may come of what is under way")
        assert problem["code"] == "too_many_judgements"
    is_problem(one_more, 409, "has 2 judgements made on request, and this may add 1; it holds at most 2")
    assert len(model.requests) == asked
    assert len(client.get("/traces/t-1").json()["judgements"]) == 2
    client.post("/traces/t-1/finalize", json={"judge": "heuristic"}).raise_for_status()


def test_a_judgement_that_comes_to_nothing_takes_no_place(
    make_client: Callable[..., TestClient], model: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "MAX_JUDGEMENTS", 1)
    client = make_client(**of(model))
    a_finalized_trace(client)
    monkeypatch.setattr(judging.JudgingService, "_evidence", lambda *_: 1 / 0)
    assert client.post("/traces/t-1/judge", json=ASKS_FOR_ONE).status_code == 500
    monkeypatch.undo()
    monkeypatch.setattr(judging, "MAX_JUDGEMENTS", 1)

    assert judge(client)["status"] == "scored"


def test_many_dry_runs_leave_the_server_free_for_others(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Semaphore(0), threading.Event()

    def slow(*_: object) -> tuple[()]:
        begun.release()
        assert may_end.wait(30)
        return ()

    a_finalized_trace(client)
    monkeypatch.setattr(judging.JudgingService, "estimate", slow)
    with ThreadPoolExecutor(61) as pool:
        asked = [pool.submit(client.post, "/traces/t-1/judge", json={"dry_run": True}) for _ in range(60)]
        assert all(begun.acquire(timeout=30) for _ in range(2))
        read = pool.submit(client.get, "/traces/t-1/judgements")
        try:
            assert read.result(timeout=30).status_code == 200
            assert not begun.acquire(blocking=False)
        finally:
            may_end.set()
        assert {one.result().status_code for one in asked} == {200}
