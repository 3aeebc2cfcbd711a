"""Families of models: a model that judges its own kind is told apart."""

from __future__ import annotations

import re
from collections.abc import Mapping

FAMILIES: Mapping[str, str] = {
    "gpt": r"gpt|chatgpt|codex|davinci|o[1-9]",
    "claude": r"claude|opus|sonnet|haiku",
    "gemini": r"gemini|gemma|palm",
    "llama": r"llama|codellama|tinyllama|vicuna",
    "qwen": r"qwen|codeqwen|qwq|qvq",
    "mistral": r"mistral|mixtral|ministral|codestral|devstral|magistral|pixtral",
    "deepseek": r"deepseek",
    "grok": r"grok",
    "phi": r"phi",
    "command": r"command|cohere|aya",
    "glm": r"glm|chatglm|zhipu",
    "kimi": r"kimi|moonshot",
    "granite": r"granite",
    "nova": r"nova",
    "yi": r"yi",
    "minimax": r"minimax|abab",
    "starcoder": r"starcoder|starchat",
}
"""Words that tell a family, in any place of a name; digits may follow."""

_WORDS = re.compile(r"[a-z]+[0-9]*")
_PATTERNS = {family: re.compile(rf"(?:{pattern})[0-9]*$") for family, pattern in FAMILIES.items()}


def families_of(model: str) -> frozenset[str]:
    """The families that a model's name tells of; a distilled model belongs to two. A name that tells of none is its own."""
    words = _WORDS.findall(model.lower())
    found = {family for family, pattern in _PATTERNS.items() for word in words if pattern.match(word)}
    return frozenset(found or {_bare(model)})


def are_related(one: str, other: str | None) -> bool:
    """Whether two models are of one family. Of an unknown one nothing is said."""
    return bool(other and other.strip()) and bool(families_of(one) & families_of(str(other)))


def _bare(model: str) -> str:
    """The name without its provider and its tag."""
    return model.lower().rsplit("/", 1)[-1].split(":", 1)[0].strip()
