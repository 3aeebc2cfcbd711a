"""Attempts with a label: what the re-run of the tests says of each, for methods that need no pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from app.formats.writing.base import Chosen, Context, Item, Needs, one_each
from app.formats.writing.pieces.conversation import TOOLS, messages_of
from app.formats.writing.pieces.facts import FACTS, facts_of
from app.formats.writing.pieces.lines import LineWriter, encode_row
from app.models.qa import Verdict

GOOD: frozenset[Verdict] = frozenset({"fixed"})
NO_LABEL = "verdict"
"""Left out: the verdict says neither."""
BAD: frozenset[Verdict] = frozenset({"not_fixed", "regressed", "tampered"})


class Unpaired(LineWriter):
    """One attempt a row; ``label`` is whether its fix held."""

    name = "unpaired"
    title = "one attempt with a label: whether its fix held when the tests were run again"
    needs = Needs(GOOD | BAD, frozenset({"rationales", "commands"}))
    fields = {
        "prompt": "the task, as a message",
        "completion": "the attempt, as messages",
        "label": "`true` where the fix held",
        "tools": "the functions that can be called, as JSON Schema",
        **FACTS,
    }

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        labelled = [one for one in chosen if one.verdict in GOOD | BAD]
        context.tally.left_out.update({NO_LABEL: len(chosen) - len(labelled)} if len(chosen) > len(labelled) else {})
        return one_each(labelled)

    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """See ``LineWriter``."""
        session = context.load(item.first)
        if session is not None:
            prompt, *completion = messages_of(session, context.tally)
            label = item.first.verdict in GOOD
            row = {"prompt": [prompt], "completion": completion, "label": label, "tools": list(TOOLS), **facts_of(session)}
            yield encode_row(row)
