"""What may be written down: secrets are replaced first, and what the developer did not agree to is left out.

A tree is recorded as it looks without its secrets: diffs, hashes and archives all speak of that view, so they fit each other,
and the server, which replaces the same secrets, finds nothing left to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.models.trace import Consent
from app.recorder.state import Session
from app.rules.redaction.policy import RedactionPolicy, parse_policy
from app.rules.redaction.redact import redact_text

_FOUND_BY = frozenset({"id", "type", "file_path", "sha", "parent_sha", "buffer_hash_before", "buffer_hash_after",
                       "diff_unified"})  # fmt: skip
"""Fields that other things are found by, and diffs, which are made of texts that hold no secrets."""


@dataclass(frozen=True)
class Privacy:
    """What a session keeps to itself."""

    policy: RedactionPolicy
    consent: Consent

    def view(self, content: bytes) -> bytes:
        """A file without its secrets. What is no UTF-8 text is not searched."""
        if b"\0" in content:
            return content
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        redacted = redact_text(text, self.policy.rules)
        return redacted.text.encode() if redacted.findings else content

    def text(self, text: str) -> str:
        """A text without its secrets, and without what is no character: bytes that a name or an argument holds besides."""
        return redact_text(text.encode("utf-8", "replace").decode(), self.policy.rules).text

    def clean(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """An event without its secrets."""
        return {name: value if name in _FOUND_BY else self._value(value) for name, value in event.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self._value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item) for item in value]
        return value


def privacy_of(session: Session) -> Privacy:
    """What this session keeps to itself."""
    return Privacy(parse_policy(session.redaction), session.consent)
