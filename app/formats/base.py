"""The interface of formats: a file that another tool wrote becomes sessions, and what was lost on the way is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from app.formats.source import Source
from app.models.trace import Consent, Repo, TraceStart

REQUIRED_FACTS = ("name", "url", "branch", "commit_before", "commit_after", "test_command")
"""What a trace has to say of its repository, and few tools write down."""


@dataclass(frozen=True)
class ReadOptions:
    """What whoever imports knows, and the file may not."""

    repo: Repo = field(default_factory=Repo)
    """What it states stands in for what the file does not state."""
    developer_id: str | None = None
    """Who worked; the name of the agent where it is left out."""
    consent: Consent | None = None
    folder: str | None = None
    """The working directory of a session whose file does not name it."""
    start_time: datetime | None = None
    """When a session began whose file has no clock."""
    instances: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Tasks of SWE-bench by their id, for predictions that come without them."""
    derive: bool = True
    """Whether test runs and commits in a terminal yield events of their own, too."""
    sidechains: bool = False
    """Whether the sessions of sub-agents within a session are imported with it."""


@dataclass(frozen=True)
class Loss:
    """Records of one kind that did not become part of the trace, or not whole."""

    kind: str
    reason: str
    count: int


class LossReport:
    """What was dropped or shortened, counted by kind and reason."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, kind: str, reason: str, count: int = 1) -> None:
        """Count a record."""
        self._counts[kind[:100], reason] += count

    def losses(self) -> tuple[Loss, ...]:
        """The counts, in order of kind and reason."""
        return tuple(Loss(kind, reason, count) for (kind, reason), count in sorted(self._counts.items()))


@dataclass(frozen=True)
class TextArtifact:
    """A text that belongs to a session."""

    name: str
    kind: str
    media_type: str
    content: str


@dataclass(frozen=True)
class ReadSession:
    """A session as a file has it."""

    trace: TraceStart
    losses: tuple[Loss, ...]
    missing: tuple[str, ...]
    """Facts about the repository that neither the file nor the options state: names out of ``REQUIRED_FACTS``."""
    outside: int = 0
    """Events on files outside of the working directory."""
    artifacts: tuple[TextArtifact, ...] = ()


class Format(Protocol):
    """Reads one kind of file. Told from the others by what files hold, never by what they are called."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...

    @property
    def title(self) -> str:
        """What it is, in words."""
        ...

    def recognises(self, source: Source) -> bool:
        """Whether the file looks like one of this format. Raises nothing, whatever the file holds."""
        ...

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """The sessions of the file, in its order. The same file with the same options gives the same sessions.

        Raises:
            FormatError: the file cannot be read, or holds nothing that could become a session.
        """
        ...
