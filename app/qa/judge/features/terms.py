"""Names in text: what lets a thought be tied to an event, in any language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from app.qa.judge.features.words import STOP_WORDS
from app.utils.text import head_and_tail

MAX_TEXT_CHARACTERS = 100_000
"""How much of one event's text is looked at: its beginning and its end."""
MIN_SUB_WORD_LETTERS = 5
MAX_TOKEN_CHARACTERS = 200
_KNOWN_CHUNKS = 1 << 15

_CHUNK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./\-]*%?")
_DOTTED = re.compile(r"[A-Za-z_]\w+\.\w*[A-Za-z]")
_CAMEL = re.compile(r"[a-z][A-Z]")
_ORDINAL = re.compile(r"\d+(?:st|nd|rd|th)\Z", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LETTER, _DIGIT = re.compile(r"[A-Za-z]"), re.compile(r"[0-9]")
_WORD = re.compile(rf"[a-z]{{{MIN_SUB_WORD_LETTERS},}}")


@dataclass(frozen=True)
class Terms:
    """The names in a text, in lower case."""

    tokens: frozenset[str] = frozenset()
    """Salient tokens: paths, dotted, snake_case and camelCase names, errors, words with a digit, numbers of three digits up
    (but no percentages)."""
    sub_words: frozenset[str] = frozenset()
    """Parts of salient tokens that have five letters or more and are not stop words."""


def find_terms(text: str) -> Terms:
    """The names in a text."""
    tokens: set[str] = set()
    sub_words: set[str] = set()
    for chunk in set(_CHUNK.findall(head_and_tail(text, MAX_TEXT_CHARACTERS))):
        if len(chunk) <= MAX_TOKEN_CHARACTERS + 1:
            found = _terms_of(chunk)
            tokens |= found.tokens
            sub_words |= found.sub_words
    return Terms(frozenset(tokens), frozenset(sub_words))


def find_words(text: str) -> frozenset[str]:
    """Every word of a text that could be a sub-word of something seen, in lower case."""
    shown = head_and_tail(text, MAX_TEXT_CHARACTERS)
    return (frozenset(_WORD.findall(shown.lower())) | find_terms(shown).sub_words) - STOP_WORDS


@lru_cache(maxsize=_KNOWN_CHUNKS)
def _terms_of(chunk: str) -> Terms:
    """The names in one chunk. Sessions say the same names over and over."""
    if chunk[-1] == "%" and chunk.rstrip("%").isdigit():
        # every run of pytest says "100%", which ties nothing together
        return Terms()
    tidy = chunk.rstrip("./-%")
    salient = {piece for piece in _pieces(tidy) if _is_salient(piece)} if len(tidy) <= MAX_TOKEN_CHARACTERS else set()
    sub_words = {part.lower() for token in salient for part in _LETTERS.findall(token)}
    return Terms(
        frozenset(token.lower() for token in salient),
        frozenset(word for word in sub_words if len(word) >= MIN_SUB_WORD_LETTERS and word not in STOP_WORDS),
    )


def _pieces(chunk: str) -> set[str]:
    """A path or dotted name, and the names it is made of."""
    parts = set(chunk.split("/"))
    return {chunk} | parts | {name for part in parts for name in part.split(".")}


def _is_salient(word: str) -> bool:
    if word.isdigit():
        return len(word) >= 3
    if _LETTER.search(word) is None:
        return False
    return (
        "_" in word.strip("_")
        or word.count("/") > 1
        or _DOTTED.search(word) is not None
        or _CAMEL.search(word) is not None
        or (word.endswith(("Error", "Exception")) and word not in ("Error", "Exception"))
        or (_DIGIT.search(word) is not None and _ORDINAL.match(word) is None)
    )
