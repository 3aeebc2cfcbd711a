"""Sessions of other tools come in: read by their format, then stored like every other trace."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.errors import Fault, PRTelemetryError
from app.formats.base import Loss, ReadOptions, ReadSession
from app.formats.errors import MissingFactsError
from app.formats.registry import read_sessions
from app.formats.source import Source
from app.models.trace import TraceStart
from app.services.artifacts import ArtifactService, Upload
from app.services.ingest import IngestService
from app.services.intake import Intake, consent_of

ImportStatus = Literal["stored", "unchanged", "would_be_stored", "failed"]


@dataclass(frozen=True)
class ImportRequest:
    """How a file is to be imported."""

    format: str | None = None
    """Told by the content where it is left out."""
    options: ReadOptions = field(default_factory=ReadOptions)
    dry_run: bool = False
    allow_missing: bool = False
    """Whether facts about the repository may stay unknown."""


@dataclass(frozen=True)
class Imported:
    """What became of one session."""

    trace_id: str
    status: ImportStatus
    events: Mapping[str, int] = field(default_factory=dict)
    """How many of each type."""
    losses: tuple[Loss, ...] = ()
    missing: tuple[str, ...] = ()
    outside: int = 0
    artifacts: tuple[str, ...] = ()
    redactions: Mapping[str, int] = field(default_factory=dict)
    """What was replaced in its artifacts; what was replaced in its events stands in the trace."""
    error: PRTelemetryError | None = None

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "trace_id": self.trace_id,
            "status": self.status,
            "events": dict(self.events),
            "lost": [{"kind": loss.kind, "reason": loss.reason, "count": loss.count} for loss in self.losses],
            "missing": list(self.missing),
            "outside": self.outside,
            "artifacts": list(self.artifacts),
            "redactions": dict(self.redactions),
            "problem": None if self.error is None else {"code": self.error.code, "detail": self.error.detail},
        }


@dataclass(frozen=True)
class Kept:
    """A session is where it was to go."""

    is_new: bool
    redactions: Mapping[str, int] = field(default_factory=dict)


Keep = Callable[[ReadSession], Kept]
"""Puts a session where it is to go. The same session again changes nothing."""


@dataclass(frozen=True)
class ScreenedArtifact:
    """An artifact without its secrets."""

    kind: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Screened:
    """A session without its secrets, for those who keep it elsewhere than in a store."""

    trace: TraceStart
    artifacts: Mapping[str, ScreenedArtifact]
    """By name."""
    redactions: Mapping[str, int]


def import_sessions(source: Source, request: ImportRequest, keep: Keep) -> Iterator[Imported]:
    """Read a file and keep its sessions, one after the other. One that cannot be kept does not stop the next.

    Raises:
        FormatError: the file cannot be imported, from here on.
    """
    for session in read_sessions(source, request.format, request.options):
        yield _keep(session, request, keep)


def screen_session(session: ReadSession, intake: Intake) -> Screened:
    """The session as a store would keep it: what its owner did not agree to is left out, secrets are replaced."""
    trace, counts = intake.screen_trace(session.trace)
    screened = intake.screen(trace.events, consent_of(trace.session))
    counts += screened.redactions
    artifacts: dict[str, ScreenedArtifact] = {}
    for artifact in session.artifacts:
        text, found = intake.screen_text(artifact.content)
        counts += found
        artifacts[artifact.name] = ScreenedArtifact(artifact.kind, artifact.media_type, text.encode())
    return Screened(trace.model_copy(update={"events": screened.events}), artifacts, dict(counts))


class ImportService:
    """Imports into the store."""

    def __init__(self, ingest: IngestService, artifacts: ArtifactService, intake: Intake) -> None:
        self._ingest = ingest
        self._artifacts = artifacts
        self._intake = intake

    def import_sessions(self, source: Source, request: ImportRequest) -> Iterator[Imported]:
        """See the function of this name."""
        return import_sessions(source, request, self.store)

    def store(self, session: ReadSession) -> Kept:
        """Keep a session and its artifacts.

        Raises:
            TraceExistsError: another session, or another version of it, has this id.
            TraceDeletedError: the trace was deleted.
            TraceClosedError: the trace is finalized, and lacks an artifact of this session.
            ArtifactExistsError: the trace has another artifact of this name.
        """
        created = self._ingest.create(session.trace)
        # ingest screens the trace; artifacts go past it
        redactions: Counter[str] = Counter()
        known = self._artifacts.find_all(created.trace_id) if session.artifacts else {}
        is_new = created.is_new
        for artifact in session.artifacts:
            text, found = self._intake.screen_text(artifact.content)
            redactions += found
            content = text.encode()
            # a finalized trace takes no artifact, not even one that it has
            if artifact.name in known and known[artifact.name].sha256 == hashlib.sha256(content).hexdigest():
                continue
            upload = Upload(created.trace_id, artifact.name, artifact.media_type, (content,), kind=artifact.kind)
            _, is_added = self._artifacts.put(upload)
            is_new = is_new or is_added
        return Kept(is_new, dict(redactions))


def _keep(session: ReadSession, request: ImportRequest, keep: Keep) -> Imported:
    told: dict[str, Any] = {
        "trace_id": session.trace.trace_id or "",
        "events": dict(Counter(event.event_type for event in session.trace.events)),
        "losses": session.losses,
        "missing": session.missing,
        "outside": session.outside,
        "artifacts": tuple(artifact.name for artifact in session.artifacts),
    }
    try:
        if session.missing and not request.allow_missing:
            raise _missing(session.missing)
        if request.dry_run:
            return Imported(status="would_be_stored", **told)
        kept = keep(session)
    except PRTelemetryError as error:
        return Imported(status="failed", error=error, **told)
    return Imported(status="stored" if kept.is_new else "unchanged", redactions=kept.redactions, **told)


def _missing(names: tuple[str, ...]) -> MissingFactsError:
    faults = [Fault(("repo", name), "neither the file nor the options of the import state it") for name in names]
    return MissingFactsError(f"The repository's {', '.join(names)} {'is' if len(names) == 1 else 'are'} not stated", faults)
