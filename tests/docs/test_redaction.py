"""The reference of redaction against the program."""

from __future__ import annotations

from app.models.trace import Consent
from app.rules.redaction.consent import OUTPUT_KINDS, WORKSPACE_KINDS
from app.rules.redaction.patterns import KINDS
from app.rules.redaction.policy import parse_policy
from tests.docs.markdown import read, rows, section

PAGE = read("docs/reference/redaction.md")


def test_the_reference_names_every_kind_in_order() -> None:
    assert [row[0] for row in rows(section(PAGE, "Kinds"))] == list(KINDS)


def test_every_policy_of_the_reference_is_one() -> None:
    policies = [row[0] for row in rows(section(PAGE, "Policy"))]

    assert policies
    assert all(parse_policy(policy) for policy in policies)


def test_the_reference_names_every_flag_of_consent_and_every_kind_of_artifact() -> None:
    consent = section(PAGE, "Consent")

    assert {row[0] for row in rows(consent)} == set(Consent.model_fields)
    assert all(f"`{kind}`" in consent for kind in OUTPUT_KINDS | WORKSPACE_KINDS)
