"""A document as a walk over its pieces, so that nobody has to hold it whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.utils.json_stream import JsonWindow, UnreadableJsonError


@dataclass(frozen=True, slots=True)
class Piece:
    """A field of a document with its value; or the beginning of its list of events, or one of them."""

    kind: Literal["field", "events", "event"]
    name: str
    value: Any = None


_EVENTS = Piece("events", "events")


def pieces_of(document: Mapping[str, Any]) -> Iterator[Piece]:
    """The pieces of a document in memory, in its order."""
    for name, value in document.items():
        if name == "events" and isinstance(value, (list, tuple)):
            yield _EVENTS
            yield from (Piece("event", name, event) for event in value)
        else:
            yield Piece("field", name, value)


def read_pieces(window: JsonWindow) -> Iterator[Piece]:
    """The pieces of the next document in a file.

    Raises:
        UnreadableJsonError: it is not a JSON object, or a name stands twice in an object.
    """
    names: set[str] = set()
    window.expect("{")
    while not window.skip("}"):
        if names:
            window.expect(",")
        name = _read_name(window, names)
        if name == "events" and window.skip("["):
            yield _EVENTS
            yield from (Piece("event", name, event) for event in _read_items(window))
        else:
            yield Piece("field", name, window.value())


def _read_name(window: JsonWindow, names: set[str]) -> str:
    name = window.value()
    if not isinstance(name, str):
        raise UnreadableJsonError(f"{name!r} is not a name")
    if name in names:
        raise UnreadableJsonError(f"the name {name!r} stands twice in one object")
    names.add(name)
    window.expect(":")
    return name


def _read_items(window: JsonWindow) -> Iterator[Any]:
    if window.skip("]"):
        return
    yield window.value()
    while not window.skip("]"):
        window.expect(",")
        yield window.value()
