"""What is logged of a model that is asked, and what is not: neither key nor session."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.qa.judge.config import LLMConfig
from tests.fakes_openai import Scripted, completion, error, openai_server
from tests.llm_judging import KEY, a_config, a_judge, an_answer, judged, said

JSON = {"Content-Type": "application/json"}


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
