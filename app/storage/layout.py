"""Where things lie in a data directory. This module alone turns an id into a path."""

from __future__ import annotations

import re
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

    def blob(self, sha256: str) -> Path:
        """The content with this hash."""
        name = _checked(_SHA256, sha256)
        return self.artifacts / name[:2] / name

    def make(self) -> None:
        """Create the folders that are missing."""
        for folder in (self.traces, self.artifacts, self.incoming):
            folder.mkdir(parents=True, exist_ok=True)


def _checked(pattern: re.Pattern[str], name: str) -> str:
    if pattern.fullmatch(name) is None:
        raise ValueError(f"not a name that can be a path: {name!r}")
    return name
