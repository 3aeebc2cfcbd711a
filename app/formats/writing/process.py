"""Labels step by step: what each step of a session claims, and whether it was so when it was carried out again.

A step is all that happened up to a claim that was confirmed or refuted. What could not be checked has no label of its own and
stands at the beginning of the next step that has one, so that the steps one after the other are the session.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from app.formats.writing.base import Context, Item, Needs, Session, Tally
from app.formats.writing.pieces.conversation import Action, Turn, turns_of
from app.formats.writing.pieces.facts import FACTS, facts_of, task_text
from app.formats.writing.pieces.lines import LineWriter, encode_row
from app.models.replay import Claim

NO_CLAIMS = "session without a step that could be checked"


class Process(LineWriter):
    """One session a row, its steps with a label for each."""

    name = "process"
    title = "one session, step by step, each step with a label: whether what it claims is so"
    needs = Needs(None, frozenset({"rationales", "commands"}))
    fields = {
        "prompt": "the task",
        "completions": "the steps, one after the other",
        "labels": "for each step, whether what it claims is so",
        "kinds": "for each step, the kind of claim that decides",
        "reasons": "for each step, why",
        "event_ids": "for each step, the event that decides",
        **FACTS,
    }

    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """See ``LineWriter``."""
        session = context.load(item.first)
        row = _row(session, context.tally) if session is not None else None
        if row is not None:
            yield encode_row(row)


def _row(session: Session, tally: Tally) -> dict[str, Any] | None:
    claims = _claims_by_event(session, tally)
    texts: list[str] = []
    steps: list[dict[str, Any]] = []
    for turn in turns_of(session, tally):
        texts.append(_text(turn))
        made = [claim for event_id in turn.event_ids for claim in claims.get(event_id, ())]
        decided = [claim for claim in made if claim.status != "unverifiable"]
        if decided:
            steps.append(_step("\n\n".join(filter(None, texts)), decided))
            texts = []
    if texts:
        tally.losses.add("turn", "no claim that was checked comes after it", len(texts))
    if not steps:
        tally.losses.add(NO_CLAIMS, "a row needs a label")
        return None
    return {
        "prompt": task_text(session.trace),
        "completions": [step["text"] for step in steps],
        "labels": [step["label"] for step in steps],
        "kinds": [step["kind"] for step in steps],
        "reasons": [step["reason"] for step in steps],
        "event_ids": [step["event_id"] for step in steps],
        **facts_of(session),
    }


def _claims_by_event(session: Session, tally: Tally) -> dict[str, list[Claim]]:
    results = session.trace.qa_results
    found: dict[str, list[Claim]] = {}
    for claim in results.claims if results is not None else ():
        if claim.event_id is None:
            tally.losses.add("claim", "it is about the session as a whole")
        else:
            found.setdefault(claim.event_id, []).append(claim)
    return found


def _step(text: str, decided: Sequence[Claim]) -> dict[str, Any]:
    """What is refuted decides: a step holds if all that it claims does."""
    telling = next((claim for claim in decided if claim.status == "refuted"), decided[0])
    return {
        "text": text,
        "label": telling.status == "confirmed",
        "kind": telling.kind,
        "reason": telling.reason,
        "event_id": telling.event_id,
    }


def _text(turn: Turn) -> str:
    return "\n\n".join(filter(None, [turn.reasoning, _action_text(turn.action)]))


def _action_text(action: Action | None) -> str:
    if action is None:
        return ""
    given = dict(action.arguments)
    if action.name == "edit_file":
        return f"Edit {given['file_path']}:\n{given['diff']}"
    if action.name == "open_file":
        return f"Open {given['file_path']}"
    if action.name == "commit":
        return f"Commit: {given['message']}"
    return f"$ {given['command']}\n{action.result}"
