"""What servers can do, and what is remembered of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.qa.judge.abilities import Abilities, AbilityMemory

ALL = Abilities()


@pytest.mark.parametrize(
    ("complaint", "left"),
    [
        (
            "invalid parameter: 'response_format' of type 'json_schema' is not supported",
            replace(ALL, answer_format="json_object"),
        ),
        ("structured output is not available", replace(ALL, answer_format="json_object")),
        ("unsupported value: 'temperature'", replace(ALL, temperature=False)),
        ("unknown field seed", replace(ALL, seed=False)),
        ("unknown parameter: 'max_completion_tokens'", replace(ALL, limit="max_tokens")),
        ("maximum context length exceeded", None),
        ("the seeds were sown", None),
        ("", None),
    ],
)
def test_a_complaint_tells_what_to_leave_out(complaint: str, left: Abilities | None) -> None:
    assert ALL.without(complaint) == left


def test_what_was_left_out_already_is_no_explanation() -> None:
    least = Abilities(answer_format="text", limit=None, seed=False, temperature=False)

    for word in ("response_format", "seed", "temperature", "max_tokens", "max_completion_tokens"):
        assert least.without(f"unknown: {word}") is None


def test_a_server_that_wants_the_older_name_and_then_neither() -> None:
    older = ALL.without("max_completion_tokens is unknown")

    assert older is not None
    assert older.without("'max_tokens' is not supported, use 'max_completion_tokens'") == replace(ALL, limit=None)


def test_what_was_learned_is_not_taken_back() -> None:
    memory = AbilityMemory()
    memory.learn("u", "m", replace(ALL, answer_format="text", seed=False))
    memory.learn("u", "m", replace(ALL, temperature=False))
    memory.learn("u", "m", replace(ALL, answer_format="json_object"))

    assert memory.of("u", "m") == replace(ALL, answer_format="text", seed=False, temperature=False)
    assert memory.of("u", "other") == memory.of("other", "m") == ALL


def test_many_who_learn_the_same_at_once_learn_it_once() -> None:
    memory = AbilityMemory()
    with ThreadPoolExecutor(8) as many:
        for _ in many.map(lambda _: memory.learn("u", "m", memory.of("u", "m").common(ALL.lowered())), range(200)):
            pass

    assert memory.of("u", "m") == replace(ALL, answer_format="json_object")
