"""The labelled corpus: every secret is found under its kind, and nothing else is touched."""

from __future__ import annotations

import pytest

from app.rules.redaction.patterns import KINDS, RULES
from app.rules.redaction.redact import redact_text
from tests.redaction_corpus import Negative, Positive, negatives, positives, scores


@pytest.mark.parametrize("case", positives(), ids=lambda case: case.kind)
def test_a_secret_is_replaced_and_what_surrounds_it_stays(case: Positive) -> None:
    assert redact_text(case.text, RULES).text == case.expected


@pytest.mark.parametrize("case", negatives(), ids=lambda case: case.group)
def test_what_only_looks_like_a_secret_stays(case: Negative) -> None:
    redacted = redact_text(case.text, RULES)

    assert redacted.text is case.text
    assert redacted.findings == ()


def test_the_corpus_is_large_and_covers_every_kind() -> None:
    assert len(positives()) >= 150
    assert len(negatives()) >= 150
    assert {case.kind for case in positives()} == set(KINDS)


def test_recall_is_complete_and_there_is_no_false_alarm() -> None:
    wrong = {kind: score for kind, score in scores().items() if score.found < score.secrets or score.false_alarms}

    assert wrong == {}


def test_redacting_twice_changes_nothing() -> None:
    for case in positives():
        once = redact_text(case.text, RULES).text
        assert redact_text(once, RULES).text is once
