"""Every format, and which one a file is of."""

from __future__ import annotations

from collections.abc import Iterator

from app.formats.atif import Atif
from app.formats.base import Format, ReadOptions, ReadSession
from app.formats.claude_code import ClaudeCode
from app.formats.codex import Codex
from app.formats.errors import UnknownFormatError, UnreadableSourceError
from app.formats.inspect_ai import InspectAi
from app.formats.mini_swe_agent import MiniSweAgent
from app.formats.openhands import OpenHands
from app.formats.openhands_v0 import OpenHandsV0
from app.formats.recording_document import RecordingDocument
from app.formats.source import Source
from app.formats.swe_agent import SweAgent
from app.formats.swe_bench import SweBench
from app.formats.trace_document import TraceDocument

FORMATS: tuple[Format, ...] = (
    TraceDocument(),
    RecordingDocument(),
    ClaudeCode(),
    Codex(),
    Atif(),
    MiniSweAgent(),
    SweAgent(),
    OpenHands(),
    OpenHandsV0(),
    InspectAi(),
    SweBench(),
)
_LOOKS = {"zip": "a zip archive", "lines": "JSON lines", "document": "one JSON document"}


def find_format(name: str) -> Format | None:
    """The format of this name."""
    return next((found for found in FORMATS if found.name == name), None)


def detect(source: Source) -> Format:
    """The format that the file is of, by its content.

    Raises:
        UnreadableSourceError: it is neither JSON nor a zip archive.
        UnknownFormatError: it is of none.
    """
    found = next((candidate for candidate in FORMATS if candidate.recognises(source)), None)
    if found is not None:
        return found
    shape = source.shape
    if shape.kind == "unreadable":
        raise UnreadableSourceError(source.name, shape.problem)
    raise UnknownFormatError(
        f"{source.name} is {_LOOKS[shape.kind]}{_named(shape.records)}, and of no format that is known: "
        f"{', '.join(candidate.name for candidate in FORMATS)}"
    )


def read_sessions(source: Source, name: str | None, options: ReadOptions) -> Iterator[ReadSession]:
    """The sessions of a file of the named format, or of the one that it is of.

    Raises:
        FormatError: the format is not known, or the file cannot be imported as one.
    """
    chosen = detect(source) if name is None else find_format(name)
    if chosen is None:
        raise UnknownFormatError(f"{name} is no format; there are {', '.join(candidate.name for candidate in FORMATS)}")
    if name is not None and not chosen.recognises(source):
        other = next((candidate for candidate in FORMATS if candidate.recognises(source)), None)
        looks = f"it looks like {other.title}" if other is not None else "it looks like none that is known"
        raise UnknownFormatError(f"{source.name} is not {chosen.title}; {looks}")
    yield from chosen.read(source, options)


def _named(records: object) -> str:
    first = records[0] if isinstance(records, list | tuple) and records else None
    if isinstance(first, dict) and first:
        return f" with {', '.join(map(str, list(first)[:6]))}"[:200]
    return ""
