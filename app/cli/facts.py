"""What two traces are compared by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from app.cli.session_document import SessionDocument
from app.rules.metrics import facts_of_stored, measure

Facts = dict[str, dict[str, Any]]
"""Named facts in named groups, in the order in which they are shown. ``None``: not known, or not established."""

_GROUPS = {
    "fail_to_pass": "failed, and pass now",
    "pass_to_fail": "passed, and fail now",
    "fail_to_fail": "still failing",
    "pass_to_pass": "passed all along",
}


def facts_of(session: SessionDocument) -> Facts:
    """The facts of a trace. Those of the checks are missing where there were none."""
    results = session.head.get("qa_results")
    return {
        "session": _session(session),
        "work": _work(session),
        "tests": _tests(results["verification"]) if results else {},
        "claims": _claims(results) if results else {},
        "reasoning": _reasoning(session.head) if results else {},
    }


def _session(session: SessionDocument) -> dict[str, Any]:
    head = session.head
    results = head.get("qa_results")
    return {
        "trace": session.title,
        "task": (head["task"] or {}).get("title"),
        "repository": head["repo"]["name"],
        "developer": head["developer_id"],
        "status": head.get("status", "not submitted"),
        "verdict": results["verification"]["verdict"] if results else None,
        "reason": results["verification"]["reason"] if results else None,
    }


def _work(session: SessionDocument) -> dict[str, Any]:
    metrics = session.head.get("metrics") or measure(map(facts_of_stored, session.events())).model_dump()
    return {
        "events": metrics["num_events"],
        "edits": metrics["num_edits"],
        "files edited": metrics["files_touched"],
        "lines changed": metrics["edit_churn_lines"],
        "commands": metrics["num_cmds"],
        "test runs": metrics["num_test_runs"],
        "minutes": round(metrics["duration_s"] / 60, 1),
    }


def _tests(found: Mapping[str, Any]) -> dict[str, Any]:
    runs = {f"{name} the fix": _run(found[name]) for name in ("before", "after")}
    return {"pass at the end": found["tests_passed"], **runs, **{words: len(found[name]) for name, words in _GROUPS.items()}}


def _run(run: Mapping[str, Any] | None) -> object:
    if run is None:
        return None
    return (
        dict(sorted(Counter(run["tests"].values()).items()))
        if run["outcome"] == "completed"
        else run["outcome"].replace("_", " ")
    )


def _claims(results: Mapping[str, Any]) -> dict[str, Any]:
    return dict(results["replay"]["counts"]) if results["replay"] else {}


def _reasoning(head: Mapping[str, Any]) -> dict[str, Any]:
    """By rubric, the newest judgement; of each, total and dimensions."""
    results = head["qa_results"]
    found: dict[str, Any] = {"score": results["reasoning_score"], "judge": results["judge_kind"]}
    newest = {judgement["rubric"]["id"]: judgement for judgement in (*results["judgements"], *head["judgements"])}
    for rubric, judgement in newest.items():
        found[rubric] = judgement["total"] if judgement["total"] is not None else judgement["status"].replace("_", " ")
        found |= {f"{rubric} {name}": dimension["score"] for name, dimension in judgement["dimensions"].items()}
    return found
