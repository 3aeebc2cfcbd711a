"""The text engine."""

from __future__ import annotations

import pytest

from app.rules.diffs import apply_diff
from app.rules.redaction.patterns import DEFAULT_RULES, RULES
from app.rules.redaction.redact import redact_text
from app.rules.redaction.rule import Rule

TOKEN = "ghp" + "_" + "a1B2c3D4e5" * 4
KEY_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" + "x1Y2" * 3
MEGABYTE = 1_000_000


def test_findings_say_what_stood_where_and_never_the_value() -> None:
    redacted = redact_text(f"a {TOKEN} b {TOKEN}")

    assert redacted.text == "a [REDACTED:github_token] b [REDACTED:github_token]"
    assert [redacted.text[one.start : one.end] for one in redacted.findings] == ["[REDACTED:github_token]"] * 2
    assert TOKEN not in repr(redacted)
    assert redacted.counts() == {"github_token": 2}


def test_a_specific_kind_names_what_a_general_one_finds_too() -> None:
    assert redact_text(f'api_token = "{TOKEN}"').text == 'api_token = "[REDACTED:github_token]"'


def test_overlapping_secrets_become_one_marker() -> None:
    redacted = redact_text(f"PASSWORD=front{TOKEN}! PASSWORD=x1y2z3!{TOKEN}-tail")

    assert TOKEN not in redacted.text
    assert redacted.text.count("[") == redacted.text.count("]") == 2


def test_a_key_of_many_lines_counts_once_and_keeps_its_lines() -> None:
    text = "-----BEGIN PRIVATE KEY-----\n" + f"{KEY_LINE}\n" * 5 + "-----END PRIVATE KEY-----\n"

    redacted = redact_text(text)

    assert KEY_LINE not in redacted.text
    assert redacted.text.count("\n") == text.count("\n")
    assert len(redacted.findings) == 5
    assert redacted.counts() == {"private_key": 1}


def test_a_diff_with_a_key_and_a_token_stays_applicable() -> None:
    diff = (
        "--- a/key.pem\n+++ b/key.pem\n@@ -1,4 +1,3 @@\n -----BEGIN PRIVATE KEY-----\n"
        f"-{KEY_LINE}\n-{KEY_LINE}x\n+token = '{TOKEN}'\n -----END PRIVATE KEY-----\n"
    )
    redacted = redact_text(diff).text
    before = "-----BEGIN PRIVATE KEY-----\n[REDACTED:private_key]\n[REDACTED:private_key]\n-----END PRIVATE KEY-----\n"

    after = apply_diff(before.encode(), redacted)

    assert after is not None
    assert b"token = '[REDACTED:github_token]'\n" in after


def test_places_are_counted_in_characters_beyond_ascii_too() -> None:
    redacted = redact_text(f"𝔘ñ – {TOKEN} …")

    assert redacted.text == "𝔘ñ – [REDACTED:github_token] …"
    assert redacted.findings[0].start == 5


def test_a_marker_in_the_input_stays_and_takes_nothing_in() -> None:
    text = "password=[REDACTED:password]hunter22 [REDACTED:email]@corp.io"

    assert redact_text(text).text == text


def test_without_rules_nothing_is_replaced() -> None:
    text = f"a {TOKEN}"

    assert redact_text(text, ()).text is text


def test_user_names_in_paths_are_left_unless_asked_for() -> None:
    text = "/home/alice/x.py"

    assert redact_text(text, DEFAULT_RULES).text == text
    assert redact_text(text, RULES).text == "/home/[REDACTED:user_path]/x.py"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.kind)
def test_long_hostile_texts_are_read_to_their_end(rule: Rule) -> None:
    for literal in rule.literals:
        for unit in (literal, f"{literal}a", f"{literal} ", f"{literal}=", f"{literal}: '", f"a{literal}a:a", f"\n{literal}\n"):
            text = unit * (MEGABYTE // len(unit))
            assert redact_text(text, (rule,)).text.count("\n") == text.count("\n")
        for filling in ("a", "A1", "=", "-", "a.", " ", "\\n", "\n"):
            text = literal + filling * (MEGABYTE // len(filling))
            assert redact_text(text, (rule,)).text.count("\n") == text.count("\n")


def test_many_keys_that_never_end_are_read_once() -> None:
    text = "-----BEGIN PRIVATE KEY-----\nabc1\n" * (MEGABYTE // 33)

    redacted = redact_text(text)

    assert redacted.text.count("[REDACTED:private_key]") == MEGABYTE // 33


def test_what_a_marker_cut_off_is_not_taken_for_a_new_beginning() -> None:
    text = redact_text("AKIA" + "BQA4EIE2C2QOUN5G" + "/home/alice", RULES).text

    assert redact_text(text, RULES).text == text == "[REDACTED:aws_access_key_id]/home/alice"


def test_an_address_on_the_line_after_a_url_is_no_name_to_log_in_with() -> None:
    said = redact_text("see https://host\nann@corp-mail.com and https://ann@corp-mail.com/x\n")

    assert said.text == "see https://host\n[REDACTED:email] and https://ann@corp-mail.com/x\n"
