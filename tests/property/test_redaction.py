"""Redaction: once is enough, lines stay, markers are whole, and texts without a literal are never touched."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.rules.redaction.patterns import RULES
from app.rules.redaction.redact import redact_text
from app.rules.redaction.rule import MARKER
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
