"""Entries of an index, for tests."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.models.query import TraceSummary
from app.rules.summaries import Described
from app.storage.index import IndexEntry
from tests.builders import NOON


def a_summary(trace_id: str = "t-1", minute: float = 0, **more: Any) -> TraceSummary:
    """A line of a list, stored some minutes after noon."""
    created_at: datetime = NOON + timedelta(minutes=minute)
    fields: dict[str, Any] = {
        "trace_id": trace_id,
        "developer_id": "dev-1",
        "bug_id": None,
        "repo": "till",
        "task_title": None,
        "status": "open",
        "verdict": None,
        "tests_passed": None,
        "reasoning_score": None,
        "judge_kind": None,
        "num_events": 0,
        "num_edits": 0,
        "num_test_runs": 0,
        "files_touched": 0,
        "duration_s": 0.0,
        "start_time": created_at,
        "created_at": created_at,
        "finalized_at": None,
        "revision": 1,
        **more,
    }
    return TraceSummary(**fields)


def an_entry(
    trace_id: str = "t-1",
    minute: float = 0,
    *,
    text: str = "",
    event_types: tuple[str, ...] = (),
    fingerprint: str = "f-1",
    **more: Any,
) -> IndexEntry:
    """What an index keeps of a trace."""
    return IndexEntry(Described(a_summary(trace_id, minute, **more), frozenset(event_types), text), fingerprint)
