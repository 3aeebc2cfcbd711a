"""F01, F02, F03, F11: was the failure seen and the code read before the first source edit?"""

from __future__ import annotations

from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured, share
from app.qa.judge.features.session import Result, Session, shares_names

FAILING_PROBE = 0.75
ANY_RESULT = 0.5
STEP_WITHOUT_LINK = 0.4
BROAD = 3
"""So many different sources of evidence are enough."""


def failure_reproduced(session: Session) -> Measure:
    """F01: before the first source edit, 1 for a failing test run, .75 for a failing probe, .5 for any result, else 0."""
    if not session.source_edits and not session.results:
        return NOT_APPLICABLE
    before = _before_edit(session)
    tests = [run for run in before if run.failed and run.is_test]
    probes = [run for run in before if run.failed]
    for value, runs in ((1.0, tests), (FAILING_PROBE, probes), (ANY_RESULT, before)):
        if runs:
            return measured(value, runs[0].events)
    return measured(0.0, _first_edit(session))


def failure_interpreted(session: Session) -> Measure:
    """F02: between the first failing result and the first source edit, 1 for a step that names something in its
    output, .4 for any."""
    if not session.results:
        return NOT_APPLICABLE
    failing = next((run for run in _before_edit(session) if run.failed), None)
    if failing is None:
        return measured(0.0, _first_edit(session))
    steps = [step for step in session.steps if failing.position < step.position < session.until_first_edit]
    for step in steps:
        if shares_names(step.terms, step.words, failing.terms, least_words=1):
            return measured(1.0, (*failing.events, step.event))
    return measured(STEP_WITHOUT_LINK if steps else 0.0, (*failing.events, *(step.event for step in steps[:1])))


def read_before_edit(session: Session) -> Measure:
    """F03: the share of edited source files, new ones left out, that were looked at before their first edit."""
    files = [edit for edit in session.source_edits if edit.is_first and not edit.change.creates]
    if not session.source_edits:
        return NOT_APPLICABLE
    return share(sum(edit.was_known for edit in files), len(files), (edit.event for edit in files))


def evidence_breadth(session: Session) -> Measure:
    """F11: distinct files opened, read commands, probes and test selections before the first source edit; three are enough."""
    if not session.length:
        return NOT_APPLICABLE
    limit = session.until_first_edit
    sources: dict[tuple[str, str], str] = {}
    for reading in session.openings:
        if reading.position < limit:
            sources.setdefault(("file", reading.what), reading.event)
    for reading in session.read_commands:
        if reading.position < limit:
            sources.setdefault(("read", reading.what), reading.event)
    for run in _before_edit(session):
        sources.setdefault(("test" if run.is_test else "probe", run.selection), run.events[0])
    return measured(len(sources) / BROAD, sources.values() or _first_edit(session))


def _first_edit(session: Session) -> list[str]:
    return [edit.event for edit in session.source_edits[:1]]


def _before_edit(session: Session) -> list[Result]:
    return [run for run in session.results if run.position < session.until_first_edit]
