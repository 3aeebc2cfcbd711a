"""Which models are of one kind."""

from __future__ import annotations

import pytest

from app.qa.judge.families import are_related, families_of


@pytest.mark.parametrize(
    ("model", "families"),
    [
        ("gpt-4o-mini-2024-07-18", {"gpt"}),
        ("o1", {"gpt"}),
        ("openai/o3-mini", {"gpt"}),
        ("o4-mini", {"gpt"}),
        ("chatgpt-4o-latest", {"gpt"}),
        ("gpt-5-codex", {"gpt"}),
        ("Claude-3-5-Sonnet@20241022", {"claude"}),
        ("anthropic.claude-opus-4-v1:0", {"claude"}),
        ("models/gemini-2.5-pro", {"gemini"}),
        ("gemma2:9b", {"gemini"}),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct", {"llama"}),
        ("codellama:13b", {"llama"}),
        ("qwen2.5-coder:14b", {"qwen"}),
        ("QwQ-32B", {"qwen"}),
        ("mistral-large-latest", {"mistral"}),
        ("devstral-small", {"mistral"}),
        ("mixtral-8x7b", {"mistral"}),
        ("deepseek-reasoner", {"deepseek"}),
        ("deepseek-r1-distill-qwen-32b", {"deepseek", "qwen"}),
        ("grok-4", {"grok"}),
        ("phi4", {"phi"}),
        ("house/own-model:latest", {"own-model"}),
    ],
)
def test_a_name_tells_the_family(model: str, families: set[str]) -> None:
    assert families_of(model) == families


@pytest.mark.parametrize(
    ("one", "other", "related"),
    [
        ("gpt-4o", "o3", True),
        ("gpt-4o", "claude-3", False),
        ("house/own:1", "own:2", True),
        ("own", "foo", False),
        ("gpt-4o", None, False),
        ("gpt-4o", "  ", False),
    ],
)
def test_relations(one: str, other: str | None, related: bool) -> None:
    assert are_related(one, other) is related
