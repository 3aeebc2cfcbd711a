"""Values for tests. A builder supplies everything that the test is not about."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from app.models.events import EVENTS, Event
from app.models.trace import NewTrace, Trace

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def a_session(**more: Any) -> dict[str, Any]:
    """The JSON of a new trace."""
    return {
        "trace_id": "t-1",
        "developer_id": "dev-1",
        "start_time": "2026-03-02T12:00:00Z",
        "repo": a_repo(),
        "events": [],
        **more,
    }


def a_repo(**more: Any) -> dict[str, Any]:
    """The JSON of a repository."""
    return {
        "name": "till",
        "url": "https://example.org/till.git",
        "branch": "main",
        "commit_before": "8f0f4d5",
        "commit_after": "c1d2e3f",
        "test_command": "python -m pytest -q",
        **more,
    }


def an_event(event_type: str, minute: float = 0, *, event_id: str | None = None, **data: Any) -> dict[str, Any]:
    """The JSON of an event, some minutes after noon."""
    stamp = (NOON + timedelta(minutes=minute)).isoformat()
    named = {} if event_id is None else {"event_id": event_id}
    return {"event_type": event_type, "timestamp": stamp, "data": data, **named}


def a_thought(content: str = "I think.", minute: float = 0, **more: Any) -> dict[str, Any]:
    """The JSON of a reasoning step."""
    return an_event("reasoning_step", minute, content=content, **more)


def an_edit(path: str = "till.py", diff: str = "@@ -1 +1 @@\n-a\n+b\n", minute: float = 0, **more: Any) -> dict[str, Any]:
    """The JSON of an edit."""
    return an_event("code_edit", minute, file_path=path, diff=diff, **more)


def events(*documents: dict[str, Any]) -> tuple[Event, ...]:
    """Events as values."""
    return EVENTS.validate_json(json.dumps(documents))


def a_new_trace(**more: Any) -> NewTrace:
    """A new trace as a value."""
    return NewTrace.model_validate_json(json.dumps(a_session(**more)))


def a_trace(trace_id: str = "t-1", **more: Any) -> Trace:
    """A stored trace."""
    new = a_new_trace(trace_id=trace_id)
    fields: dict[str, Any] = {
        "trace_id": trace_id,
        "developer_id": new.developer_id,
        "start_time": new.start_time,
        "repo": new.repo,
        "created_at": NOON,
        "request_sha256": hashlib.sha256(trace_id.encode()).hexdigest(),
        **more,
    }
    return Trace(**fields)


def a_tar(files: Mapping[str, str | bytes], *, gzipped: bool = True, prefix: str = "") -> bytes:
    """An archive of regular files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(prefix + path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), mtime=0) if gzipped else packed.getvalue()


def a_tar_of(*members: tuple[tarfile.TarInfo, bytes], gzipped: bool = False) -> bytes:
    """An archive of whatever members a test wants."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(packed.getvalue()) if gzipped else packed.getvalue()
