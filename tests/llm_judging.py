"""Asking the model judge about a good session, through the real client and a scripted server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.models.judgement import Judgement
from app.models.rubric import Rubric
from app.qa.base import Evidence
from app.qa.judge.config import LLMConfig
from app.qa.judge.llm import JudgeTools, LLMJudge, Timing
from tests.fakes_openai import Request, Scripted, completion
from tests.unit.qa.judge.sessions import NOON, RUBRIC, Draft, as_evidence, good_session

KEY = "sk-secret-0123456789abcdef"
TRACE_HASH = "ab" * 32
QUOTE = "pytest tests/test_median.py"
"""Stands in the first event of the good session."""


class Pauses:
    """A clock that moves only when someone sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._now = 1000.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds

    def monotonic(self) -> float:
        return self._now


def a_config(base_url: str, **more: Any) -> LLMConfig:
    """One sample by one model, unless the test says otherwise."""
    return LLMConfig(**{"api_key": KEY, "base_url": base_url, "timeout_s": 5.0, "samples": 1, **more})


def a_judge(base_url: str, pauses: Pauses | None = None, tools: JudgeTools | None = None, **more: Any) -> LLMJudge:
    clock = pauses or Pauses()
    timing = Timing(now=lambda: NOON, monotonic=clock.monotonic, sleep=clock.sleep, jitter=lambda: 0.5)
    return LLMJudge(a_config(base_url, **more), tools, timing=timing, new_nonce=lambda: "n0nce")


def judged(judge: LLMJudge, drafts: Sequence[Draft] | None = None, rubric: Rubric = RUBRIC, **evidence: Any) -> Judgement:
    """The judgement of a session, the good one where none is given."""
    asked = a_question(drafts, **evidence)
    (judgement,) = judge.judge(asked, rubric)
    return judgement


def a_question(drafts: Sequence[Draft] | None = None, **more: Any) -> Evidence:
    """What a judge is asked about."""
    return replace(as_evidence(good_session() if drafts is None else drafts), **more)


def an_answer(level: object = 3, rubric: Rubric = RUBRIC, **changed: Mapping[str, Any]) -> dict[str, Any]:
    """A model's answer with the same level everywhere, and some dimensions changed."""
    one = {"evidence": ["e1", "e5"], "quote": QUOTE, "rationale": "Seen.", "level": level}
    dimensions = {dimension.id: {**one, **changed.get(dimension.id, {})} for dimension in rubric.dimensions}
    return {"dimensions": dimensions, "feedback": "Well done.", "instructions_seen": []}


def said(level: object = 3, rubric: Rubric = RUBRIC, **changed: Mapping[str, Any]) -> Scripted:
    """A completion with such an answer."""
    return completion(json.dumps(an_answer(level, rubric, **changed)))


def sample_of(request: Request) -> int:
    """Which sample a request is for."""
    return int(request["seed"]) - 101
