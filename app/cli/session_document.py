"""A trace's document as a file: its fields at once, its events one by one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from pydantic import TypeAdapter, ValidationError

from app.errors import Fault, InvalidError
from app.models.base import STORED
from app.models.events import EVENT
from app.models.trace import TRACE, TraceStart
from app.rules.pieces import read_pieces
from app.utils.json_stream import JsonWindow, UnreadableJsonError

_UNSENT: TypeAdapter[TraceStart] = TypeAdapter(TraceStart)


@dataclass(frozen=True)
class SessionDocument:
    """One trace: a stored document, or a session as it is sent."""

    name: str
    """What to call it in a message."""
    file: BinaryIO
    """Seekable."""
    head: Mapping[str, Any]
    """Every field but the events, with its default where the document leaves it out."""

    @property
    def is_stored(self) -> bool:
        """Whether a store has numbered and ordered the events."""
        return "created_at" in self.head

    @property
    def title(self) -> str:
        """The trace's id, or the file where it has none."""
        return str(self.head.get("trace_id") or self.name)

    def events(self) -> Iterator[Mapping[str, Any]]:
        """The events by timestamp, then by arrival, each with its ``seq``.

        A stored document is read as it goes. A session as it is sent is sorted first, and is in memory.

        Raises:
            InvalidError: one of them is no event.
        """
        context = STORED if self.is_stored else None
        arrived = (_checked(EVENT, event, f"{self.name}, event {at}", context) for at, event in self._numbered())
        return arrived if self.is_stored else iter(_in_reading_order(arrived))

    def _numbered(self) -> Iterator[tuple[int, Any]]:
        try:
            yield from enumerate((piece.value for piece in read_pieces(JsonWindow(self.file)) if piece.kind == "event"), 1)
        except UnreadableJsonError as error:
            raise InvalidError(f"{self.name} is no JSON document: {error}") from None


def read_session(name: str, file: BinaryIO) -> SessionDocument:
    """The document in a file.

    Raises:
        InvalidError: it holds no trace, or more than one.
    """
    window = JsonWindow(file)
    try:
        head = {piece.name: piece.value for piece in read_pieces(window) if piece.kind == "field"}
        if window.peek():
            raise InvalidError(f"{name} holds more than one document")
    except UnreadableJsonError as error:
        raise InvalidError(f"{name} is no JSON document: {error}") from None
    if "created_at" in head:
        return SessionDocument(name, file, _checked(TRACE, head, name, STORED))
    return SessionDocument(name, file, _checked(_UNSENT, head, name, None))


def moment_of(text: str) -> datetime:
    """A timestamp of a document; UTC where it names no zone."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _checked(model: TypeAdapter[Any], value: Any, what: str, context: dict[str, Any] | None) -> Mapping[str, Any]:
    """The value, in the words of a model and with all of its fields."""
    try:
        checked = model.validate_json(json.dumps(value), context=context)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False, include_context=False)
        faults = [Fault(tuple(fault["loc"]), fault["msg"]) for fault in told]
        shown = "; ".join(f"{'.'.join(map(str, fault.loc))}: {fault.msg}" for fault in faults)
        raise InvalidError(f"{what} holds no trace: {shown}", faults) from None
    return dict(model.dump_python(checked, mode="json"))


def _in_reading_order(arrived: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    numbered = [
        {**event, "seq": number, "timestamp": moment_of(event["timestamp"]).isoformat()}
        for number, event in enumerate(arrived, 1)
    ]
    return sorted(numbered, key=lambda event: moment_of(event["timestamp"]))
