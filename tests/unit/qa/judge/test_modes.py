"""Which judge is asked, and what becomes of its judgements."""

from __future__ import annotations

import pytest

from app.errors import SettingsError
from app.models.judgement import JudgeIdentity, Judgement, JudgeMode
from app.qa.judge.config import LLMConfig
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.modes import judge_of_mode
from app.qa.judge.outcome import reasoning_outcome
from tests.unit.qa.judge.sessions import NOON, RUBRIC, as_evidence, good_session


def a_judgement(total: float | None = 3.0, status: str = "scored", kind: str = "llm", **more: object) -> Judgement:
    return Judgement.model_validate(
        {
            "rubric": RUBRIC.ref,
            "judge": JudgeIdentity.model_validate({"kind": kind, "name": "x", "version": "1"}),
            "status": status,
            "total": total,
            "created_at": NOON,
            "duration_ms": 0,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("mode", "kind", "status", "reason"),
    [
        ("auto", "heuristic", "scored", None),
        ("heuristic", "heuristic", "scored", None),
        ("llm", "llm", "failed", "configuration: no API key is set"),
        ("off", "heuristic", "skipped", "switched_off: the judge is switched off"),
    ],
)
def test_a_mode_without_a_key_has_one_judgement(mode: JudgeMode, kind: str, status: str, reason: str | None) -> None:
    (judgement,) = judge_of_mode(mode, HeuristicJudge(), None).judge(as_evidence(good_session()), RUBRIC)

    assert (judgement.judge.kind, judgement.status, judgement.reason) == (kind, status, reason)


@pytest.mark.parametrize(("total", "score"), [(0.0, 1.0), (0.99, 1.0), (1.0, 1.0), (3.25, 3.25), (5.0, 5.0)])
def test_a_score_lies_between_one_and_five(total: float, score: float) -> None:
    outcome = reasoning_outcome([a_judgement(total, feedback="Well.")])

    assert (outcome.score, outcome.feedback, outcome.judge_kind) == (score, "Well.", "llm")


def test_the_last_judgement_decides_and_no_other_stands_in() -> None:
    beside = a_judgement(4.0, kind="heuristic", dimensions={"depth": {"score": 1.0, "rationale": ""}})
    failed = a_judgement(None, "failed", reason="timeout: no answer")
    outcome = reasoning_outcome([beside, failed])

    assert (outcome.score, outcome.judge_kind) == (None, None)
    assert "failed (timeout: no answer)" in outcome.feedback
    assert "A heuristic judgement stands beside it" in outcome.feedback


def test_without_judgements_there_is_no_score() -> None:
    assert reasoning_outcome(()).score is None


def test_a_judgement_by_another_rubric_does_not_decide() -> None:
    other = a_judgement(5.0, rubric=RUBRIC.ref.model_copy(update={"id": "process-6"}))

    assert reasoning_outcome([a_judgement(2.0), other]).score == 2.0


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "schlüssel"])
def test_a_key_that_no_header_can_carry_is_a_wrong_setting(key: str) -> None:
    with pytest.raises(SettingsError) as refused:
        LLMConfig(api_key=key)

    assert not key or key not in refused.value.detail


@pytest.mark.parametrize("base_url", ["", "api.openai.com", "ftp://x", "http://"])
def test_an_address_that_is_none_is_a_wrong_setting(base_url: str) -> None:
    with pytest.raises(SettingsError):
        LLMConfig(api_key="k", base_url=base_url)


@pytest.mark.parametrize("name", ["a\x1b[31mb", "one,two\nlines", "a\x00b", "a\u202eb", "x" * 201])
def test_a_model_whose_name_cannot_be_told_is_a_wrong_setting(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        LLMConfig(api_key="k", model=name)

    assert refused.value.detail == "A model's name has at most 200 characters, and no control characters"
    assert LLMConfig(api_key="k", model=f"{'x' * 200}, qwen 2.5:14b").models == ("x" * 200, "qwen 2.5:14b")


def test_the_endpoint_is_named_without_credentials() -> None:
    assert LLMConfig(api_key="k", base_url="https://me:pw@host:8443/v1").endpoint_host == "host:8443"
