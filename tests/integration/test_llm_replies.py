"""What becomes of a model's reply: every row of the reply table, through the real client and a scripted server."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.models.judgement import Sample
from app.qa.judge.endpoint import MAX_REPLY_BYTES
from tests.fakes_openai import Request, Scripted, as_json, completion, error, openai_server
from tests.llm_judging import a_judge, an_answer, judged, said, sample_of

JSON = {"Content-Type": "application/json"}


def test_a_level_out_of_range_is_repaired_once() -> None:
    with openai_server(said(level=9), said(level=4)) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total) == ("scored", 5.0)
    *_, answered, wish = server.requests[1]["messages"]
    assert (answered["role"], json.loads(answered["content"])) == ("assistant", an_answer(level=9))
    assert "depth.level: expected a whole number from 0 to 4" in wish["content"]
    assert (judgement.usage.prompt_tokens, judgement.usage.completion_tokens) == (200, 40)


@pytest.mark.parametrize("level", [9, -2, 2.5, 3.0, True, "3", None, [3]])
def test_a_level_that_is_wrong_twice_is_no_score(level: object) -> None:
    with openai_server(said(level=level)) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total, judgement.dimensions) == ("failed", None, {})
    assert judgement.reason is not None
    assert judgement.reason.startswith("invalid_output: ")
    assert len(server.requests) == 2


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_a_level_that_is_no_proper_number_is_no_score(text: str) -> None:
    content = json.dumps(an_answer(level="LEVEL")).replace('"LEVEL"', text)
    with openai_server(completion(content)) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total) == ("failed", None)


@pytest.mark.parametrize("spoil", [lambda dims: dims.pop("depth"), lambda dims: dims.update(charm=dims["depth"])])
def test_a_missing_or_extra_dimension_is_no_answer(spoil: Callable[[dict[str, Any]], Any]) -> None:
    answer = an_answer()
    spoil(answer["dimensions"])
    with openai_server(completion(json.dumps(answer))) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total) == ("failed", None)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"dimensions": [1]},
        {"feedback": None},
        {"instructions_seen": "none"},
        {"instructions_seen": [1]},
        {"dimensions": {**an_answer()["dimensions"], "depth": [3]}},
        {"dimensions": {**an_answer()["dimensions"], "depth": {"level": 3}}},
    ],
)
def test_an_answer_of_another_form_is_no_answer(spoiled: dict[str, Any]) -> None:
    with openai_server(completion(json.dumps({**an_answer(), **spoiled}))) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total, len(server.requests)) == ("failed", None, 2)


def test_an_invalid_sample_is_dropped_and_the_others_count() -> None:
    with openai_server(lambda request: said(level=[9, 2, 4][sample_of(request)])) as server:
        judgement = judged(a_judge(server.base_url, samples=3))

    assert (judgement.status, judgement.total) == ("scored", 3.75)
    assert [sample.level for sample in judgement.dimensions["depth"].samples] == [2, 4]
    assert len(server.requests) == 4


@pytest.mark.parametrize("around", ["```json\n{}\n```", "Here {{is}} my verdict: {} I hope it helps."])
def test_json_inside_other_text_is_unwrapped_and_flagged(around: str) -> None:
    content = around.replace("{}", json.dumps(an_answer()))
    with openai_server(completion(content)) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.flags, len(server.requests)) == ("scored", ("unwrapped",), 1)


def test_a_dimension_that_cannot_be_judged_leaves_no_total() -> None:
    with openai_server(said(depth={"level": -1})) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total, judgement.reason) == ("partial", None, "not_judged: depth")
    assert judgement.partial == pytest.approx(0.75)
    depth = judgement.dimensions["depth"]
    assert (depth.score, depth.level, depth.confidence) == (None, None, None)
    assert depth.samples == (Sample(model="gpt-4o-mini", level=None),)


def test_a_sample_that_cannot_tell_leaves_the_level_to_the_others() -> None:
    with openai_server(lambda request: said(depth={"level": [-1, 4][sample_of(request)]})) as server:
        judgement = judged(a_judge(server.base_url, samples=2))

    assert (judgement.status, judgement.dimensions["depth"].level) == ("scored", 4.0)


REFUSALS = [
    completion(None, refusal="I cannot do that."),
    completion("", finish_reason="content_filter"),
    error(400, "the prompt was filtered; response_format", code="content_filter"),
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_is_refused(answer: Scripted) -> None:
    with openai_server(answer) as server:
        judgement = judged(a_judge(server.base_url, samples=2))

    assert (judgement.status, judgement.total, len(server.requests)) == ("refused", None, 2)
    assert {attempt.outcome for attempt in judgement.attempts} == {"refused"}


def test_one_refusal_is_outvoted_and_one_failure_is_no_refusal() -> None:
    refusal = REFUSALS[0]
    with openai_server(lambda request: [refusal, said(level=4)][sample_of(request)]) as server:
        scored = judged(a_judge(server.base_url, samples=2))
    with openai_server(lambda request: [refusal, error(403)][sample_of(request)]) as server:
        failed = judged(a_judge(server.base_url, samples=2))

    assert (scored.status, scored.total) == ("scored", 5.0)
    assert failed.status == "failed"
    assert failed.reason is not None
    assert failed.reason.startswith("configuration: ")


def test_an_answer_that_was_cut_off_is_asked_for_again_with_twice_the_room() -> None:
    cut = completion(json.dumps(an_answer())[:200], finish_reason="length")
    with openai_server(cut, said()) as server:
        judgement = judged(a_judge(server.base_url, output_tokens=900))

    assert judgement.status == "scored"
    assert [request["max_completion_tokens"] for request in server.requests] == [900, 1800]
    assert [message["role"] for message in server.requests[1]["messages"]] == ["system", "user"]
    assert server.requests[1]["response_format"]["type"] == "json_schema"
    assert [attempt.outcome for attempt in judgement.attempts] == ["cut_off", "answered"]


def test_an_answer_that_is_cut_off_twice_is_no_score() -> None:
    with openai_server(completion(json.dumps(an_answer()), finish_reason="length")) as server:
        judgement = judged(a_judge(server.base_url))

    assert judgement.reason == "invalid_output: the answer was cut off; be briefer"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "answer",
    [
        completion(None),
        completion("   "),
        completion("[1, 2]"),
        completion(json.dumps(an_answer())[:200]),
        completion("{" * 3000),
        completion('{"a": ' * 20_000),
        completion("half of a pair: \ud800"),
        as_json({"choices": []}),
        as_json({"choices": None}),
        as_json({"choices": [{}]}),
        as_json({"choices": ["x"]}),
        as_json({"choices": [{"message": {"content": 7}}]}),
        as_json({"choices": {"0": {}}, "usage": [1]}),
        as_json([]),
        as_json(None),
        as_json("text"),
        Scripted(body=b"<html>Welcome</html>", headers={"Content-Type": "text/html"}),
        Scripted(body=b"<html>Welcome</html>", headers=JSON),
        Scripted(body=b'{"choices": [{"mess', headers=JSON),
        Scripted(body=b"[" * 100_000, headers=JSON),
        Scripted(body=b"\xff\xfe\x00", headers=JSON),
        Scripted(body=b"", headers=JSON),
        Scripted(body=b" " * MAX_REPLY_BYTES + said().body, headers=JSON),
        Scripted(body=gzip.compress(b" " * MAX_REPLY_BYTES + said().body), headers={**JSON, "Content-Encoding": "gzip"}),
        Scripted(body=b"no gzip", headers={**JSON, "Content-Encoding": "gzip"}),
        Scripted(body=said().body, headers={**JSON, "Content-Encoding": "gzip"}),
        Scripted(status=204),
    ],
)
def test_a_reply_that_says_nothing_usable_is_no_score(answer: Scripted) -> None:
    with openai_server(answer) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.total, judgement.dimensions) == ("failed", None, {})
    assert judgement.reason is not None
    assert judgement.reason.startswith("invalid_output: ")
    assert len(server.requests) == 2


def test_a_body_is_read_no_further_than_an_answer_may_be_long() -> None:
    with openai_server(Scripted(body=b" " * (MAX_REPLY_BYTES + 1), headers=JSON, drips=True), said()) as server:
        judgement = judged(a_judge(server.base_url))

    assert [attempt.outcome for attempt in judgement.attempts] == ["invalid_output", "answered"]


def test_a_packed_reply_is_unpacked_though_nobody_asked_for_it() -> None:
    with openai_server(Scripted(body=gzip.compress(said().body), headers={**JSON, "Content-Encoding": "gzip"})) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, server.encodings) == ("scored", ["identity"])


def test_a_reply_with_hidden_characters_and_halves_of_pairs_can_be_stored() -> None:
    said_oddly = an_answer(depth={"rationale": "half \ud800 a pair\u202e", "quote": "\ud800", "evidence": ["e4", "\ud800"]})
    with openai_server(completion(json.dumps({**said_oddly, "feedback": "\udfff"}))) as server:
        judgement = judged(a_judge(server.base_url))

    assert judgement.dimensions["depth"].rationale == "half \\u{d800} a pair\\u{202e}"
    assert "\\u{dfff}" in judgement.feedback
    assert judgement.model_dump_json()


def test_what_is_too_long_is_shortened() -> None:
    with openai_server(said(depth={"rationale": "x" * 5000})) as server:
        judgement = judged(a_judge(server.base_url))

    assert len(judgement.dimensions["depth"].rationale) == 400


def test_a_server_that_takes_a_schema_and_ignores_it_is_asked_in_words() -> None:
    with openai_server(completion("I rate this highly."), said()) as server:
        judge = a_judge(server.base_url)
        first, second = judged(judge), judged(judge)

    assert first.status == second.status == "scored"
    assert [_form(request) for request in server.requests] == ["json_schema", "json_object", "json_object"]
    question = server.requests[1]["messages"][1]["content"]
    assert '"additionalProperties": false' in question


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": "many"}, {"prompt_tokens": -1}, {"prompt_tokens": 10**12}])
def test_a_reply_that_does_not_tell_its_tokens_leaves_them_unknown(usage: object) -> None:
    reply = json.loads(said().body)
    with openai_server(as_json({**reply, "usage": usage})) as server:
        judgement = judged(a_judge(server.base_url))

    assert (judgement.status, judgement.usage.prompt_tokens, judgement.usage.cost) == ("scored", None, None)


def _form(request: Request) -> str:
    return str(request.get("response_format", {"type": "text"})["type"])
