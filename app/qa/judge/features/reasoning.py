"""F07, F08, F09, F10, F15, F18: does the reasoning follow what happened, and does what is claimed stand in the record?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured, share
from app.qa.judge.features.session import Edit, Session, Step, names_edit

EVENTS_AFTER_EDIT = 2
"""An explanation may come so many events after its edit."""
NEAREST_STEPS = 64
"""How many steps of a window are looked at, the last ones: keeps the work linear in the number of events."""
CUE_ONLY = 0.4


def reacts_to_failure(session: Session) -> Measure:
    """F07: the share of failing results after the first source edit that a reasoning step follows before the next edit."""
    if session.first_edit is None:
        return NOT_APPLICABLE
    failing = [run for run in session.results if run.failed and run.position > session.first_edit]
    steps = [step.position for step in session.steps]
    edits = [edit.position for edit in session.edits] + [session.length]
    answered = [run for run in failing if _any_between(steps, run.position, edits[bisect_right(edits, run.position)])]
    return share(len(answered), len(failing), (event for run in failing for event in run.events))


def grounded_reasoning(session: Session) -> Measure:
    """F08: the share of steps, after the first event that is not reasoning, that name what an event before them showed."""
    start = session.length if session.first_other is None else session.first_other
    steps = [step for step in session.steps if step.position > start]
    grounded = [step for step in steps if step.grounded]
    return share(len(grounded), len(steps), (step.event for step in grounded or steps))


def edit_explained(session: Session) -> Measure:
    """F09: the share of source edits with a grounded step, from the episode before to two events after the edit, that names
    the file or something in the diff."""
    if not session.steps:
        return NOT_APPLICABLE
    grounded = [step for step in session.steps if step.grounded]
    places = [step.position for step in grounded]
    explained: list[Edit] = []
    start = -1
    for episode in session.episodes:
        for edit in episode:
            end = bisect_right(places, edit.position + EVENTS_AFTER_EDIT)
            window = grounded[max(bisect_right(places, start), end - NEAREST_STEPS) : end]
            if any(names_edit(step, edit) for step in window):
                explained.append(edit)
        start = episode[-1].position
    edits = session.source_edits
    return share(len(explained), len(edits), (edit.event for edit in explained or edits))


def claims_supported(session: Session) -> Measure:
    """F10: the share of success claims that come after a passing result later than the last edit before them."""
    claiming = [step for step in session.steps if step.claims] if session.cues_apply else []
    passing = [run.position for run in session.results if run.failed is False]
    edits = [edit.position for edit in session.edits]
    supported: list[Step] = []
    unsupported: list[Step] = []
    for step in claiming:
        stands = _any_between(passing, _last_before(edits, step.position), step.position)
        (supported if stands else unsupported).append(step)
    return share(
        sum(step.claims for step in supported),
        sum(step.claims for step in claiming),
        (step.event for step in unsupported or supported),
    )


def open_end_acknowledged(session: Session) -> Measure:
    """F15: where the last result failed, 1 if a step follows it, else 0."""
    if not session.results or not session.results[-1].failed:
        return NOT_APPLICABLE
    last = session.results[-1]
    after = [step for step in session.steps if step.position > last.position]
    return measured(1.0 if after else 0.0, (*last.events, *(step.event for step in after[:1])))


def edge_cases(session: Session) -> Measure:
    """F18: 1 for a step with an edge-case or alternative cue that a test edit or a result follows, .4 for the
    cue alone, else 0."""
    if not session.steps or not session.cues_apply:
        return NOT_APPLICABLE
    looking: list[Step] = [step for step in session.steps if step.looks_further]
    if not looking:
        return measured(0.0, (step.event for step in session.steps))
    checks = [run.position for run in session.results] + [edit.position for edit in session.test_edits]
    followed = [step for step in looking if step.position < max(checks, default=-1)]
    return measured(1.0 if followed else CUE_ONLY, (step.event for step in followed or looking))


def _any_between(places: list[int], start: int, end: int) -> bool:
    """Whether one of the sorted places lies after ``start`` and before ``end``."""
    return bisect_right(places, start) < bisect_left(places, end)


def _last_before(places: list[int], position: int) -> int:
    found = bisect_left(places, position)
    return places[found - 1] if found else -1
