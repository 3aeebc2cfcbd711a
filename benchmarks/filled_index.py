"""An index of many traces without the traces, and our server on it. ``python -m benchmarks.filled_index FILE``."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from app.api.app import create_app
from app.bootstrap.server import Application, build_application
from app.models.qa import Verdict
from app.models.query import TraceSummary
from app.rules.summaries import Described
from app.services.indexing import IndexUpdater
from app.services.queries import QueryService
from app.settings import Settings, load_settings
from app.storage.index import IndexEntry
from app.storage.sqlite_index import SqliteTraceIndex
from benchmarks.references import serve

_BATCH = 20_000
_DEVELOPERS, _REPOS, _BUGS = 20, 10, 10
_START = datetime(2026, 1, 1, tzinfo=UTC)
_WORDS = ("rounding", "cent", "invoice", "total", "basket", "discount", "cache", "stale", "cursor", "page", "empty", "list",
          "boundary", "retry", "timeout", "locale")  # fmt: skip
_COMMANDS = ("python -m pytest -q tests", "git diff --stat", "ruff check .", "python -m till.report")

QUESTIONS = (
    "developer_id=dev-7&status=finalized",
    "repo=repo-3&verdict=fixed",
    "bug_id=BUG-4&status=finalized",
    "developer_id=dev-11&min_score=3.5",
    "repo=repo-5&event_type=test_result",
)
"""Two filters each; every page is full at every size."""


def fill(path: Path, count: int, seed: int = 5) -> float | None:
    """Put so many entries into an index, in batches. Returns how long that took, in seconds; ``None`` where it was there."""
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    draft, started = path.with_suffix(".draft"), time.monotonic()
    draft.unlink(missing_ok=True)
    index = SqliteTraceIndex(draft)
    entries = _entries(random.Random(seed), count)
    for _ in range(0, count, _BATCH):
        index.put(list(islice(entries, min(_BATCH, count))))
    index.close()
    draft.rename(path)
    return time.monotonic() - started


def _entries(chance: random.Random, count: int) -> Iterator[IndexEntry]:
    for number in range(count):
        yield IndexEntry(Described(_summary(chance, number), _event_types(chance), _text(chance)), f"{number:x}")


def _summary(chance: random.Random, number: int) -> TraceSummary:
    created = _START + timedelta(seconds=number * 13 % 15_000_000)
    is_final = chance.random() < 0.9
    verdict: Verdict | None = chance.choice(("fixed", "fixed", "fixed", "not_fixed")) if is_final else None
    return TraceSummary.model_construct(
        trace_id=f"session-{number:08d}",
        developer_id=f"dev-{chance.randrange(_DEVELOPERS)}",
        bug_id=f"BUG-{chance.randrange(_BUGS)}",
        repo=f"repo-{chance.randrange(_REPOS)}",
        task_title=" ".join(chance.choices(_WORDS, k=6)),
        status="finalized" if is_final else "open",
        verdict=verdict,
        tests_passed=verdict == "fixed" if is_final else None,
        reasoning_score=chance.randrange(51) / 10 if is_final else None,
        judge_kind="heuristic" if is_final else None,
        num_events=chance.randrange(10, 2000),
        num_edits=chance.randrange(1, 100),
        num_test_runs=chance.randrange(1, 50),
        files_touched=chance.randrange(1, 20),
        duration_s=chance.randrange(60, 20_000) * 1.0,
        start_time=created - timedelta(hours=1),
        created_at=created,
        finalized_at=created + timedelta(minutes=5) if is_final else None,
        revision=3,
    )


def _event_types(chance: random.Random) -> frozenset[str]:
    return frozenset({"code_edit", "terminal_command", "reasoning_step", *(["test_result"] if chance.random() < 0.8 else [])})


def _text(chance: random.Random) -> str:
    return "\n".join((" ".join(chance.choices(_WORDS, k=20)), *chance.sample(_COMMANDS, 2)))


class _AllThere:
    """An inventory of which nobody asks: the index is never compared with it."""

    def fingerprints(self) -> Iterator[tuple[str, str]]:
        """See ``TraceInventory``."""
        return iter(())

    def fingerprint(self, trace_id: str) -> str | None:
        """See ``TraceInventory``."""
        return trace_id


def _build(settings: Settings, path: Path) -> Application:
    application = build_application(settings)
    index = SqliteTraceIndex(path)
    updater = IndexUpdater(_unknown, _AllThere(), index)
    return replace(application, queries=QueryService(index, updater))


def _unknown(trace_id: str) -> Any:
    raise KeyError(trace_id)


def main() -> None:
    """Our server; only what it lists is given."""
    path = Path(sys.argv[1])
    serve(create_app(load_settings(), lambda settings: _build(settings, path)))


if __name__ == "__main__":
    main()
