"""F12, F13, F14, F16, F17, F19: was the change checked, and were tests and code handled with care?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection

from app.qa.judge.features.commands import is_bare, names_single_test
from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured
from app.qa.judge.features.session import Result, Session

PROBE_AFTER = 0.6
NARROWER_AFTER = 0.8
UNRELATED_RUNS = 0.5
WEAKENING_BUDGET = 5
DISABLED_TEST = 3
DELETED_TESTS = 5


def before_after_check(session: Session) -> Measure:
    """F12: 1 if a test selection that ran before the first source edit, or one covering it, ran after the last; .8 for a
    narrower one, .5 for unrelated runs on both sides, else 0."""
    if session.first_edit is None:
        return NOT_APPLICABLE
    before = {run.selection: run for run in session.test_runs if run.position < session.first_edit}
    after = {run.selection: run for run in session.runs_after}
    best, pair = 0.0, tuple([*before.values(), *after.values()][:1])
    nothing_ran = () if pair else (session.source_edits[-1].event,)
    for value, earlier, later in _comparisons(before, after):
        if value > best:
            best, pair = value, (earlier, later)
    return measured(best, [*(event for run in pair for event in run.events), *nothing_ran])


def check_after_last_edit(session: Session) -> Measure:
    """F13: after the last source edit, 1 for a test run, .6 for a probe, else 0."""
    if session.last_edit is None:
        return NOT_APPLICABLE
    if session.runs_after:
        return measured(1.0, session.runs_after[-1].events)
    probes = [run for run in session.results if run.position > session.last_edit]
    if probes:
        return measured(PROBE_AFTER, probes[-1].events)
    return measured(0.0, (session.source_edits[-1].event,))


def wider_check(session: Session) -> Measure:
    """F14: 1 if a test run after the last source edit names no single test and is larger than the smallest run, or is the
    bare command."""
    if session.last_edit is None:
        return NOT_APPLICABLE
    fewest = min((run.tests for run in session.test_runs if run.tests is not None), default=None)
    narrow = min((run.selection for run in session.test_runs), key=lambda chosen: (-len(chosen), chosen), default="")
    wide = [run for run in session.runs_after if _is_wide(run, fewest, narrow)]
    events = [event for run in (wide or session.runs_after)[-1:] for event in run.events]
    return measured(1.0 if wide else 0.0, events or (session.source_edits[-1].event,))


def tests_not_weakened(session: Session) -> Measure:
    """F16: 1 − w/5 over the edits of tests, w being the assertions lost on balance of all files, plus 3 for each test switched
    off, plus 5 for each file of tests deleted; 1 where no test was edited."""
    if not session.edits:
        return NOT_APPLICABLE
    lost = max(0, -sum(edit.change.net_assertions for edit in session.test_edits if not edit.change.deletes))
    harms = [
        (edit, DISABLED_TEST * edit.change.weakenings + DELETED_TESTS * edit.change.deletes) for edit in session.test_edits
    ]
    weight = lost + sum(harm for _, harm in harms)
    events = [edit.event for edit, harm in harms if harm or (lost and edit.change.net_assertions < 0)]
    return measured(1 - weight / WEAKENING_BUDGET, events or (edit.event for edit in session.test_edits or session.edits))


def regression_test(session: Session) -> Measure:
    """F17: 1 if a test, or an assertion on balance, was added, else 0."""
    if not session.edits:
        return NOT_APPLICABLE
    adding = [edit.event for edit in session.test_edits if edit.change.net_tests > 0 or edit.change.net_assertions > 0]
    net = sum(edit.change.net_assertions for edit in session.test_edits)
    tests = sum(edit.change.net_tests for edit in session.test_edits)
    return measured(1.0 if tests > 0 or net > 0 else 0.0, adding or (edit.event for edit in session.edits))


def low_churn(session: Session) -> Measure:
    """F19: 1 − 2·r/t, t being all changed lines and r those removed after they were added, or added again
    after they were removed."""
    added: dict[str, Counter[str]] = defaultdict(Counter)
    removed: dict[str, Counter[str]] = defaultdict(Counter)
    total, undone, events = 0, 0, []
    for edit in session.edits:
        change = edit.change
        back = _take(added[edit.path], change.removed) + _take(removed[edit.path], change.added)
        added[edit.path].update(change.added)
        removed[edit.path].update(change.removed)
        total += len(change.added) + len(change.removed)
        undone += back
        if back:
            events.append(edit.event)
    looked_at = events or (edit.event for edit in session.edits)
    return measured(1 - 2 * undone / total, looked_at) if total else NOT_APPLICABLE


def _comparisons(before: dict[str, Result], after: dict[str, Result]) -> list[tuple[float, Result, Result]]:
    """What each selection after the last edit, and each one before the first, comes to beside its closest counterpart."""
    found: list[tuple[float, Result, Result]] = []
    if before and after:
        found.append((UNRELATED_RUNS, next(iter(before.values())), next(iter(after.values()))))
    covering_after, covering_before = _longest_starts(before, after), _longest_starts(after, before)
    for selection, run in before.items():
        if selection in covering_after:
            found.append((1.0, run, after[covering_after[selection]]))
    for selection, run in after.items():
        if selection in covering_before:
            covering = covering_before[selection]
            found.append((1.0 if covering == selection else NARROWER_AFTER, before[covering], run))
    return found


def _longest_starts(selections: Collection[str], among: Collection[str]) -> dict[str, str]:
    """For each selection that starts with others, the longest of these. In order, all that a selection starts with come before
    it, each within the next, and whatever comes between starts with them, too."""
    found: dict[str, str] = {}
    starts: list[str] = []
    for selection in sorted({*selections, *among}):
        while starts and not selection.startswith(starts[-1]):
            starts.pop()
        if selection in among:
            starts.append(selection)
        if starts and selection in selections:
            found[selection] = starts[-1]
    return found


def _is_wide(run: Result, fewest: int | None, narrow: str) -> bool:
    if is_bare(run.selection):
        return True
    if names_single_test(run.selection):
        return False
    if run.tests is not None and fewest is not None and run.tests > fewest:
        return True
    return len(narrow) > len(run.selection) and narrow.startswith(run.selection)


def _take(pool: Counter[str], lines: tuple[str, ...]) -> int:
    """How many of the lines were in the pool; they are taken out of it."""
    taken = 0
    for line in lines:
        if pool[line] > 0:
            pool[line] -= 1
            taken += 1
    return taken
