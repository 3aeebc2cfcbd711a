"""Which kinds are replaced: an operator's decision, written as ``default``, ``off`` or ``default,-email,+user_path``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from app.errors import InvalidError
from app.rules.redaction.patterns import KINDS, OPTIONAL_KINDS, RULES
from app.rules.redaction.rule import Rule

DEFAULT_KINDS: frozenset[str] = frozenset(KINDS) - OPTIONAL_KINDS


@dataclass(frozen=True)
class RedactionPolicy:
    """The kinds that are replaced."""

    kinds: frozenset[str] = DEFAULT_KINDS

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules for these kinds, in order of the table."""
        return _rules_for(self.kinds)


OFF = RedactionPolicy(frozenset())
"""Nothing is replaced."""


def parse_policy(text: str) -> RedactionPolicy:
    """The policy that a setting describes: ``default``, ``all`` or ``off``, then ``+kind`` and ``-kind`` in order.

    Where the text starts with ``+`` or ``-``, ``default`` is understood.

    Raises:
        InvalidError: a word is neither; the message names it and every kind there is.
    """
    kinds = set(DEFAULT_KINDS)
    for position, word in enumerate(word for part in text.split(",") if (word := part.strip())):
        if position == 0 and word in _BASES:
            kinds = set(_BASES[word])
        elif word[0] == "+" and word[1:] in KINDS:
            kinds.add(word[1:])
        elif word[0] == "-" and word[1:] in KINDS:
            kinds.discard(word[1:])
        else:
            raise InvalidError(
                f"{word!r} is no part of a redaction policy. Write default, all or off, then +kind or -kind; "
                f"kinds are {', '.join(KINDS)}"
            )
    return RedactionPolicy(frozenset(kinds))


_BASES: dict[str, frozenset[str]] = {"default": DEFAULT_KINDS, "all": frozenset(KINDS), "off": frozenset()}


@lru_cache(maxsize=64)
def _rules_for(kinds: frozenset[str]) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule.kind in kinds)
