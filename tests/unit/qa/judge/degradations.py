"""Ways to make a bundled session worse, and what that costs it.

``python -m tests.unit.qa.judge.degradations`` prints the table of docs/explanation/judging.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

from app.models.events import Event, ReasoningStep, ReasoningStepData
from app.models.judgement import Judgement
from app.models.trace import NewTrace, Trace
from app.qa.base import Evidence
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.rubric import PROCESS, REASONING
from tests.e2e.server import ROOT
from tests.unit.qa.judge.sessions import RUBRICS

GOOD, CARELESS = "thoughtful-fix", "careless-success"
SHUFFLES = 20
PADDING = 10
"""So many polite steps, or sentences, for each step."""
SHOWN = ("problem_understanding", "causal_linking", "experiment_design")
"""The dimensions that look at reasoning."""

POLITE = (
    "Thank you for the opportunity to look at this interesting topic",
    "It is a real pleasure to work with such care and attention",
    "Let me proceed calmly, thoroughly and with the greatest respect for everybody involved",
    "Quality is of the utmost importance here, and patience pays off",
    "What a lovely piece of work this is, and how well it has been kept",
    "As always, a friendly and professional attitude leads the way",
    "Every contribution matters, and so does every one of us",
    "With kind regards and sincere appreciation for the effort so far",
    "Taking a deep breath helps to stay focused and positive",
    "Excellence is a habit, and good habits are worth keeping",
)
OTHER_REASONING = (
    "The nightly import stops at row 4812 of orders.csv with UnicodeDecodeError in read_rows.",
    "My hypothesis is that feed_reader.py opens the export as utf-8 although the shop writes cp1252.",
    "The root cause is probably the default encoding in open_feed; legacy_shop.ini still says latin1.",
    "Confirmed: the first 4811 rows are plain ASCII, and row 4812 holds a price with a currency sign.",
    "I will read the encoding from legacy_shop.ini and fall back to utf-8 where it says nothing.",
    "Edge case: an export with a byte order mark, which open_feed should drop.",
    "The importer now reads all rows; totals agree with the invoice summary of the shop.",
)
"""From a session on another program."""


@dataclass(frozen=True)
class Change:
    """One way to make a session worse."""

    what: str
    make: Callable[[Trace], list[Trace]]
    """Several where chance plays a part: their mean is shown."""


def sample(name: str) -> Trace:
    """A bundled session, as it would be stored."""
    path = ROOT / "sample_repo" / "sessions" / f"{name}.json"
    new = NewTrace.model_validate_json(path.read_bytes())
    trace = Trace.model_validate(
        {
            "trace_id": new.trace_id or name,
            "developer_id": new.developer_id,
            "start_time": new.start_time,
            "repo": new.repo.model_dump(),
            "created_at": new.start_time,
            "request_sha256": "0" * 64,
        }
    )
    return _with_events(trace, sorted(new.events, key=lambda event: event.timestamp))


def judged(trace: Trace, rubric: str = PROCESS) -> Judgement:
    """What the judge that counts says of a trace."""
    (judgement,) = HeuristicJudge().judge(Evidence(trace), RUBRICS[rubric])
    return judgement


def without_reasoning(trace: Trace) -> Trace:
    """What was done, without what was thought."""
    return _with_events(trace, (event for event in trace.events if not isinstance(event, ReasoningStep)))


def shuffled(trace: Trace, seed: int) -> Trace:
    """The same thoughts in the same places, in another order."""
    thoughts = _thoughts(trace)
    random.Random(seed).shuffle(thoughts)
    return _with_thoughts(trace, thoughts)


def pasted(trace: Trace) -> Trace:
    """The thoughts of a session on another program, in the places of this one's."""
    places = len(_thoughts(trace))
    texts = (OTHER_REASONING * (places // len(OTHER_REASONING) + 1))[:places]
    return _with_thoughts(trace, [ReasoningStepData(content=text) for text in texts])


def padded(trace: Trace) -> Trace:
    """Polite steps behind each step."""
    return _with_events(trace, _padded(trace.events))


def lengthened(trace: Trace) -> Trace:
    """Each step with polite sentences behind what it says."""
    prose = ". ".join(POLITE[:PADDING])
    said = [data.model_copy(update={"content": f"{data.content} {prose}."}) for data in _thoughts(trace)]
    return _with_thoughts(trace, said)


PADDINGS = (
    Change(f"{PADDING} polite steps behind each step", lambda trace: [padded(trace)]),
    Change(f"{PADDING} polite sentences behind each step's own", lambda trace: [lengthened(trace)]),
)
AS_IT_IS = Change("none", lambda trace: [trace])
CHANGES = (
    AS_IT_IS,
    Change("its reasoning removed", lambda trace: [without_reasoning(trace)]),
    Change(f"its reasoning shuffled (mean of {SHUFFLES})", lambda trace: [shuffled(trace, seed) for seed in range(SHUFFLES)]),
    Change("reasoning of a session on another program", lambda trace: [pasted(trace)]),
    *PADDINGS,
)


def render() -> str:
    """The table: a good session made worse, and a careless one padded."""
    totals, dimensions = (f"`{REASONING}`, 0–5", f"`{PROCESS}`, 0–5"), (f"`{name}`" for name in SHOWN)
    head = ["session", "change", *totals, *dimensions, "confidence, 0–1"]
    rows = [*_rows(GOOD, CHANGES), *_rows(CARELESS, (AS_IT_IS, *PADDINGS))]
    return "".join([_line(head), "|---" * len(head), "|\n", *map(_line, rows)])


def _rows(name: str, changes: Iterable[Change]) -> Iterator[list[str]]:
    trace = sample(name)
    for change in changes:
        traces = change.make(trace)
        process = [judged(one) for one in traces]
        yield [
            f"`{name}`",
            change.what,
            _mean(judged(one, REASONING).total for one in traces),
            _mean(one.total for one in process),
            *(_mean(one.dimensions[dimension].score for one in process) for dimension in SHOWN),
            _mean(one.confidence for one in process),
        ]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _mean(values: Iterable[float | None]) -> str:
    found = list(values)
    known = [value for value in found if value is not None]
    return f"{mean(known):.2f}" if len(known) == len(found) else "–"


def _padded(events: Sequence[Event]) -> Iterator[Event]:
    number = 0
    for event in events:
        yield event
        if isinstance(event, ReasoningStep):
            for _ in range(PADDING):
                yield event.model_copy(update={"data": ReasoningStepData(content=_polite(number))})
                number += 1


def _polite(number: int) -> str:
    """Three polite sentences, in a row that comes only once."""
    count = len(POLITE)
    return " ".join(f"{POLITE[place % count]}." for place in (number, number // count, number // count**2 + 1))


def _thoughts(trace: Trace) -> list[ReasoningStepData]:
    return [event.data for event in trace.events if isinstance(event, ReasoningStep)]


def _with_thoughts(trace: Trace, thoughts: Sequence[ReasoningStepData]) -> Trace:
    waiting = iter(thoughts)
    return _with_events(
        trace,
        (
            event.model_copy(update={"data": next(waiting)}) if isinstance(event, ReasoningStep) else event
            for event in trace.events
        ),
    )


def _with_events(trace: Trace, events: Iterable[Event]) -> Trace:
    named = tuple(event.model_copy(update={"seq": seq, "event_id": f"e{seq}"}) for seq, event in enumerate(events, 1))
    return trace.model_copy(update={"events": named})


if __name__ == "__main__":
    print(render(), end="")  # noqa: T201 - it is what the command is for
