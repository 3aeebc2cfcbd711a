"""Redaction policies as an operator writes them."""

from __future__ import annotations

import pytest

from app.errors import InvalidError
from app.rules.redaction.patterns import KINDS
from app.rules.redaction.policy import DEFAULT_KINDS, OFF, RedactionPolicy, parse_policy


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("default", DEFAULT_KINDS),
        ("", DEFAULT_KINDS),
        ("off", frozenset()),
        ("all", frozenset(KINDS)),
        ("default,-email,+user_path", (DEFAULT_KINDS - {"email"}) | {"user_path"}),
        (" off , +jwt ", {"jwt"}),
        ("-email", DEFAULT_KINDS - {"email"}),
    ],
)
def test_a_policy_is_a_base_and_what_is_added_and_taken_away(text: str, kinds: frozenset[str]) -> None:
    assert parse_policy(text).kinds == kinds


@pytest.mark.parametrize("text", ["default,-passport", "+nothing", "on", "default,off", "email", "+"])
def test_a_word_that_is_not_known_is_named_beside_all_kinds(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse_policy(text)

    assert all(kind in caught.value.detail for kind in KINDS)
    assert repr(text.split(",")[-1]) in caught.value.detail


def test_everything_but_user_names_is_on_by_default() -> None:
    assert set(KINDS) - RedactionPolicy().kinds == {"user_path"}


def test_rules_follow_the_kinds() -> None:
    assert OFF.rules == ()
    assert {rule.kind for rule in parse_policy("off,+jwt,+email").rules} == {"jwt", "email"}
