"""Finding traces: what may be asked, and what a list says of each trace."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from app.models.base import TraceId, Value
from app.models.judgement import JudgeKind
from app.models.qa import Verdict
from app.models.trace import Status

EventType = Literal[
    "file_open", "file_close", "code_edit", "terminal_command", "test_result", "commit", "reasoning_step"
]  # fmt: skip
SortField = Literal["created_at", "start_time", "score", "num_events", "duration"]
Score = Annotated[float, Field(ge=0, le=5)]
Name = Annotated[str, Field(min_length=1, max_length=512)]

MAX_PAGE = 200
DEFAULT_PAGE = 50
MAX_TEXT_CHARACTERS = 500


class TraceQuery(Value):
    """Which traces, in which order, from where on. A filter that is left out lets every trace pass."""

    developer_id: Name | None = None
    bug_id: Name | None = None
    repo: Name | None = None
    """The repository's name."""
    status: Status | None = None
    verdict: Verdict | None = None
    score_min: Score | None = None
    """Traces without a score pass neither score filter."""
    score_max: Score | None = None
    created_from: datetime | None = None
    """Inclusive, as every ``_from``."""
    created_to: datetime | None = None
    """Exclusive, as every ``_to``."""
    started_from: datetime | None = None
    started_to: datetime | None = None
    event_type: EventType | None = None
    """Traces that hold at least one event of this type."""
    q: Annotated[str | None, Field(max_length=MAX_TEXT_CHARACTERS)] = None
    """Words and ``"quoted phrases"``, all of which stand in the task, the reasoning or the commands."""
    sort: SortField = "created_at"
    descending: bool = True
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE
    cursor: Annotated[str | None, Field(max_length=1000)] = None
    """From the page before; it belongs to this query and no other."""


class TraceSummary(Value):
    """A trace in a list."""

    trace_id: TraceId
    developer_id: str
    bug_id: str | None
    repo: str | None
    """The repository's name."""
    task_title: str | None
    status: Status
    verdict: Verdict | None
    tests_passed: bool | None
    reasoning_score: float | None
    judge_kind: JudgeKind | None
    num_events: int
    num_edits: int
    num_test_runs: int
    files_touched: int
    duration_s: float
    start_time: datetime
    created_at: datetime
    finalized_at: datetime | None
    revision: int


class TracePage(Value):
    """Some of the traces that a query finds."""

    items: tuple[TraceSummary, ...]
    next_cursor: str | None
    """``null`` on the last page."""
    complete: bool = True
    """``False`` while the index is still being built: there may be traces that it does not know yet."""
