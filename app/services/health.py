"""Whether the server can do its work now."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.qa.base import Sandbox


@dataclass(frozen=True)
class Check:
    """One thing that the server needs."""

    name: str
    ready: bool
    detail: str


class HealthService:
    """Looks at what finalize and ingest depend on."""

    def __init__(self, data_dir: Path, sandbox: Sandbox, describe_judge: Callable[[], str]) -> None:
        self._data_dir = data_dir
        self._sandbox = sandbox
        self._describe_judge = describe_judge

    def checks(self) -> tuple[Check, ...]:
        """Each dependency as it is now."""
        writable = os.access(self._data_dir, os.W_OK | os.X_OK)
        sandbox = self._sandbox.state()
        return (
            Check("data_dir", writable, "writable" if writable else "the data directory is not writable"),
            Check("sandbox", sandbox.ready, sandbox.reason or "ready"),
            Check("judge", True, self._describe_judge()),
        )
