"""F04, F05, F06: were causes proposed before the edits, concretely, and put to a test?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured, share
from app.qa.judge.features.session import Edit, Session, Step, names_edit

STRONG = 1.0
WEAK = 0.5
SEEN_WORDS = 2


@dataclass(frozen=True)
class Hypothesis:
    """A step that proposes a cause."""

    step: Step
    strength: float


def find_hypotheses(session: Session) -> tuple[Hypothesis, ...]:
    """The hypotheses in order. One that is stated, or has a cue, is strong where it names what was seen; a step that only ties
    what was seen to the next edit is weak."""
    return tuple(_hypotheses(session))


def _hypotheses(session: Session) -> Iterator[Hypothesis]:
    edits = session.source_edits
    places = [edit.position for edit in edits]
    first_result = session.results[0].position if session.results else session.length
    for step in session.steps:
        if step.states_hypothesis or (session.cues_apply and step.suggests_cause):
            yield Hypothesis(step, STRONG if step.grounded else WEAK)
        elif step.grounded and step.position > first_result:
            following = bisect_right(places, step.position)
            if following < len(edits) and names_edit(step, edits[following]):
                yield Hypothesis(step, WEAK)


def hypothesis_before_edit(session: Session) -> Measure:
    """F04: the mean, over episodes, of the strongest hypothesis between the episode before and this one."""
    if not session.steps or not session.episodes:
        return NOT_APPLICABLE
    hypotheses = find_hypotheses(session)
    places = [hypothesis.step.position for hypothesis in hypotheses]
    total, events, start = 0.0, [], -1
    for episode in session.episodes:
        window = hypotheses[bisect_right(places, start) : bisect_left(places, episode[0].position)]
        strongest = max(window, key=lambda hypothesis: hypothesis.strength, default=None)
        if strongest is not None:
            total += strongest.strength
            events.append(strongest.step.event)
        start = episode[-1].position
    return measured(total / len(session.episodes), events or _first_events(session.episodes))


def hypothesis_specific(session: Session) -> Measure:
    """F05: the share of hypotheses that hold a salient token or two sub-words seen before; 0 without hypotheses."""
    if not session.steps:
        return NOT_APPLICABLE
    hypotheses = find_hypotheses(session)
    specific = [one for one in hypotheses if one.step.terms.tokens or one.step.seen_words >= SEEN_WORDS]
    return _share_of_hypotheses(session, specific, hypotheses)


def hypothesis_tested(session: Session) -> Measure:
    """F06: the share of hypotheses that a result or a read command follows, before the next but one; 0 without hypotheses."""
    if not session.steps:
        return NOT_APPLICABLE
    hypotheses = find_hypotheses(session)
    checks = sorted({run.position for run in session.results} | {reading.position for reading in session.read_commands})
    ends = [one.step.position for one in hypotheses[2:]] + [session.length] * 2
    tested = [
        one
        for one, end in zip(hypotheses, ends, strict=False)
        if bisect_right(checks, one.step.position) < bisect_left(checks, end)
    ]
    return _share_of_hypotheses(session, tested, hypotheses)


def _share_of_hypotheses(session: Session, hits: Sequence[Hypothesis], hypotheses: Sequence[Hypothesis]) -> Measure:
    if not hypotheses:
        return measured(0.0, (step.event for step in session.steps))
    return share(len(hits), len(hypotheses), (one.step.event for one in hits or hypotheses))


def _first_events(episodes: tuple[tuple[Edit, ...], ...]) -> list[str]:
    return [episode[0].event for episode in episodes]
