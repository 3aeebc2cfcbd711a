"""What runs showed, kept by tree, command and image, so that the same tree is not tested again.

Everything in it can be found out anew: it may be deleted at any time, and what cannot be read is as good as not there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from app.models.commands import SplitCommand
from app.models.qa import TestRun
from app.utils.atomic import replace_file

_log = logging.getLogger(__name__)
_FORMAT = 1
"""Grows when runs come about in another way, so that earlier ones no longer count."""
_RUNS: TypeAdapter[tuple[TestRun, ...]] = TypeAdapter(tuple[TestRun, ...])


@dataclass(frozen=True)
class RunKey:
    """What a run's outcome depends on."""

    tree: str
    """Hash of the tree."""
    command: SplitCommand
    image_digest: str

    @property
    def sha256(self) -> str:
        """The key as a name."""
        parts = [_FORMAT, self.tree, list(self.command.argv), [list(pair) for pair in self.command.env], self.image_digest]
        return hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass")).hexdigest()


class RunCache(Protocol):
    """Runs by their keys. Losing them costs time alone."""

    def get(self, key: RunKey) -> tuple[TestRun, ...]:
        """The runs that were kept, the earliest first; none where nothing is known."""
        ...

    def put(self, key: RunKey, runs: Sequence[TestRun]) -> None:
        """Keep runs in place of those that were kept. Never raises for what the disk does."""
        ...


class NoRunCache:
    """A ``RunCache`` that keeps nothing."""

    def get(self, key: RunKey) -> tuple[TestRun, ...]:
        """See ``RunCache.get``."""
        del key
        return ()

    def put(self, key: RunKey, runs: Sequence[TestRun]) -> None:
        """See ``RunCache.put``."""


class FileRunCache:
    """A ``RunCache`` in a folder, one file for each key. Above its bound the files that were used longest ago go."""

    def __init__(self, folder: Path, max_entries: int = 4096) -> None:
        self._folder = folder
        self._max_entries = max_entries
        self._count: int | None = None
        self._guard = threading.Lock()

    def get(self, key: RunKey) -> tuple[TestRun, ...]:
        """See ``RunCache.get``."""
        path = self._path(key)
        try:
            runs = _RUNS.validate_json(path.read_bytes())
            os.utime(path)
        except (OSError, ValidationError):
            return ()
        return runs

    def put(self, key: RunKey, runs: Sequence[TestRun]) -> None:
        """See ``RunCache.put``."""
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_new = not path.exists()
            replace_file(path, _RUNS.dump_json(tuple(runs)))
            if is_new:
                self._count_one_more()
        except OSError as error:
            _log.warning("a run could not be kept", extra={"reason": error.strerror or type(error).__name__})

    def _path(self, key: RunKey) -> Path:
        name = key.sha256
        return self._folder / name[:2] / f"{name}.json"

    def _count_one_more(self) -> None:
        with self._guard:
            self._count = sum(1 for _ in self._folder.glob("*/*.json")) if self._count is None else self._count + 1
            if self._count > self._max_entries:
                self._count -= self._drop_oldest(self._count - self._max_entries * 9 // 10)

    def _drop_oldest(self, number: int) -> int:
        by_age = sorted(self._folder.glob("*/*.json"), key=lambda path: path.stat().st_mtime)
        for path in by_age[:number]:
            path.unlink(missing_ok=True)
        return len(by_age[:number])
