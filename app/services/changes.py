"""Changing a stored trace that others may be changing at the same time."""

from __future__ import annotations

from collections.abc import Callable

from app.errors import RevisionConflictError
from app.models.trace import Trace
from app.storage.base import TraceStore

_ATTEMPTS = 50


def change_trace(store: TraceStore, trace_id: str, change: Callable[[Trace], Trace]) -> Trace:
    """Store what ``change`` makes of the trace as it is. Where somebody else was faster, ``change`` is asked again.

    What ``change`` raises is raised, and then nothing is stored; the very value it was given, handed back, stores nothing.

    Raises:
        TraceNotFoundError: no trace has this id.
        RevisionConflictError: others were faster fifty times over.
    """
    conflict: RevisionConflictError | None = None
    for _ in range(_ATTEMPTS):
        stored = store.load(trace_id)
        changed = change(stored)
        if changed is stored:
            return stored
        changed = changed.model_copy(update={"revision": stored.revision + 1})
        try:
            store.replace(changed, expected=stored.revision)
        except RevisionConflictError as error:
            conflict = error
            continue
        return changed
    assert conflict is not None  # noqa: S101 -- the loop ends early or with a conflict
    raise conflict
