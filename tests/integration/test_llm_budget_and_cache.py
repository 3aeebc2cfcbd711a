"""What judging may take, and what is not paid for twice."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from app.models.judgement import Judgement, Usage
from app.qa.judge.budget import FileLedger, Ledger, NoLedger
from app.qa.judge.cache import FileSampleCache, NoSampleCache, SampleCache
from app.qa.judge.llm import JudgeTools
from app.qa.judge.prices import Price, Prices
from tests.fakes_openai import Request, Scripted, completion, error, openai_server
from tests.llm_judging import TRACE_HASH, a_judge, a_question, judged, said, sample_of
from tests.unit.qa.judge.sessions import NOON, PROCESS_RUBRIC, RUBRIC, good_session

PRICES = Prices({"gpt-4o-mini": Price(0.15, 0.6), "dear": Price(1000.0, 1000.0)}, "USD")


def tools(cache: SampleCache | None = None, ledger: Ledger | None = None, prices: Prices = PRICES) -> JudgeTools:
    return JudgeTools(cache=cache or NoSampleCache(), ledger=ledger or NoLedger(), prices=prices)


def a_ledger(folder: Path, limit: float) -> FileLedger:
    return FileLedger(folder / "spending.json", limit, lambda: NOON)


def test_cost_is_the_price_of_what_the_replies_took() -> None:
    with openai_server(said()) as server:
        judgement = judged(a_judge(server.base_url, tools=tools(), samples=3))

    usage = judgement.usage
    assert (usage.requests, usage.prompt_tokens, usage.completion_tokens) == (3, 300, 60)
    assert usage.cost == pytest.approx((300 * 0.15 + 60 * 0.6) / 1e6)


def test_the_cost_of_a_model_without_a_price_is_not_known() -> None:
    with openai_server(said()) as server:
        judgement = judged(a_judge(server.base_url, tools=tools(), model="gpt-4o-mini,house-model"))

    assert (judgement.usage.prompt_tokens, judgement.usage.cost) == (200, None)


def test_over_its_tokens_a_judgement_is_skipped_without_a_call() -> None:
    with openai_server(said()) as server:
        judgement = judged(a_judge(server.base_url, samples=3, max_tokens=100))

    assert (judgement.status, judgement.total, server.requests) == ("skipped", None, [])
    assert judgement.reason is not None
    assert judgement.reason.startswith("budget: 0 of 100 tokens are used, and a request may take ")
    assert judgement.attempts == ()


def test_tokens_for_some_samples_are_used_for_them() -> None:
    judge = a_judge("http://127.0.0.1:9/v1", output_tokens=500)
    one = judge.estimate(a_question(), RUBRIC)
    with openai_server(said()) as server:
        limit = one.prompt_tokens + one.completion_tokens + 10
        judgement = judged(a_judge(server.base_url, samples=3, output_tokens=500, max_tokens=limit))

    assert (judgement.status, len(server.requests)) == ("scored", 1)
    assert "fewer_samples" in judgement.flags


def test_the_days_money_is_not_overspent(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path, 5.0)
    with openai_server(said()) as server:
        first = judged(a_judge(server.base_url, tools=tools(ledger=ledger), model="dear", output_tokens=300))
        afterwards = judged(a_judge(server.base_url, tools=tools(ledger=ledger), model="dear", output_tokens=4900))
        again = judged(a_judge(server.base_url, tools=tools(ledger=a_ledger(tmp_path, 5.0)), model="dear", output_tokens=4900))

    assert first.status == "scored"
    assert first.usage.cost == pytest.approx(0.12)
    assert (afterwards.status, again.status, len(server.requests)) == ("skipped", "skipped", 1)
    assert afterwards.reason is not None
    assert afterwards.reason.startswith("budget: 0.1200 of 5 are spent today, and a request may take ")


def test_a_new_day_has_its_own_money(tmp_path: Path) -> None:
    days = [NOON]
    ledger = FileLedger(tmp_path / "spending.json", 5.0, lambda: days[-1])
    spent = ledger.put_aside(4.9)
    with openai_server(said()) as server:
        judge = a_judge(server.base_url, tools=tools(ledger=ledger), model="dear", output_tokens=300)
        today = judged(judge)
        days.append(NOON + timedelta(hours=12))
        tomorrow = judged(judge)

    assert spent is not None
    assert (today.status, tomorrow.status) == ("skipped", "scored")


def test_a_model_without_a_price_is_not_asked_on_a_budget(tmp_path: Path) -> None:
    with openai_server(said()) as server:
        judge = a_judge(server.base_url, tools=tools(ledger=a_ledger(tmp_path, 5.0)), model="house-model")
        judgement = judged(judge)

    assert (judgement.status, judgement.reason) == ("skipped", "budget: no price is known for house-model")
    assert server.requests == []


def test_failures_that_cost_nothing_leave_the_money_where_it_was(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path, 5.0)
    with openai_server(error(503)) as server:
        judged(a_judge(server.base_url, tools=tools(ledger=ledger), model="dear", output_tokens=300))

    assert ledger.spent_today == 0.0


def test_a_request_without_an_answer_counts_as_far_as_it_may_have_cost(tmp_path: Path) -> None:
    ledger = a_ledger(tmp_path, 5.0)
    with openai_server(Scripted(holds=True)) as server:
        judge = a_judge(
            server.base_url, tools=tools(ledger=ledger), model="dear", output_tokens=300, timeout_s=0.1, deadline_s=0.3
        )
        judgement = judged(judge)

    assert judgement.usage.cost is None
    assert ledger.spent_today is not None
    assert ledger.spent_today > 0.3 * judgement.usage.requests


def test_the_same_question_is_paid_for_once(tmp_path: Path) -> None:
    with openai_server(lambda request: said(level=[2, 3, 3][sample_of(request)])) as server:
        first = judged(a_judge(server.base_url, tools=tools(FileSampleCache(tmp_path, 99)), samples=3), trace_hash=TRACE_HASH)
        second = judged(a_judge(server.base_url, tools=tools(FileSampleCache(tmp_path, 99)), samples=3), trace_hash=TRACE_HASH)

    assert len(server.requests) == 3
    assert (second.dimensions, second.total) == (first.dimensions, first.total)
    assert second.usage == Usage(requests=0, prompt_tokens=0, completion_tokens=0, cost=0.0, cached_samples=3)
    assert second.attempts == ()


def test_more_samples_cost_only_those_that_are_new(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 99)
    with openai_server(said()) as server:
        judged(a_judge(server.base_url, tools=tools(cache), samples=2), trace_hash=TRACE_HASH)
        judge = a_judge(server.base_url, tools=tools(cache), samples=5)
        estimate = judge.estimate(a_question(trace_hash=TRACE_HASH), RUBRIC)
        more = judged(judge, trace_hash=TRACE_HASH)

    assert (estimate.requests, estimate.cached_samples) == (3, 2)
    assert estimate.cost == pytest.approx(PRICES.models["gpt-4o-mini"].of(estimate.prompt_tokens, estimate.completion_tokens))
    assert (more.usage.requests, more.usage.cached_samples) == (3, 2)


class Killed(BaseException):
    """The process ends here."""


class KillingCache(FileSampleCache):
    """Ends the process after so many answers were kept."""

    left = 2

    def put(self, *kept: object) -> None:
        super().put(*kept)  # type: ignore[arg-type]
        self.left -= 1
        if not self.left:
            raise Killed


def test_a_batch_that_is_killed_midway_pays_for_each_answer_once(tmp_path: Path) -> None:
    def batch(server_url: str, cache: SampleCache) -> list[str]:
        judge = a_judge(server_url, tools=tools(cache))
        sessions = [good_session()[:length] for length in (8, 9, 10)]
        return [judged(judge, drafts, trace_hash=f"{len(drafts):064x}").status for drafts in sessions]

    with openai_server(said()) as server:
        with pytest.raises(Killed):
            batch(server.base_url, KillingCache(tmp_path, 99))
        statuses = batch(server.base_url, FileSampleCache(tmp_path, 99))

    asked_about = [_length(request) for request in server.requests]
    assert (statuses, asked_about) == (["scored"] * 3, [8, 9, 10])


def _length(request: Request) -> int:
    """Of the session that a request is about."""
    return int(request["messages"][1]["content"].split(" events: ")[0].split()[-1])


def test_a_judgement_that_is_killed_midway_pays_for_each_sample_once(tmp_path: Path) -> None:
    with openai_server(said()) as server:
        with pytest.raises(Killed):
            judged(a_judge(server.base_url, tools=tools(KillingCache(tmp_path, 99)), samples=3), trace_hash=TRACE_HASH)
        judgement = judged(
            a_judge(server.base_url, tools=tools(FileSampleCache(tmp_path, 99)), samples=3), trace_hash=TRACE_HASH
        )

    assert (judgement.status, judgement.usage.requests, judgement.usage.cached_samples) == ("scored", 1, 2)


@pytest.mark.parametrize("answer", [said(depth={"level": -1}), completion("no"), error(401), completion(None, refusal="No.")])
def test_what_does_not_score_every_dimension_is_not_kept(tmp_path: Path, answer: Scripted) -> None:
    cache = FileSampleCache(tmp_path, 99)
    with openai_server(answer) as server:
        first = judged(a_judge(server.base_url, tools=tools(cache)), trace_hash=TRACE_HASH)
        second = judged(a_judge(server.base_url, tools=tools(cache)), trace_hash=TRACE_HASH)

    assert first.status == second.status != "scored"
    assert second.usage.requests == first.usage.requests > 0
    assert second.usage.cached_samples == 0


def test_events_that_are_not_chained_are_not_kept(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 99)
    with openai_server(said()) as server:
        judged(a_judge(server.base_url, tools=tools(cache)))

    assert list(tmp_path.rglob("*")) == []


def test_another_question_is_asked_anew(tmp_path: Path) -> None:
    cache = FileSampleCache(tmp_path, 99)
    with openai_server(lambda request: said(rubric=PROCESS_RUBRIC if "process-6" in str(request) else RUBRIC)) as server:
        url = server.base_url
        judged(a_judge(url, tools=tools(cache)), trace_hash=TRACE_HASH)
        judged(a_judge(url, tools=tools(cache)), trace_hash="cd" * 32)
        judged(a_judge(url, tools=tools(cache)), trace_hash=TRACE_HASH, refuted=frozenset({"id-9"}))
        judged(a_judge(url, tools=tools(cache)), None, PROCESS_RUBRIC, trace_hash=TRACE_HASH)
        judged(a_judge(url, tools=tools(cache), model="other"), trace_hash=TRACE_HASH)
        judged(a_judge(url, tools=tools(cache), temperature=0.4), trace_hash=TRACE_HASH)
        judged(a_judge(url, tools=tools(cache), input_tokens=9000), trace_hash=TRACE_HASH)
        judged(a_judge(url.replace("127.0.0.1", "localhost"), tools=tools(cache)), trace_hash=TRACE_HASH)

    assert len(server.requests) == 8


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": "x", "answer": "{}", "unwrapped": false}', b"\xff"])
def test_a_damaged_entry_is_as_good_as_none_and_is_written_anew(tmp_path: Path, damage: bytes) -> None:
    cache = FileSampleCache(tmp_path, 99)
    with openai_server(said()) as server:
        judge = a_judge(server.base_url, tools=tools(cache))
        judged(judge, trace_hash=TRACE_HASH)
        (entry,) = tmp_path.rglob("*.json")
        whole = entry.read_bytes()
        entry.write_bytes(damage)
        again = judged(judge, trace_hash=TRACE_HASH)

    assert (again.usage.requests, entry.read_bytes()) == (1, whole)


def test_a_question_that_is_being_asked_is_not_asked_beside_it(tmp_path: Path) -> None:
    shared = tools(FileSampleCache(tmp_path, 99))
    both_are_there = threading.Event()

    def answer(_: Request) -> Scripted:
        both_are_there.wait(30)
        return said()

    def judge(_: int) -> Judgement:
        return judged(a_judge(server.base_url, tools=shared, samples=2), trace_hash=TRACE_HASH)

    with openai_server(answer) as server, ThreadPoolExecutor(2) as pool:
        both = [pool.submit(judge, number) for number in range(2)]
        while sum(turn.wanted_by for turn in list(shared.turns._turns.values())) < 2:
            time.sleep(0.001)
        both_are_there.set()
        judgements = sorted((one.result() for one in both), key=lambda judgement: judgement.usage.cached_samples)

    assert len(server.requests) == 2
    assert [(one.status, one.usage.requests, one.usage.cached_samples) for one in judgements] == [
        ("scored", 2, 0),
        ("scored", 0, 2),
    ]
