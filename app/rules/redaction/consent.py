"""What a developer agreed to keep. The rest is dropped before it is stored, and the event says what is missing.

An event is never dropped as a whole: its place in the order, its time and its claim stay, so that a session remains
readable and its numbering has no holes. ``data.extra.withheld`` is the sorted list of fields that held something.

- ``commands`` refused: what programs printed goes, that is output, references to it, the environment, the summary and report of
  a test run, and the free ``extra`` of both. The command line, its exit code and the outcome of tests stay: they are the claims
  that are re-executed.
- ``rationales`` refused: every text of a reasoning step and its ``extra`` go. Messages of commits stay, they are part of the
  change.
- ``snapshots`` refused: ``snapshot_after`` goes, and so do artifacts that hold a tree. Diffs stay: without them there is no
  session.

A trace without a consent block keeps everything.
"""

from __future__ import annotations

from typing import Any

from app.models.events import CodeEdit, Event, ReasoningStep, TerminalCommand, TestResult
from app.models.trace import Consent
from app.rules.redaction.events import note_names

WORKSPACE_KINDS = frozenset({"workspace", "final_workspace", "workspace_snapshot", "snapshot"})
OUTPUT_KINDS = frozenset({"stdout", "stderr", "output", "terminal", "terminal_output", "log", "report"})

_SERVERS_NOTES = ("redacted", "unknown", "withheld")
_PRINTED = ("output", "stdout_ref", "stderr_ref", "env_redacted", "extra")
_REPORTED = ("summary", "report_ref", "extra")
_THOUGHT = ("content", "plan", "hypothesis", "observation", "decision", "next_step", "extra")
_EMPTY: dict[str, Any] = {"output": "", "summary": "", "content": ""}
"""What takes the place of a required text."""


def apply_consent(event: Event, consent: Consent | None) -> Event:
    """The event without what may not be kept; the same object where nothing is missing."""
    refused = _refused_fields(event, consent) if consent is not None else ()
    changes: dict[str, Any] = {}
    for name in refused:
        kept = _kept_notes(event.data.extra) if name == "extra" else _EMPTY.get(name)
        if (getattr(event.data, name) or None) != (kept or None):
            changes[name] = kept
    if not changes:
        return event
    data = event.data.model_copy(update=changes)
    data = data.model_copy(update={"extra": note_names(data, "withheld", sorted(changes))})
    return event.model_copy(update={"data": data})


def artifact_allowed(kind: str, consent: Consent | None) -> bool:
    """May an artifact of this kind be kept? Trusted tests always: they are no part of what was recorded."""
    if consent is None:
        return True
    if kind in WORKSPACE_KINDS:
        return consent.snapshots
    return consent.commands or kind not in OUTPUT_KINDS


def _refused_fields(event: Event, consent: Consent) -> tuple[str, ...]:
    if isinstance(event, TerminalCommand):
        return () if consent.commands else _PRINTED
    if isinstance(event, TestResult):
        return () if consent.commands else _REPORTED
    if isinstance(event, ReasoningStep):
        return () if consent.rationales else _THOUGHT
    if isinstance(event, CodeEdit):
        return () if consent.snapshots else ("snapshot_after",)
    return ()


def _kept_notes(extra: dict[str, Any] | None) -> dict[str, Any] | None:
    kept = {name: extra[name] for name in _SERVERS_NOTES if name in extra} if extra else {}
    return kept or None
