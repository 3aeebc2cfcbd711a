"""The table of kinds. Specific kinds stand before general ones, and name what several rules find.

A rule is tried only where one of its literals stands, so a text without literals costs a few searches for constant strings.
Every pattern is bounded and begins at a literal or just before it: the work grows with the length of the text, no faster.
No rule asks how random something looks: hashes, UUIDs and digests have no literal and are never touched.
"""

from __future__ import annotations

from app.rules.redaction.contexts import CONTEXT_RULES
from app.rules.redaction.rule import Rule
from app.rules.redaction.tokens import TOKEN_RULES

RULES: tuple[Rule, ...] = TOKEN_RULES + CONTEXT_RULES
"""All rules, in order of precedence."""

KINDS: tuple[str, ...] = tuple(dict.fromkeys(rule.kind for rule in RULES))
"""The names of all kinds, in order of the table."""

OPTIONAL_KINDS: frozenset[str] = frozenset({"user_path"})
"""Kinds that are found only where they are asked for."""

DEFAULT_RULES: tuple[Rule, ...] = tuple(rule for rule in RULES if rule.kind not in OPTIONAL_KINDS)
