"""What happens to events at the door, before anything is stored: what may not be kept goes, and secrets are replaced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.errors import ForbiddenError
from app.models.events import Event
from app.models.trace import Consent, Session, TraceStart
from app.rules.redaction.consent import apply_consent, artifact_allowed
from app.rules.redaction.events import redact_events, redact_trace_fields
from app.rules.redaction.policy import RedactionPolicy
from app.rules.redaction.redact import redact_text


class NoConsentError(ForbiddenError):
    """The session's consent does not cover this content."""

    code = "no_consent"


@dataclass(frozen=True)
class Screened:
    """Events that may be stored."""

    events: tuple[Event, ...]
    redactions: Counter[str]
    """How many values of each kind were replaced."""


class Intake:
    """Applies a session's consent and the operator's redaction policy."""

    def __init__(self, policy: RedactionPolicy) -> None:
        self._policy = policy

    def screen(self, events: Sequence[Event], consent: Consent | None) -> Screened:
        """The events as they may be stored."""
        allowed = events if consent is None else tuple(apply_consent(event, consent) for event in events)
        return Screened(*redact_events(allowed, self._policy))

    def screen_text(self, text: str) -> tuple[str, Counter[str]]:
        """A text as it may be stored, and how many values of each kind were replaced in it."""
        redacted = redact_text(text, self._policy.rules)
        return redacted.text, redacted.counts()

    def screen_trace(self, new: TraceStart) -> tuple[TraceStart, Counter[str]]:
        """The trace's own fields as they may be stored; its events are screened apart."""
        return redact_trace_fields(new, self._policy)


def consent_of(session: Session | None) -> Consent | None:
    """What the session's owner agreed to; ``None`` where nobody was asked."""
    return session.consent if session is not None else None


def refuse_without_consent(kind: str, session: Session | None) -> None:
    """Artifacts of a kind that may not be kept are not taken.

    Raises:
        NoConsentError: the session's consent does not cover it.
    """
    if not artifact_allowed(kind, consent_of(session)):
        raise NoConsentError(f"The session's consent does not cover an artifact of the kind {kind}; it was not stored")
