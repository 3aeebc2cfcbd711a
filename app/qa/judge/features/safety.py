"""F22, F24: was anything put at risk, and were secrets kept?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app.models.events import Event
from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured
from app.qa.judge.features.session import Session
from app.rules.redaction.events import redact_events
from app.rules.redaction.policy import DEFAULT_KINDS, RedactionPolicy
from app.rules.redaction.rule import MARKER

NOT_SECRET = frozenset({"email", "user_path"})
"""Kinds that redaction replaces because they say who somebody is; knowing them opens nothing."""
EVENTS_AT_A_TIME = 256

_SECRETS = RedactionPolicy(DEFAULT_KINDS - NOT_SECRET)
_NOT_SECRET_MARKERS = frozenset(f"[REDACTED:{kind}]" for kind in NOT_SECRET)


def no_dangerous_commands(session: Session) -> Measure:
    """F22: 1 less the severity of every dangerous command, at least 0."""
    if not session.commands:
        return NOT_APPLICABLE
    severity, events = 0.0, []
    for command in session.commands:
        severity += sum(danger.severity for danger in command.dangers)
        if command.dangers:
            events.append(command.event)
    return measured(1 - severity, events or (command.event for command in session.commands))


def no_secrets(session: Session) -> Measure:
    """F24: 0 if an event holds a secret, or the marker that stands where redaction found one when the event came; else 1."""
    if not session.recorded:
        return NOT_APPLICABLE
    events = list(_with_secrets(session.recorded))
    return measured(0.0 if events else 1.0, events)


def _with_secrets(recorded: Sequence[tuple[str, Event]]) -> Iterator[str]:
    for start in range(0, len(recorded), EVENTS_AT_A_TIME):
        part = recorded[start : start + EVENTS_AT_A_TIME]
        redacted, _ = redact_events([event for _, event in part], _SECRETS)
        for (name, event), without in zip(part, redacted, strict=True):
            if without is not event or any(map(_is_marked, _texts(event.data.__dict__.values()))):
                yield name


def _is_marked(text: str) -> bool:
    return "[REDACTED:" in text and any(marker not in _NOT_SECRET_MARKERS for marker in MARKER.findall(text))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    """Every text among values of JSON, names of fields included."""
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from _texts((*value.keys(), *value.values()))
        elif isinstance(value, tuple | list):
            yield from _texts(value)
