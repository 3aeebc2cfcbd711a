"""Reading samples and made-up files in tests."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from app.formats.base import Format, ReadOptions, ReadSession
from app.formats.pieces.folders import is_conversation, join_conversation
from app.formats.registry import detect
from app.formats.source import Source
from app.models.events import Event

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"


def sample_files() -> list[Path]:
    """Every sample; a folder that is one session is one."""
    found: list[Path] = []
    for path in sorted(SAMPLES.glob("*/*")):
        if path.is_file() or is_conversation(path):
            found.append(path)
    return found


def a_source(content: bytes | str, name: str = "session.json") -> Source:
    """A file with this content."""
    return Source(name, io.BytesIO(content.encode() if isinstance(content, str) else content))


def of_lines(records: Iterable[Any]) -> Source:
    """A file of JSON lines; texts stand as they are."""
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    return a_source("\n".join(lines) + "\n", "session.jsonl")


def of_document(document: Any) -> Source:
    """A file of one JSON document."""
    return a_source(json.dumps(document, indent=1))


def open_sample(name: str) -> Source:
    """A sample by its name below ``tests/data/samples``."""
    path = SAMPLES / name
    if path.is_file():
        return a_source(path.read_bytes(), path.name)
    with join_conversation(path) as file:
        file.seek(0)
        return a_source(file.read(), path.name)


def read_sample(name: str, **options: Any) -> ReadSession:
    """The only session of a sample."""
    source = open_sample(name)
    (session,) = detect(source).read(source, ReadOptions(**options))
    return session


def read_all(chosen: Format, source: Source, **options: Any) -> list[ReadSession]:
    """The sessions of a file."""
    return list(chosen.read(source, ReadOptions(**options)))


def counts(session: ReadSession) -> dict[str, int]:
    """How many events of each type."""
    return dict(Counter(event.event_type for event in session.trace.events))


def lost(session: ReadSession) -> dict[str, int]:
    """How many records of each kind were lost, for whatever reason."""
    found: Counter[str] = Counter()
    for loss in session.losses:
        found[loss.kind] += loss.count
    return dict(found)


def event(session: ReadSession, event_id: str) -> Any:
    """The data of an event."""
    return the_event(session, event_id).data


def the_event(session: ReadSession, event_id: str) -> Event:
    """An event by its id."""
    return next(found for found in session.trace.events if found.event_id == event_id)


def extra(session: ReadSession, event_id: str) -> dict[str, Any]:
    """What an event says beside its fields."""
    return dict(event(session, event_id).extra or {})
