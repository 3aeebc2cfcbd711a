"""Answers of models, kept by everything they depend on, so that the same question is not paid for twice.

An answer is kept the moment it has arrived and been checked: a batch that is killed midway asks again only for what it had not
got. Only whole answers are kept, those that score every dimension by themselves. Everything in the cache can be asked for
anew: it may be deleted at any time, and what cannot be read is as good as not there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from app.models.rubric import Rubric
from app.qa.base import Evidence
from app.qa.judge.answer import Answer, read_answer, write_answer
from app.qa.judge.config import LLMConfig
from app.qa.judge.prompt import prompt_sha256
from app.utils.atomic import replace_file

_log = logging.getLogger(__name__)
_FORMAT = 1
"""Grows when sessions are shown or answers read in another way, so that earlier answers no longer count."""


@dataclass(frozen=True)
class SampleName:
    """Which answer of which model."""

    model: str
    sample: int


@dataclass(frozen=True)
class SampleKey:
    """What an answer depends on."""

    trace_hash: str
    refuted: frozenset[str]
    """Events that the model is told not to believe."""
    rubric_sha256: str
    prompt_sha256: str
    model: str
    parameters: Mapping[str, str | int | float | None] = field(default_factory=dict)
    """The endpoint, and what it is asked with."""
    sample: int = 0

    @property
    def sha256(self) -> str:
        """The key as a name."""
        hashes = [_FORMAT, self.trace_hash, sorted(self.refuted), self.rubric_sha256, self.prompt_sha256]
        asked = [self.model, sorted(self.parameters.items()), self.sample]
        return hashlib.sha256(json.dumps([*hashes, *asked]).encode()).hexdigest()


class SampleCache(Protocol):
    """Answers by their keys, for any number of threads. Losing them costs money alone."""

    def get(self, key: SampleKey, rubric: Rubric) -> Answer | None:
        """The answer that was kept, checked as if it had come now."""
        ...

    def put(self, key: SampleKey, answer: Answer) -> None:
        """Keep a whole answer in place of the one that was kept. Never raises for what the disk does."""
        ...

    def forget(self, trace_hash: str) -> None:
        """Drop every answer about a trace."""
        ...


class NoSampleCache:
    """A ``SampleCache`` that keeps nothing."""

    def get(self, key: SampleKey, rubric: Rubric) -> Answer | None:
        """See ``SampleCache.get``."""
        del key, rubric
        return None

    def put(self, key: SampleKey, answer: Answer) -> None:
        """See ``SampleCache.put``."""

    def forget(self, trace_hash: str) -> None:
        """See ``SampleCache.forget``."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str
    answer: str
    unwrapped: bool


class FileSampleCache:
    """A ``SampleCache`` in a folder, one file for each answer. Above its bound the files that were used longest ago go."""

    def __init__(self, folder: Path, max_entries: int) -> None:
        self._folder = folder
        self._max_entries = max_entries
        self._count: int | None = None
        self._guard = threading.Lock()

    def get(self, key: SampleKey, rubric: Rubric) -> Answer | None:
        """See ``SampleCache.get``."""
        path = self._path(key)
        try:
            kept = _Kept.model_validate_json(path.read_bytes())
            os.utime(path)
        except (OSError, ValidationError):
            return None
        answer = read_answer(kept.answer, rubric) if kept.key == key.sha256 else None
        return replace(answer, unwrapped=kept.unwrapped) if isinstance(answer, Answer) else None

    def put(self, key: SampleKey, answer: Answer) -> None:
        """See ``SampleCache.put``."""
        if not answer.is_complete:
            return
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            is_new = not path.exists()
            kept = _Kept(key=key.sha256, answer=write_answer(answer), unwrapped=answer.unwrapped)
            replace_file(path, kept.model_dump_json().encode())
            if is_new:
                self._count_one_more()
        except OSError as error:
            _log.warning("an answer could not be kept", extra={"reason": error.strerror or type(error).__name__})

    def forget(self, trace_hash: str) -> None:
        """See ``SampleCache.forget``."""
        folder = self._of_trace(trace_hash)
        for path in folder.parent.glob(f"{folder.name}-*.json"):
            path.unlink(missing_ok=True)

    def _of_trace(self, trace_hash: str) -> Path:
        """What the names of a trace's files begin with."""
        name = hashlib.sha256(trace_hash.encode()).hexdigest()[:32]
        return self._folder / name[:2] / name

    def _path(self, key: SampleKey) -> Path:
        begin = self._of_trace(key.trace_hash)
        return begin.with_name(f"{begin.name}-{key.sha256[:32]}.json")

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


@dataclass(frozen=True)
class Shelf:
    """What a cache holds of one question to the models of one configuration."""

    cache: SampleCache
    config: LLMConfig
    evidence: Evidence
    rubric: Rubric

    def get(self, name: SampleName) -> Answer | None:
        """The answer that was kept."""
        key = self._key(name)
        return self.cache.get(key, self.rubric) if key is not None else None

    def put(self, name: SampleName, answer: Answer) -> None:
        """Keep an answer, where that can be done."""
        key = self._key(name)
        if key is not None:
            self.cache.put(key, answer)

    def _key(self, name: SampleName) -> SampleKey | None:
        """``None`` where the events are not chained: nothing tells then that they are the same."""
        if self.evidence.trace_hash is None:
            return None
        asked = {**self.config.parameters, "endpoint": self.config.base_url, "seed": self.config.seed(name.sample)}
        return SampleKey(
            trace_hash=self.evidence.trace_hash,
            refuted=self.evidence.refuted,
            rubric_sha256=self.rubric.sha256,
            prompt_sha256=prompt_sha256(self.rubric),
            model=name.model,
            parameters=asked,
            sample=name.sample,
        )
