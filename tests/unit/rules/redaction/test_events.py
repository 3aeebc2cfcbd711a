"""Redaction of events and traces."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.events import CodeEdit, Event
from app.models.trace import TRACE
from app.rules.redaction.events import redact_event, redact_new_trace, redact_trace_fields
from app.rules.redaction.policy import OFF, RedactionPolicy
from tests.builders import a_new_trace, a_repo, a_trace, an_edit, an_event, events

POLICY = RedactionPolicy()
TOKEN = "ghp" + "_" + "a1B2c3D4e5" * 4
MARKER = "[REDACTED:github_token]"


def an_only_event(document: dict[str, Any]) -> Event:
    (event,) = events(document)
    return event


@pytest.mark.parametrize(
    "document",
    [
        an_event("file_open", file_path="a.py", extra={"note": [TOKEN, {"deep": TOKEN}], TOKEN: 1}),
        an_event("file_close", file_path="a.py", extra={"note": TOKEN}),
        an_edit(diff=f"@@ -1 +1 @@\n-a\n+{TOKEN}\n", snapshot_after=TOKEN),
        an_event("terminal_command", command=f"x {TOKEN}", exit_code=0, output=TOKEN, duration_ms=1, cwd=f"/{TOKEN}/",
                 env_redacted={"A": TOKEN}),
        an_event("test_result", tests_passed=False, test_command=f"x {TOKEN}", summary=TOKEN, failed_tests=[f"t[{TOKEN}]"],
                 selection=["a", TOKEN]),
        an_event("commit", sha="c1d2e3f", message=TOKEN, diff=f"+{TOKEN}\n"),
        an_event("reasoning_step", content=TOKEN, plan=TOKEN, hypothesis=TOKEN, observation=TOKEN, decision=TOKEN,
                 next_step=TOKEN),
    ],
    ids=lambda document: document["event_type"],
)  # fmt: skip
def test_no_text_of_any_event_keeps_a_secret(document: dict[str, Any]) -> None:
    redacted, counts = redact_event(an_only_event(document), POLICY)

    assert TOKEN not in redacted.model_dump_json()
    assert counts["github_token"] == str(document).count(TOKEN) == redacted.model_dump_json().count(MARKER)
    assert redact_event(redacted, POLICY) == (redacted, {})


def test_an_event_without_secrets_is_the_same_object() -> None:
    event = an_only_event(an_edit(extra={"tool": "x"}))

    assert redact_event(event, POLICY)[0] is event


def test_off_means_off() -> None:
    event = an_only_event(an_event("reasoning_step", content=TOKEN))

    assert redact_event(event, OFF) == (event, {})


def test_a_changed_edit_says_which_texts_its_hashes_do_not_match() -> None:
    event = an_only_event(an_edit(diff=f"@@ -1 +1 @@\n-a\n+{TOKEN}\n", snapshot_after=f"{TOKEN}\n", extra={"tool": "x"}))

    redacted, _ = redact_event(event, POLICY)

    assert redacted.data.extra == {"tool": "x", "redacted": ["diff", "snapshot_after"]}


def test_an_edit_whose_extra_alone_changed_has_nothing_to_say_about_hashes() -> None:
    redacted, _ = redact_event(an_only_event(an_edit(extra={"note": TOKEN})), POLICY)

    assert redacted.data.extra == {"note": MARKER}


def test_paths_and_hashes_stay() -> None:
    event = an_only_event(an_edit(path=f"{TOKEN}.py", hash_after="0" * 64))

    redacted, _ = redact_event(event, POLICY)

    assert isinstance(redacted, CodeEdit)
    assert redacted is event


def test_a_key_names_the_secret_that_is_its_value() -> None:
    event = an_only_event(
        an_event("terminal_command", command="x", exit_code=0, output="", duration_ms=1,
                 env_redacted={"DB_PASSWORD": "s3cret!pw", "LANG": "C.UTF-8"}, extra={"login": {"api_key": "a1b2c3d4e5f6"}})
    )  # fmt: skip

    redacted, counts = redact_event(event, POLICY)

    dumped = redacted.model_dump()["data"]
    assert dumped["env_redacted"] == {"DB_PASSWORD": "[REDACTED:password]", "LANG": "C.UTF-8"}
    assert dumped["extra"] == {"login": {"api_key": "[REDACTED:secret]"}}
    assert counts == {"password": 1, "secret": 1}


def test_a_new_trace_is_redacted_with_its_events() -> None:
    trace = a_new_trace(
        repo=a_repo(url="https://bot:s3cret-pw@git.corp.io/a.git"),
        task={"title": f"use {TOKEN}", "description": "ask ada@corp.io", "known_failing_tests": [f"t[{TOKEN}]"]},
        session={"recorder": {"name": "r", "extra": {"token": TOKEN}}},
        environment={"tools": [TOKEN]},
        events=[an_event("reasoning_step", content=TOKEN), an_event("reasoning_step", content="fine")],
    )

    redacted, counts = redact_new_trace(trace, POLICY)

    assert TOKEN not in redacted.model_dump_json()
    assert redacted.repo.url == "https://bot:[REDACTED:url_password]@git.corp.io/a.git"
    assert redacted.events[1] is trace.events[1]
    assert counts == {"github_token": 5, "url_password": 1, "email": 1}


def test_a_trace_without_secrets_is_the_same_object() -> None:
    new, stored = a_new_trace(), a_trace()

    assert redact_new_trace(new, POLICY)[0] is new
    assert redact_trace_fields(stored, POLICY)[0] is stored


def test_a_short_field_stays_short_enough_to_be_read_again() -> None:
    url = "https://u:s3cret!@git.corp.io/"
    trace = a_trace(repo=a_new_trace(repo=a_repo(url=url + "a" * (512 - len(url)))).repo)

    redacted, _ = redact_trace_fields(trace, POLICY)

    assert redacted.repo.url == "[REDACTED:url_password]"
    TRACE.validate_json(redacted.model_dump_json(), context={"source": "store"})
