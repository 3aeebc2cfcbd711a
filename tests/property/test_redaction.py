"""Redaction: once is enough, lines stay, markers are whole, and texts without a literal are never touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.redaction.events import redact_event, redact_events
from app.rules.redaction.patterns import DEFAULT_RULES, RULES
from app.rules.redaction.policy import RedactionPolicy
from app.rules.redaction.redact import redact_text
from app.rules.redaction.rule import MARKER, Rule
from app.rules.redaction.screening import find_suspects
from tests.builders import an_event, events
from tests.redaction_corpus import negatives, positives

_CASES = positives()
_SECRETS = [secret for case in _CASES for secret in case.secrets]
_TEXTS = [case.text for case in _CASES] + [case.text for case in negatives()]
_LITERALS = [literal for rule in RULES for literal in rule.literals]
_PIECES = st.one_of(
    st.sampled_from(_SECRETS),
    st.sampled_from(_TEXTS),
    st.sampled_from(_LITERALS),
    st.sampled_from(
        ["=", ":", " ", "\n", "\n+", "\n-", "'", '"', "/", "@", ".", "-", "_", "a", "1", "\\n", "password=", "token: ", "é"]
    ),
    st.text(max_size=8),
)
TEXTS = st.lists(_PIECES, max_size=10).map("".join)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    once = redact_text(text, RULES).text

    assert redact_text(once, RULES).text == once


@settings(deadline=None)
@given(TEXTS)
def test_the_number_of_lines_stays(text: str) -> None:
    assert len(redact_text(text, RULES).text.splitlines()) == len(text.splitlines())


@settings(deadline=None)
@given(TEXTS)
def test_findings_point_at_markers_that_hold_no_marker(text: str) -> None:
    redacted = redact_text(text, RULES)

    places = [match.span() for match in MARKER.finditer(redacted.text)]
    assert {(finding.start, finding.end) for finding in redacted.findings} <= set(places)
    assert all(redacted.text[one.start : one.end] == f"[REDACTED:{one.kind}]" for one in redacted.findings)


@given(st.text())
def test_a_text_without_any_literal_is_the_same_object(text: str) -> None:
    if not any(literal in text or literal in text.lower() for literal in _LITERALS):
        assert redact_text(text, RULES).text is text


@settings(deadline=None)
@given(st.sampled_from(_CASES), st.sampled_from(["", "+", " ", "é\n", "[", "# "]), st.sampled_from(["", "\n", "\nmore", "\n]"]))
def test_a_secret_is_found_wherever_its_text_stands(case: object, before: str, after: str) -> None:
    assert hasattr(case, "text")
    assert hasattr(case, "secrets")
    text = f"{before}\n{case.text}{after}"

    assert all(secret not in redact_text(text, RULES).text for secret in case.secrets)


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, max_size=6), st.sampled_from([RULES, DEFAULT_RULES]))
def test_a_text_that_is_not_suspected_is_one_in_which_nothing_is_found(texts: list[str], rules: Sequence[Rule]) -> None:
    suspects = find_suspects(texts, rules)

    found = {index for index, text in enumerate(texts) if redact_text(text, rules).findings}
    assert found <= suspects


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_literals_miss_nothing_that_a_rule_finds_anywhere(text: str) -> None:
    anywhere = any(rule.find(text, place) is not None for rule in RULES for place in range(len(text) + 1))

    assert bool(find_suspects([text], RULES)) == anywhere


_SAID = st.tuples(TEXTS, st.dictionaries(TEXTS, st.one_of(TEXTS, st.lists(TEXTS, max_size=3)), max_size=3))


@settings(deadline=None)
@given(st.lists(_SAID, max_size=4))
def test_events_together_are_redacted_as_each_alone(said: list[tuple[str, dict[str, object]]]) -> None:
    given_events = events(*(an_event("reasoning_step", content=content, extra={"free": free}) for content, free in said))

    together, counts = redact_events(given_events, RedactionPolicy())

    alone = [redact_event(event, RedactionPolicy()) for event in given_events]
    assert together == tuple(event for event, _ in alone)
    assert counts == sum((found for _, found in alone), Counter())
