"""Sessions for the viewer of sessions on the Hugging Face Hub: a file of lines for each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.formats.writing.base import Chosen, Context, Item, Needs, OutputFile, Session, Tally, one_each
from app.formats.writing.pieces.conversation import Turn, turns_of
from app.formats.writing.pieces.facts import task_text
from app.formats.writing.pieces.lines import encode_row
from app.models.events import Event

_HARNESS = "pr-telemetry"


class SessionViewer:
    """One session a file."""

    name = "sts"
    title = "one session as the session viewer of the Hugging Face Hub reads it"
    needs = Needs(None, frozenset({"rationales", "commands"}))
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
                yield OutputFile(f"sessions/{split}/{item.first.trace_id}.jsonl", _lines(session, context.tally))


def _lines(session: Session, tally: Tally) -> Iterator[bytes]:
    trace = session.trace
    name = trace.task.title if trace.task is not None and trace.task.title else trace.trace_id
    yield encode_row({"type": "session", "harness": _HARNESS, "id": trace.trace_id, "name": name})
    task = {"role": "user", "content": task_text(trace), "timestamp": round(trace.start_time.timestamp() * 1000)}
    yield encode_row({"type": "message", "message": task})
    model = trace.session.agent.model if trace.session is not None and trace.session.agent is not None else None
    for number, turn in enumerate(turns_of(session, tally), 1):
        for message in _messages(turn, f"call_{number}", {"model": model} if model else {}):
            yield encode_row({"type": "message", "message": message})


def _messages(turn: Turn, call_id: str, model: Mapping[str, str]) -> list[dict[str, Any]]:
    action, reasoning = turn.action, turn.reasoning
    began = _when(turn.thoughts[0]) if turn.thoughts else _when(action.event) if action is not None else {}
    if action is None:
        return [{"role": "assistant", "content": reasoning, **began, **model}]
    arguments = json.dumps(dict(action.arguments), ensure_ascii=False)
    call = {"id": call_id, "function": {"name": action.name, "arguments": arguments}}
    thought = {"reasoningContent": reasoning} if reasoning else {}
    return [
        {"role": "assistant", "content": "", **thought, "toolCalls": [call], **began, **model},
        {"role": "tool", "content": action.result, "toolCallId": call_id, **_when(action.event)},
    ]


def _when(event: Event) -> dict[str, int]:
    return {"timestamp": round(event.timestamp.timestamp() * 1000)}
