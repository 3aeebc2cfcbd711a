"""What was found out about a trace, as text for a person at a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WIDTH = 100
_GROUPS = (
    ("fail_to_pass", "turned from failing to passing"),
    ("pass_to_fail", "turned from passing to failing"),
    ("fail_to_fail", "still failing"),
)


def render_report(document: Mapping[str, Any]) -> str:
    """The report of one finalized trace."""
    return "\n".join([*_heading(document), render_results(document)])


def render_results(document: Mapping[str, Any]) -> str:
    """What was found out about a finalized trace."""
    results = document["qa_results"]
    return "\n".join([*_verification(results["verification"]), *_claims(results), *_judgements(results), ""])


def render_comparison(documents: Sequence[Mapping[str, Any]]) -> str:
    """One line for each finalized trace."""
    rows = [("session", "verdict", "fail→pass", "still failing", "reasoning", "process", "judge")]
    for document in documents:
        results = document["qa_results"]
        verification = results["verification"]
        rows.append(
            (
                document["trace_id"],
                verification["verdict"],
                str(len(verification["fail_to_pass"])),
                str(len(verification["fail_to_fail"]) + len(verification["pass_to_fail"])),
                _score(results["reasoning_score"], " of 5"),
                _score(_total(results, "process-6"), " of 5"),
                results["judge_kind"] or "none",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _heading(document: Mapping[str, Any]) -> Iterator[str]:
    task = document.get("task") or {}
    metrics = document.get("metrics") or {}
    yield f"{document['trace_id']}: {task.get('title') or document['repo']['name']}"
    yield (
        f"  {metrics.get('num_events', 0)} events, {metrics.get('num_edits', 0)} edits in "
        f"{metrics.get('files_touched', 0)} files, {metrics.get('num_cmds', 0)} commands, "
        f"{metrics.get('num_test_runs', 0)} test runs, "
        f"{metrics.get('duration_s', 0) / 60:.0f} min"
    )
    yield ""


def _verification(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"  Verdict: {found['verdict']}"
    yield from _wrapped(found["reason"], "    ")
    for name in ("before", "after"):
        if (run := found[name]) is not None:
            yield f"    {name:<7}{_run(run)}"
    for group, words in _GROUPS:
        if found[group]:
            yield f"    {words}:"
            yield from (f"      {test}" for test in found[group])
    if found["pass_to_pass"]:
        yield f"    passing before and after: {len(found['pass_to_pass'])}"
    if found["trees_from"]:
        yield from _wrapped(f"tested: {found['trees_from']}; tests from {found['tests_from'] or 'nowhere'}", "    ")
    yield ""


def _run(run: Mapping[str, Any]) -> str:
    if run["outcome"] != "completed":
        return f"{run['outcome'].replace('_', ' ')}: {run['reason']}"
    counts: dict[str, int] = {}
    for outcome in run["tests"].values():
        counts[outcome] = counts.get(outcome, 0) + 1
    shown = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())) or "no report per test"
    return f"{shown} (exit status {run['exit_code']}, {run['duration_s']:.1f} s)"


def _claims(results: Mapping[str, Any]) -> Iterator[str]:
    replay = results["replay"]
    if replay is None:
        return
    counts = replay["counts"]
    yield f"  Claims: {counts['confirmed']} confirmed, {counts['refuted']} refuted, {counts['unverifiable']} unverifiable"
    if replay["reason"]:
        yield from _wrapped(replay["reason"], "    ")
    for claim in results["claims"]:
        if claim["status"] == "refuted":
            name = f"event {claim['seq']}" if claim["seq"] is not None else "the end"
            yield from _wrapped(f"refuted: {name} ({claim['kind'].replace('_', ' ')}): {claim['reason']}", "    ")
    yield ""


def _judgements(results: Mapping[str, Any]) -> Iterator[str]:
    yield f"  Reasoning: {_score(results['reasoning_score'], ' of 5')} (judge: {results['judge_kind'] or 'none'})"
    for judgement in results["judgements"]:
        judge = judgement["judge"]
        total = "" if judgement["total"] is None else f", {judgement['total']:.2f}"
        who = f"{judge['kind']} judge {judge['model'] or judge['name']}"
        yield f"    by {judgement['rubric']['id']}, {who}: {judgement['status']}{total}"
        if judgement["reason"]:
            yield from _wrapped(judgement["reason"], "      ")
        for name, dimension in judgement["dimensions"].items():
            yield f"      {name:<24}{_score(dimension['score'], '')}"
            yield from _wrapped(dimension["rationale"], "        ")
    yield ""


def _total(results: Mapping[str, Any], rubric: str) -> float | None:
    """Of the judgement that decides by a rubric."""
    totals: list[float | None] = [one["total"] for one in results["judgements"] if one["rubric"]["id"] == rubric]
    return totals[-1] if totals else None


def _score(score: float | None, unit: str) -> str:
    return "not established" if score is None else f"{score:.2f}{unit}"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)
