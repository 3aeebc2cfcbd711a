"""Rows for learning to tell whether a fix holds: the task, the change, what the session itself shows, and the verdict.

``evidence`` is what can be seen without running anything: the session's own test runs, as it reports them. What our re-run
found stands apart, under ``found``: it is the answer, not the question.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.formats.writing.base import Context, Item, Needs, Session
from app.formats.writing.pieces.changes import patch_of
from app.formats.writing.pieces.facts import FACTS, facts_of, task_text
from app.formats.writing.pieces.lines import LineWriter, encode_row
from app.models.events import TestResult
from app.models.qa import Verdict

KNOWN: frozenset[Verdict] = frozenset(
    {"fixed", "not_fixed", "regressed", "not_reproduced", "passes", "flaky", "tampered"}
)  # fmt: skip


class Verifier(LineWriter):
    """One attempt a row, of every verdict but ``inconclusive``."""

    name = "verifier"
    title = "one attempt with its change, its own test runs, and the verdict"
    needs = Needs(KNOWN, frozenset({"commands"}))
    fields = {
        "task": "the task",
        "diff": "the change, as a patch",
        "evidence": "the session's own test runs, as it reports them",
        "verdict": "what the re-run of the tests showed",
        "found": "more of what it showed; it belongs to the answer",
        **{name: told for name, told in FACTS.items() if name != "verdict"},
    }

    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """See ``LineWriter``."""
        session = context.load(item.first)
        diff = patch_of(session, context.tally) if session is not None else None
        if session is not None and diff is not None:
            yield encode_row({"task": task_text(session.trace), "diff": diff, **_rest(session)})


def _rest(session: Session) -> dict[str, Any]:
    facts = facts_of(session)
    return {"evidence": _evidence(session), "verdict": facts.pop("verdict"), "found": _found(session), **facts}


def _evidence(session: Session) -> list[dict[str, Any]]:
    """Every row has the same fields, so that all rows have one type."""
    return [
        {
            "command": event.data.test_command,
            "passed": event.data.tests_passed,
            "summary": event.data.summary,
            "failed_tests": list(event.data.failed_tests),
        }
        for event in session.trace.events
        if isinstance(event, TestResult)
    ]


def _found(session: Session) -> dict[str, Any]:
    results = session.trace.qa_results
    assert results is not None  # noqa: S101 -- only finalized traces are chosen
    checked = results.verification
    return {
        "reason": checked.reason,
        "fail_to_pass": list(checked.fail_to_pass),
        "pass_to_fail": list(checked.pass_to_fail),
        "fail_to_fail": list(checked.fail_to_fail),
        "flaky": sorted({flaky.test for flaky in checked.flaky}),
        "output": results.test_output_snippet,
    }
