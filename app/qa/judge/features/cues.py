"""Finding cues in reasoning, and deciding whether English cues apply to it at all."""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.qa.judge.features.words import DEPTH_CUES, FUNCTION_WORDS, HYPOTHESIS_CUES, NOT_A_CLAIM, SUCCESS_CUES

MIN_ASCII_SHARE = 0.70
MIN_FUNCTION_WORD_SHARE = 0.08
FEW_WORDS = 20

_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+|\n+")


def _any_of(cues: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(r"(?<!\w)(?:" + "|".join(cues) + r")(?!\w)", re.IGNORECASE)


_HYPOTHESIS = _any_of(HYPOTHESIS_CUES)
_SUCCESS = _any_of(SUCCESS_CUES)
_NOT_A_CLAIM = _any_of(NOT_A_CLAIM)
_DEPTH = _any_of(DEPTH_CUES)


def english_cues_apply(texts: Iterable[str]) -> bool:
    """Whether the reasoning reads as English: enough of its letters are ASCII, and it is short or holds
    enough function words."""
    words = [word for text in texts for word in _WORD.findall(text)]
    letters = sum(map(len, words))
    if letters and sum(len(word) for word in words if word.isascii()) < MIN_ASCII_SHARE * letters:
        return False
    known = sum(word.lower() in FUNCTION_WORDS for word in words)
    return len(words) < FEW_WORDS or known >= MIN_FUNCTION_WORD_SHARE * len(words)


def has_hypothesis_cue(text: str) -> bool:
    """Whether the text proposes a cause."""
    return _HYPOTHESIS.search(text) is not None


def has_depth_cue(text: str) -> bool:
    """Whether the text looks at an edge case, an alternative or a consequence."""
    return _DEPTH.search(text) is not None


def success_claims(text: str) -> int:
    """How many sentences claim that it works now; those that are negated, conditional or intended are left out."""
    return sum(
        _SUCCESS.search(sentence) is not None and _NOT_A_CLAIM.search(sentence) is None
        for sentence in _SENTENCE_END.split(text)
    )
