"""F20, F21: was each edit and each command a step on, or the one before over again?"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured
from app.qa.judge.features.session import Session


def no_blind_reedits(session: Session) -> Measure:
    """F20: 1 less the share of edits that touch a file again although nothing was run, opened or thought, with a name of
    something seen, since its last edit."""
    if not session.edits:
        return NOT_APPLICABLE
    news = sorted(
        {
            *(command.position for command in session.commands),
            *(result.position for result in session.results),
            *(opening.position for opening in session.openings),
            *(step.position for step in session.steps if step.grounded),
        }
    )
    last: dict[str, int] = {}
    blind: list[str] = []
    for edit in session.edits:
        before = last.get(edit.path)
        if before is not None and bisect_right(news, before) == bisect_left(news, edit.position):
            blind.append(edit.event)
        last[edit.path] = edit.position
    return measured(1 - len(blind) / len(session.edits), blind or (edit.event for edit in session.edits))


def few_repeats(session: Session) -> Measure:
    """F21: 1 less the share of commands that equal an earlier one, exit code included, with no edit and no commit between."""
    if not session.commands:
        return NOT_APPLICABLE
    changes = sorted({*(edit.position for edit in session.edits), *session.commits})
    last: dict[tuple[str, str | None, int | None], int] = {}
    repeated: list[str] = []
    for command in session.commands:
        key = (" ".join(command.text.split()), command.cwd, command.exit_code)
        before = last.get(key)
        if before is not None and bisect_right(changes, before) == bisect_left(changes, command.position):
            repeated.append(command.event)
        last[key] = command.position
    return measured(1 - len(repeated) / len(session.commands), repeated or (command.event for command in session.commands))
