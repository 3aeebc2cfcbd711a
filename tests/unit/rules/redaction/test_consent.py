"""What is left out where a developer did not agree."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.events import Event
from app.models.trace import Consent
from app.rules.redaction.consent import apply_consent, artifact_allowed
from tests.builders import an_edit, an_event, events

A_COMMAND = an_event("terminal_command", command="make", exit_code=1, output="boom", duration_ms=3, stdout_ref="o",
                     stderr_ref="e", env_redacted={"A": "b"}, extra={"unknown": ["cwd"], "printed": "boom"})  # fmt: skip


def an_only_event(document: dict[str, Any]) -> Event:
    (event,) = events(document)
    return event


def test_without_commands_outputs_go_and_the_claim_stays() -> None:
    data = apply_consent(an_only_event(A_COMMAND), Consent(commands=False)).model_dump(exclude_none=True)["data"]

    assert data == {
        "command": "make",
        "exit_code": 1,
        "output": "",
        "duration_ms": 3,
        "extra": {"unknown": ["cwd"], "withheld": ["env_redacted", "extra", "output", "stderr_ref", "stdout_ref"]},
    }


def test_without_commands_what_a_test_run_printed_goes_too() -> None:
    event = an_only_event(
        an_event("test_result", tests_passed=False, test_command="pytest", summary="E  x", failed_tests=["t"], report_ref="r")
    )

    data = apply_consent(event, Consent(commands=False)).model_dump(exclude_none=True)["data"]

    assert (data["summary"], data["failed_tests"], "report_ref" in data) == ("", ("t",), False)
    assert data["extra"] == {"withheld": ["report_ref", "summary"]}


def test_without_rationales_a_thought_keeps_its_place_only() -> None:
    event = an_only_event(an_event("reasoning_step", event_id="e-1", content="I think", plan="go", extra={"text": "I think"}))

    kept = apply_consent(event, Consent(rationales=False))

    assert (kept.event_id, kept.timestamp) == ("e-1", event.timestamp)
    assert kept.data.model_dump(exclude_none=True) == {
        "content": "",
        "extra": {"withheld": ["content", "extra", "plan"]},
    }


def test_without_snapshots_the_diff_stays() -> None:
    kept = apply_consent(an_only_event(an_edit(snapshot_after="b\n")), Consent(snapshots=False)).data.model_dump(
        exclude_none=True
    )

    assert "snapshot_after" not in kept
    assert kept["diff"]
    assert kept["extra"] == {"withheld": ["snapshot_after"]}


@pytest.mark.parametrize("consent", [None, Consent(), Consent(commands=False, rationales=False, snapshots=False)])
def test_an_event_that_loses_nothing_is_the_same_object(consent: Consent | None) -> None:
    silent = an_only_event(an_event("terminal_command", command="true", exit_code=0, output="", duration_ms=1))
    edit = an_only_event(an_edit())

    assert apply_consent(silent, consent) is silent
    assert apply_consent(edit, consent) is edit


def test_consent_twice_is_consent_once() -> None:
    once = apply_consent(an_only_event(A_COMMAND), Consent(commands=False))

    assert apply_consent(once, Consent(commands=False)) is once


@pytest.mark.parametrize(
    ("kind", "consent", "allowed"),
    [
        ("workspace", None, True),
        ("workspace", Consent(), True),
        ("workspace", Consent(snapshots=False), False),
        ("final_workspace", Consent(snapshots=False), False),
        ("workspace_snapshot", Consent(snapshots=False), False),
        ("tests", Consent(snapshots=False, commands=False), True),
        ("stdout", Consent(commands=False), False),
        ("stdout", Consent(snapshots=False), True),
        ("log", Consent(commands=False), False),
    ],
)
def test_artifacts_are_kept_where_their_content_is_agreed_to(kind: str, consent: Consent | None, allowed: bool) -> None:
    assert artifact_allowed(kind, consent) is allowed
