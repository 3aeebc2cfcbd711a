"""Trajectories in ATIF, the Agent Trajectory Interchange Format, version 1.7: one document for each session.

Readers of this format forbid fields that they do not know, so everything of ours goes into ``extra``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.formats.writing.base import Chosen, Context, Item, Needs, OutputFile, Session, one_each
from app.formats.writing.pieces.facts import facts_of, task_text
from app.models.events import Event, ReasoningStep, TerminalCommand, TestResult
from app.models.trace import Trace

VERSION = "ATIF-v1.7"
_UNKNOWN = "unknown"
_THOUGHT_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step")
_HASHES = ("hash_before", "hash_after")


class AtifWriter:
    """One trajectory a file."""

    name = "atif"
    title = f"one session as a trajectory in {VERSION}"
    needs = Needs()
    is_lines = False
    tables: Mapping[str, str] = {}
    fields: Mapping[str, str] = {}

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        del context
        return one_each(chosen)

    def files(self, split: str, items: Sequence[Item], context: Context) -> Iterator[OutputFile]:
        """See ``Writer``."""
        for item in items:
            session = context.load(item.first)
            if session is not None:
                context.tally.rows[split] += 1
                document = json.dumps(trajectory_of(session), ensure_ascii=False, indent=1).encode() + b"\n"
                yield OutputFile(f"trajectories/{split}/{item.first.trace_id}.json", (document,))


def trajectory_of(session: Session) -> dict[str, Any]:
    """The session as a document of the format."""
    trace = session.trace
    steps = [_task_step(trace), *map(_step, trace.events)]
    return {
        "schema_version": VERSION,
        "session_id": trace.trace_id,
        "trajectory_id": trace.trace_id,
        "agent": _agent(trace),
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, 1)],
        "final_metrics": {"total_steps": len(steps)},
        "extra": {"pr_telemetry": _about(session)},
    }


def _agent(trace: Trace) -> dict[str, Any]:
    session = trace.session
    agent = session.agent if session is not None else None
    is_human = session is not None and session.role == "human_dev"
    git = {"repository_url": trace.repo.url, "branch": trace.repo.branch, "commit_hash": trace.repo.commit_before}
    return {
        "name": (agent.name if agent is not None else None) or ("human" if is_human else _UNKNOWN),
        "version": (agent.version if agent is not None else None) or _UNKNOWN,
        **_known(model_name=agent.model if agent is not None else None),
        "extra": _known(role=session.role if session is not None else None, git=_known(**git)),
    }


def _about(session: Session) -> dict[str, Any]:
    trace = session.trace
    results = trace.qa_results
    return {
        **facts_of(session),
        "repository": trace.repo.model_dump(mode="json", exclude_none=True),
        "qa_results": results.model_dump(mode="json", exclude_none=True) if results is not None else None,
        "integrity": trace.integrity.model_dump(mode="json", exclude_none=True) if trace.integrity is not None else None,
    }


def _task_step(trace: Trace) -> dict[str, Any]:
    description = trace.task.description if trace.task is not None else None
    title = trace.task.title if trace.task is not None else None
    message = description or title or task_text(trace)
    return {
        "timestamp": trace.start_time.isoformat(),
        "source": "user",
        "message": message,
        "extra": _known(
            title=title, known_failing_tests=list(trace.task.known_failing_tests) if trace.task is not None else None
        ),
    }


def _step(event: Event) -> dict[str, Any]:
    about = {"event_id": event.event_id, "seq": event.seq}
    if isinstance(event, ReasoningStep):
        parts = {name: getattr(event.data, name) for name in _THOUGHT_PARTS}
        return {
            "timestamp": event.timestamp.isoformat(),
            "source": "agent",
            "message": "",
            "reasoning_content": event.data.content,
            "extra": _known(**about, **parts, extra=event.data.extra),
        }
    call_id = event.event_id or f"event-{event.seq}"
    call, result = _call(event, call_id), _result(event, call_id)
    return {
        "timestamp": event.timestamp.isoformat(),
        "source": "agent",
        "message": "",
        "tool_calls": [call],
        **({"observation": {"results": [result]}} if result is not None else {}),
        "llm_call_count": 0,
        "extra": _known(**about),
    }


def _call(event: Event, call_id: str) -> dict[str, Any]:
    data = event.data.model_dump(mode="json", exclude_none=True)
    extra = {name: data.pop(name) for name in (*_HASHES, "extra") if name in data}
    if isinstance(event, TerminalCommand):
        shown = ("command", "cwd")
        extra |= {name: value for name, value in data.items() if name not in (*shown, "output", "exit_code", "duration_ms")}
        data = {name: data[name] for name in shown if name in data}
    call = {"tool_call_id": call_id, "function_name": event.event_type, "arguments": data}
    return {**call, "extra": extra} if extra else call


def _result(event: Event, call_id: str) -> dict[str, Any] | None:
    if isinstance(event, TerminalCommand):
        told = {"exit_code": event.data.exit_code, "duration_ms": event.data.duration_ms}
        return {"source_call_id": call_id, "content": event.data.output, "extra": told}
    if isinstance(event, TestResult):
        return {"source_call_id": call_id, "content": event.data.summary}
    return None


def _known(**fields: Any) -> dict[str, Any]:
    """The fields that are known."""
    return {name: value for name, value in fields.items() if value is not None}
