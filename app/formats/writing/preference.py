"""Pairs of attempts at the same bug on the same code: one whose fix held, and one that is worse.

Worse is an attempt that the re-run of the tests refutes, or one whose fix held as well and whose score is lower by a margin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from app.formats.writing.base import NO_COUNTERPART, Chosen, Context, Item, Needs, Session, Tally, best_first, by_bug
from app.formats.writing.pieces.conversation import TOOLS, messages_of
from app.formats.writing.pieces.facts import FACTS, facts_of
from app.formats.writing.pieces.lines import LineWriter, encode_row
from app.models.qa import Verdict

GOOD: frozenset[Verdict] = frozenset({"fixed"})
BAD: frozenset[Verdict] = frozenset({"not_fixed", "regressed", "tampered"})
_SAME = ("bug_id", "repo", "base_commit")
"""Facts that attempts at the same bug share."""
_SIDES = ("chosen", "rejected")
MOST_PAIRS_OF_A_BUG = 100
"""A bug with many attempts would outweigh all others: their pairs are as many as the attempts multiplied."""


class Preference(LineWriter):
    """One pair a row."""

    name = "preference"
    title = "two attempts at the same bug: one whose fix held, and a worse one"
    needs = Needs(GOOD | BAD, frozenset({"rationales", "commands"}))
    fields = {
        "prompt": "the task, as a message, as the chosen attempt was given it",
        "chosen": "the attempt whose fix held, as messages",
        "rejected": "the worse attempt, as messages",
        "tools": "the functions that can be called, as JSON Schema",
        "because": "`verdict`: the fix of the other did not hold; `score`: its score is lower",
        **{name: FACTS[name] for name in _SAME},
        **{f"{side}_{name}": told for side in _SIDES for name, told in FACTS.items() if name not in _SAME},
    }

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        items: list[Item] = []
        for attempts in by_bug(chosen):
            pairs = _pairs(attempts, context.options.score_margin)
            items += (Item(pair) for pair in islice(pairs, MOST_PAIRS_OF_A_BUG))
            beyond = sum(1 for _ in pairs)
            if beyond:
                context.tally.losses.add("pair", f"a bug has at most {MOST_PAIRS_OF_A_BUG}", beyond)
        paired = {one.trace_id for item in items for one in item.traces}
        alone = sum(1 for one in chosen if one.trace_id not in paired)
        context.tally.left_out.update({NO_COUNTERPART: alone} if alone else {})
        return items

    def lines(self, item: Item, context: Context) -> Iterator[bytes]:
        """See ``LineWriter``."""
        better, worse = map(context.load, item.traces)
        if better is not None and worse is not None:
            yield encode_row(_row(better, worse, item, context.tally))


def _pairs(attempts: Sequence[Chosen], margin: float) -> Iterator[tuple[Chosen, Chosen]]:
    """Refuted attempts come first: what tests show weighs more than what a judge says."""
    good = best_first([one for one in attempts if one.verdict in GOOD])
    bad = [one for one in attempts if one.verdict in BAD]
    yield from ((better, worse) for worse in bad for better in good)
    yield from ((better, worse) for better in good for worse in good if _is_lower(worse, better, margin))


def _is_lower(worse: Chosen, better: Chosen, margin: float) -> bool:
    if worse.score is None or better.score is None:
        return False
    return worse.score < better.score and better.score - worse.score >= margin


def _row(better: Session, worse: Session, item: Item, tally: Tally) -> dict[str, Any]:
    # the task is told as the better attempt was given it; both are at the same bug on the same code
    prompt, *chosen = messages_of(better, tally)
    rejected = messages_of(worse, tally)[1:]
    facts = facts_of(better)
    sides = dict(zip(_SIDES, (facts, facts_of(worse)), strict=True))
    return {
        "prompt": [prompt],
        "chosen": chosen,
        "rejected": rejected,
        "tools": list(TOOLS),
        "because": "score" if item.traces[1].verdict in GOOD else "verdict",
        **{name: facts[name] for name in _SAME},
        **{f"{side}_{name}": value for side, known in sides.items() for name, value in known.items() if name not in _SAME},
    }
