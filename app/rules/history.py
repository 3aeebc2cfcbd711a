"""The files of a session as its replay knows them: what each one holds now, how sure that is, and what is known by its hash.

A file is *in doubt* from an event that contradicts it until one that proves what it holds. A *gap* is the time in which, as a
later event shows, a file changed without an event that says so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.models.events import Event
from app.rules.ledger import sha256_of

BEFORE_EVERYTHING = -1
_MAX_KNOWN_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class FileVersion:
    """What a file holds."""

    content: bytes
    executable: bool = False

    @property
    def sha256(self) -> str:
        """The hash of the content."""
        return sha256_of(self.content) or ""


@dataclass(frozen=True)
class Mark:
    """An event by its place, for reasons to name it."""

    index: int
    """Place in reading order, from 0."""
    seq: int | None = None
    event_id: str | None = None
    label: str | None = None
    """What it is called where it is no event."""

    @property
    def name(self) -> str:
        """The event in words."""
        if self.label is not None:
            return self.label
        return f"event {self.seq}" if self.seq is not None else f"event {self.event_id or self.index + 1}"


def mark_of(index: int, event: Event) -> Mark:
    """The event by its place."""
    return Mark(index, event.seq, event.event_id)


@dataclass(frozen=True)
class Gap:
    """Between two events a file changed, and no event says how."""

    path: str
    after: int
    """The last event at which the file was known."""
    shown_by: Mark
    found: FileVersion | None = None
    """What the file held by then, if that is known."""
    is_known: bool = False
    """Otherwise ``found`` says nothing."""


@dataclass
class FileState:
    """One file now."""

    version: FileVersion | None = None
    """``None``: it is not there."""
    known_at: int = BEFORE_EVERYTHING
    """The last event that agreed with it."""
    doubt: Mark | None = None
    seen: set[str | None] = field(default_factory=set)
    """The hashes that it has had in the replay."""

    @property
    def content(self) -> bytes | None:
        """The bytes; ``None`` where it is not there."""
        return self.version.content if self.version is not None else None

    def become(self, version: FileVersion | None, *, known_at: int | None = None, doubt: Mark | None = None) -> None:
        """Hold another content from now on."""
        self.version = version
        self.doubt = doubt
        self.known_at = self.known_at if known_at is None else known_at
        self.seen.add(version.sha256 if version is not None else None)


class History:
    """All files that a session touches; the others are as they were."""

    def __init__(self, base: Mapping[str, FileVersion], known: Iterable[bytes] = (), unreadable: Iterable[str] = ()) -> None:
        """``base`` are the touched files as the session found them, ``known`` contents from elsewhere that an event may mean,
        ``unreadable`` files that are too large to be held."""
        self._base = base
        self._states: dict[str, FileState] = {}
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._known_bytes = 0
        self.unreadable = frozenset(unreadable)
        self.gaps: list[Gap] = []
        self.last_change: Mark | None = None
        """The last command that may have changed any file."""
        for content in (*(version.content for version in base.values()), *known):
            self.remember(content)

    def state(self, path: str) -> FileState:
        """What a file is now."""
        if path not in self._states:
            version = self._base.get(path)
            self._states[path] = FileState(version, seen={version.sha256 if version is not None else None})
        return self._states[path]

    def base(self, path: str) -> FileVersion | None:
        """What a file was before everything."""
        return self._base.get(path)

    def overlay(self) -> dict[str, FileVersion | None]:
        """The files that have been touched, as they are now."""
        return {path: state.version for path, state in self._states.items()}

    def remember(self, content: bytes | None) -> None:
        """Keep a content so that its hash may stand for it; the oldest ones give way."""
        key = sha256_of(content)
        if content is None or key is None:
            return
        if key in self._known:
            self._known.move_to_end(key)
            return
        self._known[key] = content
        self._known_bytes += len(content)
        while self._known_bytes > _MAX_KNOWN_BYTES and len(self._known) > 1:
            self._known_bytes -= len(self._known.popitem(last=False)[1])

    def known(self, sha256: str | None) -> bytes | None:
        """The content with this hash, if it is known."""
        return self._known.get(sha256) if sha256 is not None else None

    def doubt(self) -> tuple[str, Mark] | None:
        """A file that is in doubt, and since when."""
        return next(((path, state.doubt) for path, state in sorted(self._states.items()) if state.doubt is not None), None)

    def change_since(self, index: int) -> Mark | None:
        """A command after this event that may have changed any file."""
        return self.last_change if self.last_change is not None and self.last_change.index > index else None

    def gaps_at(self, index: int) -> list[Gap]:
        """The gaps that an event falls into."""
        return [gap for gap in self.gaps if gap.after < index < gap.shown_by.index]
