"""Examples that the interactive documentation shows; a test sends every one of them."""

from __future__ import annotations

from typing import Any

NEW_TRACE: dict[str, Any] = {
    "trace_id": "fix-rounding-0001",
    "developer_id": "dev-17",
    "bug_id": "BUG-42",
    "start_time": "2026-03-02T09:00:00+01:00",
    "repo": {
        "name": "till",
        "url": "https://example.org/till.git",
        "branch": "main",
        "commit_before": "8f0f4d5",
        "commit_after": "c1d2e3f",
        "test_command": "python -m pytest -q",
    },
    "task": {"title": "Totals are a cent off", "known_failing_tests": ["tests/test_till.py::test_total_is_rounded_once"]},
    "events": [
        {
            "event_type": "reasoning_step",
            "timestamp": "2026-03-02T09:01:00+01:00",
            "data": {"content": "Each line is rounded before the sum.", "hypothesis": "Rounding once at the end mends it."},
        }
    ],
}

NEW_EVENTS: dict[str, Any] = {
    "events": [
        {
            "event_type": "code_edit",
            "timestamp": "2026-03-02T09:05:00+01:00",
            "data": {
                "file_path": "till.py",
                "diff": "--- a/till.py\n+++ b/till.py\n@@ -1,2 +1,2 @@\n def total(prices):\n"
                "-    return sum(round(price, 2) for price in prices)\n+    return round(sum(prices), 2)\n",
            },
        },
        {
            "event_type": "test_result",
            "timestamp": "2026-03-02T09:06:00+01:00",
            "data": {"tests_passed": True, "test_command": "python -m pytest -q", "summary": "1 passed", "num_passed": 1},
        },
    ]
}

FINALIZE: dict[str, Any] = {"test_command": "python -m pytest -q tests/test_till.py", "judge": "heuristic"}

REPLAY: dict[str, Any] = {"replay_commands": True}

JUDGE: dict[str, Any] = {"rubrics": ["process-6"], "judge": "heuristic"}

NEW_RECORDING: dict[str, Any] = {
    "participant_id": "p-042",
    "task_id": "BUG-42",
    "task_title": "Totals are a cent off",
    "repo_origin": "https://example.org/till.git",
    "start_commit": "8f0f4d5",
    "test_command": "python -m pytest -q",
    "known_failing_tests": ["tests/test_till.py::test_total_is_rounded_once"],
    "consent": {"rationales": True, "commands": True, "snapshots": True},
}

NEW_CHUNK: dict[str, Any] = {
    "chunk_id": "c-0001",
    "chunk_seq": 1,
    "events": [
        {"id": "e1", "seq": 1, "type": "cmd_run", "ts_client_s": 12.5, "cmd": "pytest -q", "exit_code": 1, "duration_ms": 640},
        {
            "id": "e2",
            "seq": 2,
            "type": "rationale_note",
            "ts_client_s": 60,
            "structured": {"hypothesis": "Each line is rounded before the sum."},
            "freeform": "The total is off by one cent per line.",
        },
    ],
    "artifacts": {"e1-stdout": {"type": "stdout", "event_id": "e1", "content": "1 failed in 0.04s\n"}},
}
