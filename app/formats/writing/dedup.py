"""When two sessions are the same: the same task in the same repository, solved by the same edits.

What counts of an edit is the lines that it adds and removes, without the place where they stand and space at their ends,
and what the file became where the event says it.
Sessions that are nearly the same are not looked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from app.models.events import CodeEdit, Event
from app.models.trace import Trace


def content_hash(trace: Trace, events: Iterable[Event], repository: str) -> str | None:
    """The same for sessions that are the same; ``None`` for one without edits, which is like no other. Events are read once."""
    digest = hashlib.sha256()
    edits = 0
    for event in events:
        if isinstance(event, CodeEdit):
            edits += 1
            _add(digest, event.data.file_path, *_changed_lines(event.data.diff), event.data.snapshot_after or "")
    if not edits:
        return None
    task = trace.task
    said = (task.title, task.description) if task is not None else ()
    _add(digest, repository, *(" ".join(text.split()).lower() for text in said if text))
    return digest.hexdigest()


def _changed_lines(diff: str) -> Iterable[str]:
    for line in diff.splitlines():
        if line.startswith(("+", "-")) and not line.startswith(("+++ ", "--- ")):
            yield line.rstrip()


def _add(digest: hashlib._Hash, *texts: str) -> None:
    for text in texts:
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(encoded))
        digest.update(encoded)
