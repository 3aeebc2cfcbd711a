"""A finalized trace in the shape of the recording API."""

from __future__ import annotations

import json
from typing import Any

from app.rules.recording import as_recorded

TRACE_VERSION = "1.0"
SHOWN_RUBRIC = "process-6"


def as_recording_document(document: bytes) -> dict[str, Any]:
    """The document of a trace, in the recording API's words."""
    trace: dict[str, Any] = json.loads(document)
    task = trace["task"] or {}
    return {
        "trace_version": TRACE_VERSION,
        "session": _session(trace),
        "task": {
            "task_id": trace["bug_id"],
            "task_title": task.get("title"),
            "task_description": task.get("description"),
            "known_failing_tests": task.get("known_failing_tests", []),
        },
        "repo": {**trace["repo"], "origin": trace["repo"]["url"], "start_commit": trace["repo"]["commit_before"]},
        "environment": trace["environment"],
        "events": [as_recorded(event) for event in trace["events"]],
        "artifacts": trace["artifacts"],
        "metrics": trace["metrics"],
        "qa": _qa(trace["qa_results"], trace.get("judgements", [])),
        "integrity": trace["integrity"],
        "created_at": trace["created_at"],
        "completed_at": trace["finalized_at"],
    }


def _session(trace: dict[str, Any]) -> dict[str, Any]:
    session = trace["session"] or {}
    return {
        **session,
        "trace_id": trace["trace_id"],
        "participant_id": trace["developer_id"],
        "start_time": trace["start_time"],
        "end_time": trace["end_time"],
    }


def _qa(results: dict[str, Any] | None, later: list[dict[str, Any]]) -> dict[str, Any] | None:
    if results is None:
        return None
    verification = results["verification"]
    judgement = _shown([*results["judgements"], *later])
    return {
        "validation": {
            "tests_passed": results["tests_passed"],
            "exit_code": results["test_exit_code"],
            "output_snippet": results["test_output_snippet"],
            **{
                name: verification[name]
                for name in ("verdict", "reason", "fail_to_pass", "pass_to_pass", "pass_to_fail", "fail_to_fail")
            },
        },
        "judge": None if judgement is None else _judge(judgement),
    }


def _shown(judgements: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The last one by the rubric whose dimensions this API promises."""
    shown = [judgement for judgement in judgements if judgement["rubric"]["id"] == SHOWN_RUBRIC]
    return shown[-1] if shown else None


def _judge(judgement: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": judgement["status"],
        "reason": judgement["reason"],
        "scores": {name: dimension["score"] for name, dimension in judgement["dimensions"].items()},
        "overall": judgement["total"],
        "feedback_summary": judgement["feedback"],
        "kind": judgement["judge"]["kind"],
        "model": judgement["judge"]["model"] or judgement["judge"]["name"],
        "rubric": judgement["rubric"]["id"],
        "rubric_version": judgement["rubric"]["version"],
    }
