"""The whole session within a budget: the finest level that fits, and an honest gap for whatever does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.models.events import Event
from app.qa.judge.rendering.blocks import Block, block_of
from app.qa.judge.rendering.levels import LEVELS, SQUEEZED, Level
from app.qa.judge.rendering.outline import Keep, Place, outline
from app.qa.judge.rendering.rendered import BYTES_PER_TOKEN, Rendering, events_left_out


def render_events(
    events: Sequence[Event], nonce: str, budget_tokens: int, *, refuted: frozenset[str] = frozenset()
) -> Rendering:
    """The events as text of at most ``budget_tokens`` (estimated), as finely as that allows.

    Every thought, edit, test result and command that stands out is shown, the first failing run, the last run and the last
    events, as long as the budget holds them on the coarsest level. ``refuted`` names events by their ids in the trace.
    """
    budget = max(0, budget_tokens) * BYTES_PER_TOKEN
    places = outline(events, refuted)
    level, blocks = _whole(places, nonce, budget) or _in_part(places, nonce, budget)
    return _rendering(places, blocks, level, nonce, budget)


def _whole(places: Sequence[Place], nonce: str, budget: int) -> tuple[Level, list[Block]] | None:
    """The finest level that fits as it is."""
    for level in LEVELS:
        blocks = _blocks_within(places, level, nonce, budget)
        if blocks is not None:
            return level, blocks
    return None


def _in_part(places: Sequence[Place], nonce: str, budget: int) -> tuple[Level, list[Block]]:
    """The finest of the coarsest level's forms that has room for all that must be kept; or the smallest, with what fits."""
    most = sum(place.keep is not Keep.OTHER for place in places)
    for level in SQUEEZED:
        blocks = _most_important(places, level, nonce, budget)
        if sum(block.place.keep is not Keep.OTHER for block in blocks) == most:
            break
    return level, blocks


def _blocks_within(places: Sequence[Place], level: Level, nonce: str, budget: int) -> list[Block] | None:
    """Every block of a level, or ``None`` as soon as they are too much."""
    blocks: list[Block] = []
    room, gap = budget, _gap_bytes(len(places))
    follows_gap = False
    for place in places:
        block = _block(places, place, level, nonce)
        room -= (0 if follows_gap else gap) if block is None else block.cost
        follows_gap = block is None
        if room < 0:
            return None
        if block is not None:
            blocks.append(block)
    return blocks


def _most_important(places: Sequence[Place], level: Level, nonce: str, budget: int) -> list[Block]:
    """The blocks that fit: the most important ones first, from both ends of the session inwards."""
    count, gap = len(places), _gap_bytes(len(places))
    chosen: list[Block] = []
    room = budget - gap
    for place in sorted(places, key=lambda place: (place.keep, min(place.index, count - 1 - place.index))):
        block = _block(places, place, level, nonce) if room > gap else None
        if block is not None and block.cost + gap <= room:
            chosen.append(block)
            room -= block.cost + gap
    return sorted(chosen, key=lambda block: block.place.index)


def _gap_bytes(count: int) -> int:
    """The most that a statement in place of events takes, its line feed included."""
    return len(events_left_out(0, count)) + 2 * len(str(count)) + 1


def _block(places: Sequence[Place], place: Place, level: Level, nonce: str) -> Block | None:
    return block_of(place, places[place.index - 1] if place.index else None, level, nonce)


def _rendering(places: Sequence[Place], blocks: Sequence[Block], level: Level, nonce: str, budget: int) -> Rendering:
    text = "\n".join(_with_gaps(blocks, len(places)))
    return Rendering(
        text=text if len(text.encode("utf-8")) <= budget else "",
        nonce=nonce,
        shown={block.place.name: block.place.own_name for block in blocks},
        blocks={block.place.name: block.body for block in blocks},
        kinds={block.place.name: block.place.event.event_type for block in blocks},
        refuted=frozenset(block.place.name for block in blocks if block.place.is_refuted),
        level=level.number,
        events_total=len(places),
        lines_left_out=sum(block.left_out("line") for block in blocks),
        characters_left_out=sum(block.left_out("character") for block in blocks),
    )


def _with_gaps(blocks: Sequence[Block], count: int) -> Iterable[str]:
    """The texts of the blocks, with a statement wherever events are missing."""
    place = 0
    for block in blocks:
        if place < block.place.index:
            yield events_left_out(place, block.place.index - 1)
        yield block.text
        place = block.place.index + 1
    if place < count:
        yield events_left_out(place, count - 1)
