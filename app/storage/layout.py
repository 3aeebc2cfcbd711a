"""Where things lie in a data directory. This module alone turns an id into a path."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TRACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Layout:
    """The paths below one data directory."""

    root: Path

    @property
    def traces(self) -> Path:
        """Documents and journals."""
        return self.root / "traces"

    @property
    def artifacts(self) -> Path:
        """Contents by their hash."""
        return self.root / "artifacts"

    @property
    def incoming(self) -> Path:
        """Uploads that are still arriving; emptied at every start."""
        return self.root / "artifacts" / "incoming"

    @property
    def holdings(self) -> Path:
        """One folder for each trace, with a hard link to every content that the trace holds."""
        return self.root / "artifacts" / "held"

    @property
    def finalizing(self) -> Path:
        """An empty file for each trace that is being finalized."""
        return self.root / "finalizing"

    @property
    def tombstones(self) -> Path:
        """What is left of traces that have been deleted."""
        return self.root / "tombstones"

    @property
    def keys(self) -> Path:
        """The server's signing key, and the public keys of all that it ever had."""
        return self.root / "keys"

    @property
    def index(self) -> Path:
        """The derived index; may be deleted at any time and is rebuilt."""
        return self.root / "index.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the one process that owns the data directory."""
        return self.root / "lock"

    @property
    def owner(self) -> Path:
        """A random name of this data directory, by which its containers are told from others'."""
        return self.root / "owner"

    def document(self, trace_id: str) -> Path:
        """The document of a trace."""
        return self.traces / f"{_checked(_TRACE_ID, trace_id)}.json"

    def journal(self, trace_id: str) -> Path:
        """The events of an open trace that its document does not hold yet."""
        return self.traces / f"{_checked(_TRACE_ID, trace_id)}.events.jsonl"

    def receipts(self, trace_id: str) -> Path:
        """What is remembered of the requests that made a trace which is closed now."""
        return self.traces / f"{_checked(_TRACE_ID, trace_id)}.receipts.jsonl"

    def marker(self, trace_id: str) -> Path:
        """There as long as the trace is being finalized."""
        return self.finalizing / _checked(_TRACE_ID, trace_id)

    def tombstone(self, trace_id: str) -> Path:
        """There once the trace has been deleted."""
        return self.tombstones / f"{_checked(_TRACE_ID, trace_id)}.json"

    def held(self, trace_id: str) -> Path:
        """The folder of what a trace holds."""
        return self.holdings / _checked(_TRACE_ID, trace_id)

    def blob(self, sha256: str) -> Path:
        """The content with this hash."""
        name = _checked(_SHA256, sha256)
        return self.artifacts / name[:2] / name

    def trace_ids(self) -> Iterator[str]:
        """The ids that have a document, in no order."""
        with os.scandir(self.traces) as entries:
            for entry in entries:
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    yield entry.name.removesuffix(".json")

    def make(self) -> None:
        """Create the folders that are missing."""
        self.root.mkdir(parents=True, exist_ok=True)
        for folder in (self.traces, self.artifacts, self.incoming, self.holdings, self.finalizing, self.tombstones):
            # sessions are nobody else's business on this machine
            folder.mkdir(mode=0o700, exist_ok=True)


def _checked(pattern: re.Pattern[str], name: str) -> str:
    if pattern.fullmatch(name) is None:
        raise ValueError(f"not a name that can be a path: {name!r}")
    return name
