"""Rubrics that were changed without a new version: two contents under one name, whose scores nobody can tell apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

SHOWN_DIGITS = 12
"""As much of a hash as tells contents apart."""


class Named(Protocol):
    """What a judgement says of its rubric."""

    @property
    def id(self) -> str: ...

    @property
    def version(self) -> str | None: ...

    @property
    def sha256(self) -> str | None: ...


@dataclass(frozen=True)
class ChangedRubric:
    """One name with several contents."""

    id: str
    version: str
    contents: Mapping[str, int]
    """By SHA-256, how many judgements were made by it; in order of the hashes."""

    def __str__(self) -> str:
        told = ", ".join(f"sha256 {sha256[:SHOWN_DIGITS]} ({_counted(count)})" for sha256, count in self.contents.items())
        return f"version {self.version} of {self.id} stands for {len(self.contents)} contents: {told}"


def changed_rubrics(rubrics: Iterable[Named]) -> list[ChangedRubric]:
    """Of the rubrics of judgements, one for each judgement, those that stand for several contents, by id and version.

    Where version or hash are not told, nothing is known.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for rubric in rubrics:
        if rubric.version is not None and rubric.sha256 is not None:
            counts.setdefault((rubric.id, rubric.version), Counter())[rubric.sha256] += 1
    return [
        ChangedRubric(name, version, dict(sorted(contents.items())))
        for (name, version), contents in sorted(counts.items())
        if len(contents) > 1
    ]


def _counted(count: int) -> str:
    return "1 judgement" if count == 1 else f"{count} judgements"
