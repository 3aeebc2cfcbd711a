"""How models are asked: retries, deadlines, servers that misbehave, and what is logged."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from app.models.judgement import Judgement
from app.qa.judge.abilities import AbilityMemory
from app.qa.judge.config import LLMConfig
from app.qa.judge.endpoint import ChatEndpoint, ChatRequest, Failed
from app.qa.judge.llm import JudgeTools, LLMJudge
from app.utils.clock import utc_now
from tests.fakes_openai import Request, Scripted, completion, error, openai_server
from tests.llm_judging import KEY, Pauses, a_config, a_judge, a_question, an_answer, judged, said, sample_of
from tests.unit.qa.judge.sessions import RUBRIC

JSON = {"Content-Type": "application/json"}


def outcomes(judgement: Judgement) -> list[str]:
    return [attempt.outcome for attempt in judgement.attempts]


@pytest.mark.parametrize(
    ("headers", "waited"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After-Ms": "2500", "Retry-After": "7"}, 2.5),
        ({"Retry-After": "Mon, 02 Mar 2026 12:00:09 GMT"}, 9.0),
        ({"Retry-After": "Mon, 02 Mar 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": "nan"}, 0.5),
        ({}, 0.5),
    ],
)
def test_a_server_is_given_the_time_that_it_asks_for(headers: dict[str, str], waited: float) -> None:
    pauses = Pauses()
    busy = Scripted(429, b"{}", {**JSON, **headers})
    with openai_server(busy, said()) as server:
        judgement = judged(a_judge(server.base_url, pauses))

    assert (judgement.status, judgement.usage.requests) == ("scored", 2)
    assert sum(pauses.slept) == waited


@pytest.mark.parametrize("wish", ["3600", "60", "inf", "Tue, 03 Mar 2026 12:00:00 GMT"])
def test_a_wait_that_does_not_fit_the_deadline_ends_that_call_at_once(wish: str) -> None:
    pauses = Pauses()
    with openai_server(error(429, Retry_After=wish)) as server:
        judgement = judged(a_judge(server.base_url, pauses))

    assert (judgement.status, judgement.total) == ("failed", None)
    assert judgement.reason == "rate_limited: HTTP 429, 1 attempt"
    assert pauses.slept == []


def test_a_call_that_ends_early_leaves_the_others_alone() -> None:
    pauses = Pauses()

    def answer(request: Request) -> Scripted:
        return error(429, Retry_After="3600") if sample_of(request) == 0 else said()

    with openai_server(answer) as server:
        judgement = judged(a_judge(server.base_url, pauses, samples=2))

    assert (judgement.status, pauses.slept) == ("scored", [])
    assert sorted(outcomes(judgement)) == ["answered", "rate_limited"]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, "timeout"),
        (409, "unavailable"),
        (429, "rate_limited"),
        (500, "unavailable"),
        (502, "unavailable"),
        (503, "unavailable"),
        (529, "unavailable"),
    ],
)
def test_what_may_pass_is_tried_four_times(status: int, reason: str) -> None:
    pauses = Pauses()
    with openai_server(error(status)) as server:
        judgement = judged(a_judge(server.base_url, pauses))

    assert (judgement.status, judgement.reason) == ("failed", f"{reason}: HTTP {status}, 4 attempts")
    assert pauses.slept == [0.5, 1.0, 2.0]
    assert len(server.requests) == 4


def test_pauses_of_all_samples_go_on_at_the_same_time() -> None:
    pauses = Pauses()
    with openai_server(error(503)) as server:
        judged(a_judge(server.base_url, pauses, samples=3))

    assert sum(pauses.slept) == pytest.approx(3.5)
    assert len(server.requests) == 12


def test_the_deadline_holds_for_all_attempts_together() -> None:
    pauses = Pauses()
    with openai_server(error(503)) as server:
        judgement = judged(a_judge(server.base_url, pauses, deadline_s=1.2))

    assert judgement.reason == "unavailable: HTTP 503, 2 attempts"
    assert pauses.slept == [0.5]


def test_a_used_up_quota_is_not_tried_again() -> None:
    with openai_server(error(429, code="insufficient_quota")) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.reason, len(server.requests)) == ("rate_limited: HTTP 429, the quota is used up", 1)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "rejected"),
        (401, "configuration"),
        (402, "rejected"),
        (403, "configuration"),
        (404, "configuration"),
        (413, "rejected"),
        (422, "rejected"),
    ],
)
def test_what_will_not_pass_is_not_tried_again(status: int, reason: str) -> None:
    with openai_server(error(status, message=f"no, not with {KEY}", Retry_After="1")) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total) == ("failed", None)
    assert judgement.reason == f"{reason}: HTTP {status} from {a_config(server.base_url).endpoint_host}"
    assert len(server.requests) == 1
    assert outcomes(judgement) == [reason]


def test_a_redirect_is_not_followed() -> None:
    with openai_server(said()) as elsewhere:
        moved = Scripted(307, b"", {"Location": f"{elsewhere.base_url}/chat/completions"})
        with openai_server(moved) as server:
            judgement = judged(a_judge(server.base_url))

        assert elsewhere.requests == []
    assert judgement.reason is not None
    assert judgement.reason.startswith("configuration: HTTP 307 from 127.0.0.1:")


def test_a_server_that_holds_its_answer_times_out() -> None:
    with openai_server(Scripted(holds=True)) as server:
        judgement = judged(a_judge(server.base_url, timeout_s=0.2))

    assert (judgement.status, judgement.total) == ("failed", None)
    assert judgement.reason == "timeout: no whole answer within 0.2 s, 4 attempts"


@pytest.mark.parametrize("slow", [Scripted(body=b"{", headers=JSON, drips=True), Scripted(drips_head=True)])
def test_a_server_that_drips_its_answer_times_out(slow: Scripted) -> None:
    with openai_server(slow) as server:
        judgement = judged(a_judge(server.base_url, timeout_s=0.2))

    assert judgement.reason == "timeout: no whole answer within 0.2 s, 4 attempts"
    assert judgement.usage.cost is None


@pytest.mark.parametrize("status", [200, 500])
def test_a_dripping_body_is_left_as_soon_as_its_time_is_over(status: int) -> None:
    with openai_server(Scripted(status, b"{", JSON, drips=True)) as server:
        endpoint = ChatEndpoint(a_config(server.base_url), utc_now)
        with ThreadPoolExecutor(1) as apart, closing(endpoint):
            exchange = apart.submit(endpoint.ask, ChatRequest("m", []), 0.2).result(5)

    assert exchange.outcome == Failed("timeout", "no whole answer within 0.2 s", may_pass=True, may_cost=True)


def test_a_dripping_error_times_out_too() -> None:
    with openai_server(Scripted(500, b"{", JSON, drips=True), said()) as server:
        judgement = judged(a_judge(server.base_url, timeout_s=0.2))

    assert outcomes(judgement) == ["timeout", "answered"]


def test_slow_servers_keep_nobody_beyond_the_deadline() -> None:
    with openai_server(Scripted(drips_head=True)) as server:
        judge = LLMJudge(a_config(server.base_url, samples=3, timeout_s=30, deadline_s=0.4))
        began = time.monotonic()
        (judgement,) = judge.judge(a_question(), RUBRIC)
        took = time.monotonic() - began

    assert judgement.reason is not None
    assert judgement.reason.startswith("timeout: ")
    assert 0.4 <= took < 5


def test_calls_leave_no_threads_behind() -> None:
    with openai_server(Scripted(drips_head=True)) as server:
        judged(a_judge(server.base_url, timeout_s=0.1))
        left = [thread for thread in threading.enumerate() if thread.name.startswith("judge-call")]
        for thread in left:
            thread.join(5)

    assert [thread for thread in left if thread.is_alive()] == []


def test_a_connection_that_breaks_in_the_middle_is_tried_again() -> None:
    with openai_server(Scripted(body=b'{"choices": [', headers=JSON, breaks=True)) as server:
        judgement = judged(a_judge(server.base_url))

    assert judgement.reason == "unavailable: the connection broke, 4 attempts"
    assert len(server.requests) == 4


def test_no_server_at_all_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        judgement = judged(a_judge(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"))

    assert (judgement.status, judgement.reason) == ("failed", "unavailable: no connection, 4 attempts")


@pytest.mark.parametrize(
    ("refusing", "message", "param", "then"),
    [
        ("temperature", "'temperature' does not support 0.7 with this model", "temperature", {}),
        ("seed", "Unrecognized request argument supplied: seed", None, {}),
        ("max_completion_tokens", "Unknown parameter: 'max_completion_tokens'", None, {"max_tokens": 4000}),
    ],
)
def test_what_a_server_refuses_is_left_out_and_remembered(
    refusing: str, message: str, param: str | None, then: dict[str, object]
) -> None:
    def answer(request: Request) -> Scripted:
        return error(400, message, param=param) if refusing in request else said()

    with openai_server(answer) as server:
        judge = a_judge(server.base_url, samples=2)
        first, second = judged(judge), judged(judge)

    assert first.status == second.status == "scored"
    assert all(refusing not in request for request in server.requests[-2:])
    assert all(request[name] == value for request in server.requests[-2:] for name, value in then.items())
    assert outcomes(second) == ["answered", "answered"]
    assert "not_supported" in outcomes(first)


def test_a_server_without_any_output_limit_is_asked_without_one() -> None:
    def answer(request: Request) -> Scripted:
        named = [name for name in ("max_completion_tokens", "max_tokens") if name in request]
        detail = [{"loc": ["body", name], "msg": "Extra inputs are not permitted"} for name in named]
        return Scripted(422, json.dumps({"detail": detail}).encode(), JSON) if named else said()

    with openai_server(answer) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, outcomes(judgement)) == ("scored", ["not_supported", "not_supported", "answered"])


def test_a_server_without_response_formats_is_asked_for_less_and_remembered() -> None:
    def answer(request: Request) -> Scripted:
        return error(400, "response_format is not supported") if "response_format" in request else said()

    with openai_server(answer) as server:
        tools = JudgeTools()
        first = judged(a_judge(server.base_url, tools=tools))
        second = judged(a_judge(server.base_url, tools=tools))

    asked = [request.get("response_format", {}).get("type") for request in server.requests]
    assert asked == ["json_schema", "json_object", None, None]
    assert first.status == second.status == "scored"


def test_what_one_model_cannot_do_another_is_still_asked() -> None:
    def answer(request: Request) -> Scripted:
        if request["model"] == "old" and "response_format" in request:
            return error(400, "json_schema is not supported")
        return said()

    with openai_server(answer) as server:
        judged(a_judge(server.base_url, model="old,new"))

    forms = {(request["model"], request.get("response_format", {}).get("type")) for request in server.requests}
    assert forms == {("old", "json_schema"), ("old", "json_object"), ("old", None), ("new", "json_schema")}


def test_many_judges_learn_together_what_a_server_cannot_do() -> None:
    def answer(request: Request) -> Scripted:
        refused = [name for name in ("seed", "temperature", "max_completion_tokens", "response_format") if name in request]
        return error(400, f"unknown field {refused[0]}") if refused else said()

    memory = AbilityMemory()
    with openai_server(answer) as server, ThreadPoolExecutor(8) as many:
        judges = [LLMJudge(a_config(server.base_url, samples=3), JudgeTools(memory)) for _ in range(8)]
        judgements = list(many.map(judged, judges))
        told = len(server.requests)
        last = judged(judges[0])

    assert {judgement.status for judgement in judgements} == {"scored"}
    assert len(server.requests) == told + 3
    assert outcomes(last) == ["answered"] * 3
    known = memory.of(server.base_url, "gpt-4o-mini")
    assert (known.answer_format, known.limit, known.seed, known.temperature) == ("text", "max_tokens", False, False)


class _Collecting(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(0)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


@contextmanager
def every_record() -> Iterator[list[logging.LogRecord]]:
    """All that anybody logs at any level, whatever the loggers were set to before."""
    records: list[logging.LogRecord] = []
    handler = _Collecting(records)
    loggers = [logging.getLogger(name) for name in ("", "app", "openai", "httpx2", "httpcore2")]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.setLevel(1)
        # a server that ran before in this process keeps the application's records to itself
        logger.propagate = True
    logging.getLogger().addHandler(handler)
    try:
        yield records
    finally:
        logging.getLogger().removeHandler(handler)
        for logger, level, propagate in before:
            logger.setLevel(level)
            logger.propagate = propagate


@pytest.mark.parametrize(
    "answers",
    [
        (error(401, message=f"Incorrect API key provided: {KEY}", x_request_id=KEY, Set_Cookie=f"k={KEY}"),),
        (error(500, message=KEY, x_request_id=f"id {KEY}"),),
        (completion(f"the key is {KEY}"), said(depth={"rationale": f"It is {KEY}.", "evidence": [KEY, "e1"], "quote": KEY})),
        (completion(json.dumps(an_answer(depth={"rationale": KEY})).replace("sk-", "\\u0073k-")),),
        (completion(None, refusal=KEY),),
        (error(400, message=f"response_format {KEY}"), completion(f'{{"{KEY}": 1}}')),
    ],
)
def test_key_and_session_are_in_no_log_and_the_key_in_no_judgement(answers: tuple[Scripted, ...]) -> None:
    with every_record() as records, openai_server(*answers) as server:
        judgement = judged(a_judge(server.base_url))

    logged = " ".join(f"{record.getMessage()} {vars(record)}" for record in records)
    assert KEY not in judgement.model_dump_json()
    assert KEY not in logged
    for content in ("find_median", "AssertionError", "Well done."):
        assert content not in logged


def test_the_key_is_not_in_the_configurations_text() -> None:
    assert KEY not in repr(LLMConfig(api_key=KEY))


def test_host_model_and_request_id_are_logged() -> None:
    reply = said()
    with every_record() as records, openai_server(Scripted(200, reply.body, {**JSON, "X-Request-Id": "req-7"})) as server:
        judged(a_judge(server.base_url))

    (told,) = [vars(record) for record in records if record.getMessage() == "a model was asked"]
    assert told["endpoint"] == a_config(server.base_url).endpoint_host
    assert (told["model"], told["request_id"], told["outcome"]) == ("gpt-4o-mini", "req-7", "answered")


def test_credentials_in_the_address_are_not_told() -> None:
    with every_record() as records, openai_server(said()) as server:
        judgement = judged(a_judge(server.base_url.replace("//", "//me:pass-word@")))

    assert judgement.status == "scored"
    assert "pass-word" not in judgement.model_dump_json()
    assert not any("pass-word" in f"{record.getMessage()} {vars(record)}" for record in records)
