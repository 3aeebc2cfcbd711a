"""The model judge behind the application's settings: what its judges share, and what stops the start."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.errors import SettingsError
from app.settings import Settings
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
