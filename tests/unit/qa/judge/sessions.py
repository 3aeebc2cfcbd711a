"""Sessions for tests of the judge: a good one, and pieces to plant in it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from app.models.events import EVENTS, Event
from app.models.rubric import Rubric
from app.models.trace import TRACE, Trace
from app.qa.base import Evidence
from app.qa.judge.features.measure import Measure
from app.qa.judge.heuristic import measure_features
from app.qa.judge.rubric import PROCESS, REASONING, load_rubrics

RUBRICS = load_rubrics()
RUBRIC: Rubric = RUBRICS[REASONING]
PROCESS_RUBRIC: Rubric = RUBRICS[PROCESS]
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

NEW_FILE = "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x = 1\n"

PINNED = {
    "name": "stats",
    "url": "https://example.com/stats.git",
    "commit_before": "a1b2c3d4e5f6",
    "commit_after": "0f1e2d3c4b5a",
    "test_command": "pytest",
}

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


def committed(message: str = "Fix the median", sha: str = "0f1e2d3c4b5a") -> Draft:
    return {"event_type": "commit", "data": {"sha": sha, "message": message}}


FAILS = ran("pytest tests/test_median.py", 1, FAILURE)
PASSES = ran("pytest tests/test_median.py", 0, "4 passed")
GUESS = thought("Probably find_median in stats/median.py forgets the average.")


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


def without(*numbers: int) -> list[Draft]:
    """The good session without some of its events, counted from 1."""
    return [draft for number, draft in enumerate(good_session(), start=1) if number not in numbers]


def repeated(times: int) -> list[Draft]:
    """The good session over and over, its thoughts in other words each time."""
    return [_numbered(draft, number) for number in range(times) for draft in good_session()]


def _numbered(draft: Draft, number: int) -> Draft:
    data = draft["data"]
    return {**draft, "data": {**data, "content": f"{data['content']} {number}"}} if "content" in data else draft


def calls_during(work: Callable[[], object]) -> int:
    """How many functions were called: a measure of the work that no other program on the machine disturbs."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


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
            "repo": PINNED,
            "created_at": NOON,
            "request_sha256": "0" * 64,
            "events": as_events(drafts),
            **more,
        }
    )


def as_evidence(drafts: Iterable[Draft], refuted: Iterable[str] = (), **more: Any) -> Evidence:
    """What a judge is given."""
    return Evidence(as_trace(drafts, **more), refuted=frozenset(refuted))


def measure(feature: str, drafts: Iterable[Draft], refuted: Iterable[str] = (), **more: Any) -> Measure:
    """One feature of a session."""
    return measure_features(as_evidence(drafts, refuted, **more), [feature])[feature]
