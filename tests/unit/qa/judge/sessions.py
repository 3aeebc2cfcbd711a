"""Sessions for tests of the judge: a good one, and pieces to plant in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.models.events import EVENTS, Event
from app.models.rubric import Rubric
from app.models.trace import TRACE, Trace
from app.qa.base import Evidence
from app.qa.judge.features.measure import Measure
from app.qa.judge.features.reading import read_session
from app.qa.judge.features.registry import FEATURES
from app.qa.judge.rubric import REASONING, load_rubrics

RUBRICS = load_rubrics()
RUBRIC: Rubric = RUBRICS[REASONING]
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

FAILURE = 'File "stats/median.py", line 14, in find_median\nAssertionError: assert 2 == 2.5\n1 failed, 3 passed'
FIX = """\
--- a/stats/median.py
+++ b/stats/median.py
@@ -14,1 +14,1 @@
-    return ordered[mid]
+    return (ordered[mid - 1] + ordered[mid]) / 2
"""
NEW_TEST = """\
--- a/tests/test_median.py
+++ b/tests/test_median.py
@@ -9,0 +10,3 @@
+
+def test_even_length():
+    assert find_median([1, 2, 3, 4]) == 2.5
"""

Draft = dict[str, Any]


def thought(content: str, **more: Any) -> Draft:
    return {"event_type": "reasoning_step", "data": {"content": content, **more}}


def edit(path: str = "stats/median.py", diff: str = FIX) -> Draft:
    return {"event_type": "code_edit", "data": {"file_path": path, "diff": diff}}


def ran(command: str, exit_code: int | None = 0, output: str = "") -> Draft:
    data = {"command": command, "exit_code": exit_code, "output": output, "duration_ms": None}
    return {"event_type": "terminal_command", "data": data}


def result_of(passed: bool, command: str = "pytest", **more: Any) -> Draft:
    return {"event_type": "test_result", "data": {"tests_passed": passed, "test_command": command, "summary": "", **more}}


def opened(path: str = "stats/median.py") -> Draft:
    return {"event_type": "file_open", "data": {"file_path": path}}


def diff(removed: Iterable[str] = (), added: Iterable[str] = ()) -> str:
    """A unified diff of one hunk."""
    old, new = list(removed), list(added)
    lines = [f"@@ -1,{len(old)} +1,{len(new)} @@", *(f"-{line}" for line in old), *(f"+{line}" for line in new)]
    return "\n".join(lines) + "\n"


def good_session() -> list[Draft]:
    """Reproduced, read, explained, fixed, checked narrowly and widely, with a new test."""
    return [
        ran("pytest tests/test_median.py", 1, FAILURE),  # e1
        opened(),  # e2
        ran("grep -n mid stats/median.py", 0, "stats/median.py:14:    return ordered[mid]"),  # e3
        thought("find_median returns ordered[mid] for an even length: the cause is probably the missing average in median.py.",
                hypothesis="find_median forgets to average the two middle values"),  # e4
        edit(),  # e5
        ran("pytest tests/test_median.py", 0, "4 passed"),  # e6
        thought("The narrow tests pass. Edge cases: what about an empty list in find_median?"),  # e7
        edit("tests/test_median.py", NEW_TEST),  # e8
        ran("pytest", 0, "12 passed"),  # e9
        thought("All tests pass with the new test_even_length; find_median is fixed."),  # e10
    ]  # fmt: skip


def as_events(drafts: Iterable[Draft]) -> tuple[Event, ...]:
    """The events, a minute apart, named ``id-1``, ``id-2`` …"""
    raw = [
        {"timestamp": NOON + timedelta(minutes=index), "event_id": f"id-{index + 1}", **draft}
        for index, draft in enumerate(drafts)
    ]
    return EVENTS.validate_python(raw, strict=False)


def as_trace(drafts: Iterable[Draft], **more: Any) -> Trace:
    """A stored trace of the events."""
    return TRACE.validate_python(
        {
            "trace_id": "t-1",
            "developer_id": "dev-1",
            "start_time": NOON,
            "repo": {"name": "stats"},
            "created_at": NOON,
            "request_sha256": "0" * 64,
            "events": as_events(drafts),
            **more,
        }
    )


def as_evidence(drafts: Iterable[Draft]) -> Evidence:
    """What a judge is given."""
    return Evidence(as_trace(drafts))


def measure(feature: str, drafts: Iterable[Draft]) -> Measure:
    """One feature of a session."""
    return FEATURES[feature].measure(read_session(as_events(drafts)))
