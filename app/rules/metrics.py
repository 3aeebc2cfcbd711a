"""Counts over the events of a trace."""

from __future__ import annotations

from collections.abc import Sequence

from app.models.events import CodeEdit, Event, TerminalCommand, TestResult
from app.models.trace import Metrics
from app.rules.sequence import in_zone


def measure(events: Sequence[Event]) -> Metrics:
    """The metrics of a session; all zero where nothing happened."""
    edits = [event for event in events if isinstance(event, CodeEdit)]
    moments = [in_zone(event.timestamp) for event in events]
    return Metrics(
        duration_s=(max(moments) - min(moments)).total_seconds() if moments else 0.0,
        num_events=len(events),
        num_edits=len(edits),
        num_cmds=sum(isinstance(event, TerminalCommand) for event in events),
        num_test_runs=sum(isinstance(event, TestResult) for event in events),
        files_touched=len({edit.data.file_path for edit in edits}),
        edit_churn_lines=sum(_churn(edit.data.diff) for edit in edits),
    )


def _churn(diff: str) -> int:
    """Lines added plus lines removed, also of a diff that is not well-formed."""
    return sum(line.startswith(("+", "-")) and not line.startswith(("+++ ", "--- ")) for line in diff.split("\n"))
