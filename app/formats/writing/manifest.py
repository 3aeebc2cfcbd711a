"""The report of an export: what was asked, which traces were chosen, what was left out and why, and the hash of every file.

It holds nothing that the same query on the same data would not give again: no time, no place, no name of a machine.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.formats.writing.base import OutputFile, Scored, Tally
from app.formats.writing.pieces.facts import counts_of
from app.models.replay import ClaimCounts
from app.models.trace import Trace

NAME = "MANIFEST.json"
_NOT_STATED = "not stated"


@dataclass(frozen=True)
class WrittenFile:
    """A file as it was handed on."""

    path: str
    sha256: str
    size_bytes: int


@dataclass
class Distribution:
    """How the chosen traces spread, counted one by one."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    @staticmethod
    def features_of(trace: Trace, scored: Scored) -> tuple[tuple[tuple[str, str], ...], tuple[int, int, int]]:
        """What is counted of a trace: what it is like, and its claims that were confirmed, refuted, or could not be checked."""
        results = trace.qa_results
        agent = trace.session.agent if trace.session is not None else None
        values = {
            "verdict": results.verification.verdict if results is not None else None,
            "score": None if scored.total is None else f"{int(scored.total)} to {int(scored.total) + 1}",
            "judge": scored.judge_kind,
            "rubric": scored.rubric,
            "role": trace.session.role if trace.session is not None else None,
            "model": agent.model if agent is not None else None,
            "language": _main_language(trace),
            "consent": _consent_text(trace),
            "tests from": results.verification.tests_from if results is not None else None,
        }
        claims = counts_of(trace)
        features = tuple((name, value or _NOT_STATED) for name, value in values.items())
        return features, (claims.confirmed, claims.refuted, claims.unverifiable)

    def count(self, features: Iterable[tuple[str, str]], claims: tuple[int, int, int]) -> None:
        """Count a chosen trace."""
        for name, value in features:
            self.counts.setdefault(name, Counter())[value] += 1
        self.counts.setdefault("claims", Counter()).update(dict(zip(ClaimCounts.model_fields, claims, strict=True)))

    def as_json(self) -> dict[str, dict[str, int]]:
        """By name, each value with its count, in order of the values."""
        return {name: dict(sorted(counts.items())) for name, counts in self.counts.items()}


@dataclass
class Report:
    """What came of an export."""

    format: str
    query: Mapping[str, Any]
    """Everything that decides about the content, defaults included."""
    program: Mapping[str, str]
    found: int
    """Traces that fit the query's scope."""
    chosen: int
    splits: Mapping[str, Mapping[str, int]]
    """By name: how many traces of how many repositories."""
    repositories: Mapping[str, Mapping[str, Any]]
    """Each with its split and its number of traces."""
    distribution: Distribution
    tally: Tally
    files: list[WrittenFile] = field(default_factory=list)

    def plan(self) -> dict[str, Any]:
        """What is known before anything is written."""
        return {
            "format": self.format,
            "program": dict(self.program),
            "query": dict(self.query),
            "traces": {"found": self.found, "chosen": self.chosen, "left_out": dict(sorted(self.tally.left_out.items()))},
            "splits": {name: dict(counts) for name, counts in self.splits.items()},
            "repositories": dict(self.repositories),
            "distribution": self.distribution.as_json(),
        }

    def as_json(self) -> dict[str, Any]:
        """The manifest's document, when everything is written."""
        return {
            **self.plan(),
            "splits": {name: {**counts, "rows": self.tally.rows[name]} for name, counts in self.splits.items()},
            "lost": [{"kind": loss.kind, "reason": loss.reason, "count": loss.count} for loss in self.tally.losses.losses()],
            "files": [{"path": file.path, "sha256": file.sha256, "size_bytes": file.size_bytes} for file in self.files],
        }

    def noting(self, file: OutputFile) -> OutputFile:
        """The same file, written down as soon as it has been read to its end."""
        return OutputFile(file.path, self._read(file), file.executable)

    def _read(self, file: OutputFile) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        for chunk in file.chunks:
            digest.update(chunk)
            size += len(chunk)
            yield chunk
        self.files.append(WrittenFile(file.path, digest.hexdigest(), size))


def manifest_of(report: Report) -> OutputFile:
    """The report as the last file of a dataset."""
    return OutputFile(NAME, ((json.dumps(report.as_json(), ensure_ascii=False, indent=1) + "\n").encode(),))


def _main_language(trace: Trace) -> str | None:
    languages = trace.repo.language_stats
    return max(languages, key=lambda language: language.ratio).lang if languages else None


def _consent_text(trace: Trace) -> str | None:
    consent = trace.session.consent if trace.session is not None else None
    if consent is None:
        return None
    return ", ".join(name for name, given in consent.model_dump().items() if given) or "nothing"
