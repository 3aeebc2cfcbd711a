"""Facts computed from a record, in words of ours alone: counts, and the order of edits and runs. No scores, no outcome of
our own runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from app.models.events import CodeEdit, Commit, Event, TerminalCommand, TestResult
from app.qa.judge.pieces import exit_code
from app.qa.judge.rendering.outline import Place, outline, seconds_since

FIRST_MARKS, LAST_MARKS = 20, 40
"""So many edits, runs and commits are named from either end."""


def describe_record(events: Sequence[Event]) -> str:
    """What the events are and in which order edits, runs and commits came; at most a few kilobytes."""
    places = outline(events, frozenset())
    marks = [mark for place in places if (mark := _mark(place))]
    left = len(marks) - FIRST_MARKS - LAST_MARKS
    shown = marks if left <= 0 else [*marks[:FIRST_MARKS], f"[{left} left out]", *marks[-LAST_MARKS:]]
    return "\n".join((_counts(events), _details(places), f"Order of edits, runs and commits: {', '.join(shown) or 'none'}."))


def _counts(events: Sequence[Event]) -> str:
    kinds = Counter(event.event_type for event in events)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    seconds = seconds_since(events[0].timestamp, events[-1].timestamp) if events else 0
    return f"{len(events)} events: {counts or 'none'}. From the first to the last: {seconds} s."


def _details(places: Sequence[Place]) -> str:
    files = {place.event.data.file_path for place in places if isinstance(place.event, CodeEdit)}
    kinds = Counter(place.command for place in places)
    failed = sum(place.is_run and place.has_failed for place in places)
    runs = sum(place.is_run for place in places)
    return (
        f"Files edited: {len(files)}. Commands: {kinds['test']} run tests, {kinds['probe']} run another program, "
        f"{kinds['read']} only read, {kinds['other']} do something else. Runs: {runs}, of which {failed} failed by the record."
    )


def _mark(place: Place) -> str:
    if isinstance(place.event, CodeEdit):
        return f"{place.name} edit"
    if isinstance(place.event, TestResult):
        return f"{place.name} test result {'failed' if place.has_failed else 'passed'}"
    if isinstance(place.event, TerminalCommand):
        what = {"test": "test run", "probe": "run"}.get(place.command or "")
        return f"{place.name} {what} exit {exit_code(place.event)}" if what else ""
    return f"{place.name} commit" if isinstance(place.event, Commit) else ""
