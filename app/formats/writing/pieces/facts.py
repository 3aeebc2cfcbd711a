"""What stands in every row beside its content: where it comes from, and what was established about it."""

from __future__ import annotations

from typing import Any

from app.formats.writing.base import Session
from app.models.replay import ClaimCounts
from app.models.trace import Trace

FACTS = {
    "trace_id": "the trace that the row was made of",
    "bug_id": "the bug, as the trace names it; `null` where it does not",
    "repo": "address of the repository, or its name where the trace has no address",
    "base_commit": "the commit that the session began with",
    "verdict": "what the re-run of the tests showed",
    "score": "the judge's score that this export counts; `null` where there is none",
    "judge_kind": "whose score it is: a model's (`llm`), that of rules (`heuristic`) or a person's (`human`)",
    "rubric": "the rubric of the score",
    "claims": "how many claims of the session were confirmed, refuted, or could not be checked",
    "role": "who worked: a person (`human_dev`) or an agent (`ai_agent`)",
    "agent": "the agent's name",
    "model": "the agent's model",
}
"""Field by field, for the documentation of datasets."""


def facts_of(session: Session) -> dict[str, Any]:
    """The facts about a session, in the order of ``FACTS``."""
    trace, scored = session.trace, session.scored
    agent = trace.session.agent if trace.session is not None else None
    return {
        "trace_id": trace.trace_id,
        "bug_id": trace.bug_id,
        "repo": trace.repo.url or trace.repo.name,
        "base_commit": trace.repo.commit_before,
        "verdict": trace.qa_results.verification.verdict if trace.qa_results is not None else None,
        "score": scored.total,
        "judge_kind": scored.judge_kind,
        "rubric": scored.rubric,
        "claims": counts_of(trace).model_dump(),
        "role": trace.session.role if trace.session is not None else None,
        "agent": agent.name if agent is not None else None,
        "model": agent.model if agent is not None else None,
    }


def counts_of(trace: Trace) -> ClaimCounts:
    """How many claims came out how."""
    claims = trace.qa_results.claims if trace.qa_results is not None else ()
    statuses = [claim.status for claim in claims]
    return ClaimCounts(
        confirmed=statuses.count("confirmed"),
        refuted=statuses.count("refuted"),
        unverifiable=statuses.count("unverifiable"),
    )


def task_text(trace: Trace) -> str:
    """The task in words, as whoever takes it on would read it."""
    task = trace.task
    known = "\n".join(f"- {name}" for name in task.known_failing_tests) if task is not None else ""
    paragraphs = [
        (task.title if task is not None else None) or "",
        (task.description if task is not None else None) or "",
        f"These tests fail:\n{known}" if known else "",
        f"The tests run with: {trace.repo.test_command}" if trace.repo.test_command else "",
    ]
    return "\n\n".join(paragraph.strip() for paragraph in paragraphs if paragraph.strip()) or "Fix the bug."
