"""What verifying a document may find. A finding is an outcome, not an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FindingKind = Literal[
    "malformed",
    "format_unknown",
    "seal_missing",
    "section_altered",
    "section_missing",
    "section_added",
    "genesis_altered",
    "event_altered",
    "event_missing",
    "event_duplicated",
    "event_added",
    "event_out_of_order",
    "truncated",
    "count_altered",
    "head_altered",
    "checkpoint_broken",
    "signature_wrong",
    "key_unknown",
    "signature_unchecked",
    "not_sealed",
]

NOT_PROVEN: frozenset[FindingKind] = frozenset({"signature_unchecked", "not_sealed"})
"""Nothing is wrong, but nobody known vouches for it either."""


@dataclass(frozen=True)
class Finding:
    """One place where a document is not what it should be."""

    kind: FindingKind
    place: str
    """Where, in words: ``event 7``, ``section repo``, ``integrity.head``."""
    message: str
    seq: int | None = None
    """The event's number in order of arrival, where it is about one."""
    index: int | None = None
    """The event's position in ``events``, counted from 0."""
    event_id: str | None = None
    section: str | None = None

    @property
    def is_broken(self) -> bool:
        """Whether something was changed, rather than not proven."""
        return self.kind not in NOT_PROVEN


@dataclass(frozen=True)
class Report:
    """What was found out about one document."""

    trace_id: str | None
    num_events: int
    is_sealed: bool
    key_id: str | None
    """Whose signature the seal bears, as it says itself."""
    findings: tuple[Finding, ...]
    """The first broken place first; empty where the document is what was sealed, by a known key."""

    @property
    def is_broken(self) -> bool:
        """Whether something was changed."""
        return any(finding.is_broken for finding in self.findings)

    @property
    def is_proven(self) -> bool:
        """Whether a known key vouches for everything in the document."""
        return not self.findings
