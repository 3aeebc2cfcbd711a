"""How models are asked: retries, deadlines, and servers that misbehave."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from app.models.judgement import Judgement
from app.qa.judge.abilities import Abilities, AbilityMemory
from app.qa.judge.cache import FileSampleCache
from app.qa.judge.endpoint import MAX_REPLY_BYTES, ChatEndpoint, ChatRequest, Failed
from app.qa.judge.llm import JudgeTools, LLMJudge
from app.utils.clock import utc_now
from tests.fakes_openai import Request, Scripted, as_json, completion, error, openai_server
from tests.llm_judging import KEY, TRACE_HASH, Pauses, a_config, a_judge, a_question, judged, said, sample_of
from tests.unit.qa.judge.sessions import RUBRIC, Draft, good_session, ran

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


LARGE = b'{"error": {"message": "' + b"x" * MAX_REPLY_BYTES + b'"}}'
PACKED = {**JSON, "Content-Encoding": "gzip"}


@pytest.mark.parametrize(("body", "headers"), [(LARGE, JSON), (gzip.compress(LARGE), PACKED), (b"no gzip", PACKED)])
@pytest.mark.parametrize(
    ("status", "reason", "requests"),
    [
        (401, "configuration: HTTP 401 from {}", 1),
        (404, "configuration: HTTP 404 from {}", 1),
        (307, "configuration: HTTP 307 from {}, which sends elsewhere", 1),
        (400, "rejected: HTTP 400 from {}", 1),
        (429, "rate_limited: HTTP 429, 4 attempts", 4),
        (500, "unavailable: HTTP 500, 4 attempts", 4),
    ],
)
def test_an_error_counts_by_its_status_whatever_is_said_with_it(
    body: bytes, headers: dict[str, str], status: int, reason: str, requests: int
) -> None:
    with openai_server(Scripted(status, body, headers)) as server:
        judgement = judged(a_judge(server.base_url))

    assert judgement.reason == reason.format(a_config(server.base_url).endpoint_host)
    assert len(server.requests) == requests


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
        # long enough for the second answer on a slow machine
        judgement = judged(a_judge(server.base_url, timeout_s=2.0))

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


@pytest.mark.parametrize(
    "message", ["bad request: {'response_format': {}, 'seed': 1, 'temperature': 0}", "guided decoding is out of memory"]
)
def test_what_is_refused_in_any_form_teaches_nothing(message: str) -> None:
    memory = AbilityMemory()
    with openai_server(error(400, message)) as server:
        judgement = judged(a_judge(server.base_url, tools=JudgeTools(memory)))

    assert judgement.reason == f"rejected: HTTP 400 from {a_config(server.base_url).endpoint_host}"
    assert memory.of(server.base_url, "gpt-4o-mini") == Abilities()


def test_an_answer_that_is_no_json_once_teaches_nothing_unless_the_next_form_helps() -> None:
    memory = AbilityMemory()
    with openai_server(completion("I rate this highly.")) as server:
        judged(a_judge(server.base_url, tools=JudgeTools(memory)))

    asked = [request["response_format"]["type"] for request in server.requests]
    assert asked == ["json_schema", "json_object"]
    assert memory.of(server.base_url, "gpt-4o-mini") == Abilities()


TOO_LONG = [
    error(400, "The request was {'response_format': {}}", code="context_length_exceeded"),
    error(400, "This model's maximum context length is 4096 tokens. Reduce it. (response_format, seed, max_tokens)"),
    error(400, "Context length exceeded; the request was {'response_format': …}"),
    error(422, "prompt is too long: 210000 tokens > 200000 maximum"),
    as_json({"object": "error", "message": "the request exceeds the available context size", "code": 400}, 400),
    Scripted(400, b"context window exceeded", {"Content-Type": "text/plain"}),
]
LONG_SESSION = [*good_session(), *(ran(f"tool --step {number}", 0, "line\n" * 40) for number in range(300))]


@pytest.mark.parametrize("refusal", TOO_LONG)
def test_a_session_that_is_too_long_for_the_model_is_shown_by_half_once(refusal: Scripted) -> None:
    def answer(request: Request) -> Scripted:
        return refusal if len(request["messages"][1]["content"]) > 3 * 10_000 else said()

    memory = AbilityMemory()
    with openai_server(answer) as server:
        judge = a_judge(server.base_url, tools=JudgeTools(memory), samples=2, input_tokens=16_000)
        judgement = judged(judge, LONG_SESSION)

    assert (judgement.status, outcomes(judgement)) == ("scored", ["rejected", "rejected", "answered", "answered"])
    assert judgement.judge.params["input_tokens"] == 8000
    assert judgement.render is not None
    assert judgement.render.level > 0
    assert (judgement.usage.requests, judgement.usage.prompt_tokens) == (4, 200)
    assert memory.of(server.base_url, "gpt-4o-mini") == Abilities()


@pytest.mark.parametrize(("drafts", "requests"), [(LONG_SESSION, 2), (good_session(), 1)])
def test_a_session_that_stays_too_long_is_rejected(drafts: list[Draft], requests: int) -> None:
    with openai_server(TOO_LONG[0]) as server:
        judgement = judged(a_judge(server.base_url, input_tokens=16_000), drafts)

    assert (judgement.status, judgement.reason) == ("failed", "rejected: the session is too long for the model")
    assert len(server.requests) == requests


def test_a_model_of_a_jury_that_is_shown_too_much_leaves_the_judgement_to_the_others() -> None:
    with openai_server(lambda request: TOO_LONG[0] if request["model"] == "small" else said()) as server:
        judgement = judged(a_judge(server.base_url, model="small,large", input_tokens=16_000), LONG_SESSION)

    assert (judgement.status, len(server.requests), "fewer_samples" in judgement.flags) == ("scored", 2, True)


def test_what_was_kept_of_a_shorter_showing_is_found_again(tmp_path: Path) -> None:
    def answer(request: Request) -> Scripted:
        return TOO_LONG[0] if len(request["messages"][1]["content"]) > 3 * 10_000 else said()

    tools = JudgeTools(cache=FileSampleCache(tmp_path, 99))
    with openai_server(answer) as server:
        judge = a_judge(server.base_url, tools=tools, input_tokens=16_000)
        first, second = (judged(judge, LONG_SESSION, trace_hash=TRACE_HASH) for _ in range(2))

    assert (second.usage.cached_samples, second.usage.requests, second.usage.prompt_tokens) == (1, 1, None)
    assert (second.render, second.dimensions) == (first.render, first.dimensions)


def test_a_session_about_long_contexts_is_not_taken_for_one() -> None:
    echo = f"Unrecognized request argument supplied: seed {'.' * 300} context length, context window"
    with openai_server(lambda request: error(400, echo) if "seed" in request else said()) as server:
        judgement = judged(a_judge(server.base_url))

    assert outcomes(judgement) == ["not_supported", "answered"]


def test_a_server_that_wants_a_smaller_limit_is_asked_without_one() -> None:
    complaint = (
        "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is 4096 tokens."
    )

    def answer(request: Request) -> Scripted:
        return error(400, complaint) if request.keys() & {"max_tokens", "max_completion_tokens"} else said()

    with openai_server(answer) as server:
        judgement = judged(a_judge(server.base_url))

    assert outcomes(judgement) == ["not_supported", "not_supported", "answered"]


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
