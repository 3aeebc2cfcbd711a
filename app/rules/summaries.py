"""What a list says of a trace, and the words it is found by. One pass over the events, none of which is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from app.models.events import Event, ReasoningStep, TerminalCommand, TestResult
from app.models.query import TraceSummary
from app.models.trace import Metrics, Task, Trace
from app.rules.metrics import Tally, facts_of
from app.utils.clock import in_zone

MAX_TEXT_CHARACTERS = 256 * 1024
"""How much of a trace's words is searchable: its beginning."""


@dataclass(frozen=True)
class Described:
    """A trace as a list needs it."""

    summary: TraceSummary
    event_types: frozenset[str]
    text: str
    """What full-text search looks at, at most ``MAX_TEXT_CHARACTERS``."""


def summarise(trace: Trace) -> TraceSummary:
    """The line of a list for this trace."""
    return describe(trace).summary


def describe(trace: Trace, events: Iterable[Event] | None = None, counted: Tally | None = None) -> Described:
    """Everything that an index keeps of a trace.

    ``events`` stand in for the trace's own where they are too many to be held at once; each is looked at once, in any order.
    ``counted`` are the counts over them, where somebody has made these already.
    """
    text = SearchableText()
    for piece in task_texts(trace.task):
        text.add(piece)
    tally = counted if counted is not None else Tally()
    for event in trace.events if events is None else events:
        if counted is None:
            tally.add(facts_of(event))
        for piece in event_texts(event):
            text.add(piece)
    return Described(_summary(trace, tally.metrics()), frozenset(tally.kinds), text.joined())


def task_texts(task: Task | None) -> Iterator[str]:
    """The searchable words of a task."""
    if task is not None:
        yield from filter(None, (task.title, task.description))


def event_texts(event: Event) -> Iterator[str]:
    """The searchable words of an event: reasoning and commands, never output or code."""
    if isinstance(event, ReasoningStep):
        said = event.data
        yield from filter(None, (said.content, said.plan, said.hypothesis, said.observation, said.decision, said.next_step))
    elif isinstance(event, TerminalCommand):
        yield event.data.command
    elif isinstance(event, TestResult):
        yield event.data.test_command


class SearchableText:
    """Pieces of text up to a bound. What stands there twice is kept once."""

    def __init__(self, limit: int = MAX_TEXT_CHARACTERS) -> None:
        self._room = limit
        self._pieces: dict[str, None] = {}

    def add(self, piece: str) -> None:
        """Keep a piece, or as much of it as there is room for."""
        if self._room <= 0 or piece in self._pieces:
            return
        kept = piece[: self._room]
        self._pieces[kept] = None
        self._room -= len(kept) + 1

    def joined(self) -> str:
        """The pieces, each on lines of its own."""
        return "\n".join(self._pieces)


def _summary(trace: Trace, counts: Metrics) -> TraceSummary:
    results = trace.qa_results
    return TraceSummary(
        trace_id=trace.trace_id,
        developer_id=trace.developer_id,
        bug_id=trace.bug_id,
        repo=trace.repo.name,
        task_title=trace.task.title if trace.task is not None else None,
        status=trace.status,
        verdict=results.verification.verdict if results is not None else None,
        tests_passed=results.tests_passed if results is not None else None,
        reasoning_score=results.reasoning_score if results is not None else None,
        judge_kind=results.judge_kind if results is not None else None,
        num_events=counts.num_events,
        num_edits=counts.num_edits,
        num_test_runs=counts.num_test_runs,
        files_touched=counts.files_touched,
        duration_s=counts.duration_s,
        start_time=in_zone(trace.start_time),
        created_at=in_zone(trace.created_at),
        finalized_at=in_zone(trace.finalized_at) if trace.finalized_at is not None else None,
        revision=trace.revision,
    )
