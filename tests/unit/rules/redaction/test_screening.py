"""How much is looked at: what is found there is the subject of ``tests/property/test_redaction.py``."""

from __future__ import annotations

import pytest

from app.rules.redaction.patterns import RULES
from app.rules.redaction.redact import redact_text
from app.rules.redaction.rule import Found, Rule, Span
from app.rules.redaction.screening import find_suspects


class CountingFinder:
    """Finds what stands between two places, and counts how often it was asked."""

    def __init__(self, *, finds: bool) -> None:
        self.finds = finds
        self.asked = 0

    def __call__(self, text: str, place: int) -> Found | None:
        self.asked += 1
        return Found((Span(place, place + 3, "email"),), place + 3) if self.finds else None


def a_rule(finder: CountingFinder, literal: str, *, before: str = "", after: str = "", folded: bool = False) -> Rule:
    return Rule("email", "", "", (literal,), finder, folded=folded, before=before, after=after)


@pytest.mark.parametrize("repeated", [1_000, 20_000])
def test_a_text_with_very_many_places_is_suspected_without_a_look_at_all_of_them(repeated: int) -> None:
    finder = CountingFinder(finds=False)

    suspects = find_suspects(["none", "abc " * repeated, "none"], [a_rule(finder, "abc")])

    assert suspects == {1}
    assert finder.asked == 256


def test_every_text_may_have_many_places_of_its_own() -> None:
    finder = CountingFinder(finds=False)

    assert find_suspects(["abc " * 200] * 5, [a_rule(finder, "abc")]) == set()
    assert finder.asked == 1_000


def test_a_suspected_text_is_not_looked_at_again() -> None:
    finder = CountingFinder(finds=True)

    assert find_suspects(["abc " * 1_000, "abc"], [a_rule(finder, "abc")]) == {0, 1}
    assert finder.asked == 2


@pytest.mark.parametrize("literal", ["@", "abc"], ids=["short", "long"])
def test_no_place_is_looked_at_between_other_neighbours_than_a_rule_asks_for(literal: str) -> None:
    finder = CountingFinder(finds=False)
    rule = a_rule(finder, literal, before="xyz0123456", after="-=")
    text = f"{literal}- x{literal}. q{literal}= x{literal}"

    assert find_suspects([text], [rule]) == set()
    assert finder.asked == 0

    find_suspects([f"x{literal}= 1{literal}-"], [rule])
    assert finder.asked == 2


def test_neighbours_are_folded_like_their_literal() -> None:
    finder = CountingFinder(finds=True)
    rule = a_rule(finder, "abc", before="x", after="y", folded=True)

    assert find_suspects(["XaBCY"], [rule]) == {0}
    assert find_suspects(["XaBCZ", "ZaBCY"], [rule]) == set()


def test_repeated_literals_of_every_rule_are_suspected_or_hold_nothing() -> None:
    for rule in RULES:
        for literal in rule.literals:
            text = f"{literal} " * 1_000
            assert find_suspects([text], RULES) or not redact_text(text, RULES).findings


@pytest.mark.parametrize(
    "host", ["example.com", "EXAMPLE.org", "mail.example.de", "a.b.c.test.net", "x.invalid.io", "mycompany.com", "Localhost.de"]
)
def test_addresses_at_made_up_hosts_stay(host: str) -> None:
    assert redact_text(f"ada@{host}").findings == ()


@pytest.mark.parametrize(
    "host", ["testing.de", "example1.com", "my-example.com", "corp.io.company", "company.", "corp.company."], ids=str
)
def test_a_host_is_made_up_only_by_one_of_its_labels(host: str) -> None:
    assert bool(redact_text(f"ada@{host} ").findings) == (host != "company.")


def test_cookies_of_any_length_are_read_once() -> None:
    text = "cookie:a=" + "b" * 5_000 + "\ncookie: sid=abcdef123456\n"

    assert redact_text(text).text == text.replace("abcdef123456", "[REDACTED:cookie]")
