"""Conversations for supervised fine-tuning: one session a row, as messages with calls of tools."""

from __future__ import annotations

from collections.abc import Iterator

from app.formats.writing.base import Context, Item, Needs
from app.formats.writing.pieces.conversation import TOOLS, messages_of
from app.formats.writing.pieces.facts import FACTS, facts_of
from app.formats.writing.pieces.lines import LineWriter, encode_row


class Messages(LineWriter):
    """Sessions as a model would live through them."""

    name = "messages"
    title = "one session as a conversation: the task, thoughts, calls of tools and what came back"
    needs = Needs(frozenset({"fixed"}), frozenset({"rationales", "commands"}))
    fields = {
        "messages": "the task, then thoughts (`reasoning_content`) with calls of tools and what came back",
        "tools": "the functions that can be called, as JSON Schema",
        **FACTS,
    }

    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """See ``LineWriter``."""
        session = context.load(item.first)
        if session is not None:
            messages = messages_of(session, context.tally)
            yield encode_row({"messages": messages, "tools": list(TOOLS), **facts_of(session)})
