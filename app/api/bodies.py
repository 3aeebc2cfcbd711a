"""Request bodies as values: validated once, from bytes, every fault named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, TypeVar

from anyio import from_thread
from fastapi import Depends, Header, Request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from starlette.requests import ClientDisconnect
from starlette.types import Message

from app.api.problems import describe_faults
from app.errors import (
    DangerousInputError,
    EmptyOrUnknownEventsError,
    Fault,
    InvalidError,
    PRTelemetryError,
    UnsupportedMediaTypeError,
)
from app.models.trace import NewEvents

Model = TypeVar("Model", bound=BaseModel)

MAX_KEY_CHARACTERS = 255
_DANGEROUS = frozenset({"dangerous_path", "dangerous_command"})


async def idempotency_key(
    idempotency_key: Annotated[str | None, Header(description="The same request again is answered as before")] = None,
) -> str | None:
    """See ``checked_key``."""
    return checked_key(idempotency_key)


def checked_key(idempotency_key: str | None) -> str | None:
    """The value of an ``Idempotency-Key`` header.

    Raises:
        InvalidError: it is too long, or cannot be printed.
    """
    if idempotency_key is None:
        return None
    if not 1 <= len(idempotency_key) <= MAX_KEY_CHARACTERS or not idempotency_key.isprintable():
        raise InvalidError(f"An Idempotency-Key has 1 to {MAX_KEY_CHARACTERS} printable characters")
    return idempotency_key


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]


async def json_body(request: Request) -> bytes:
    """The whole body of a JSON request.

    Raises:
        UnsupportedMediaTypeError: it says that it is something else.
    """
    try:
        body = await request.body()
    except ClientDisconnect:
        raise ClientGoneError from None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # a client that sends nothing may still announce a form
    if body and media_type and media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(
            f"This address takes JSON; the body says it is {media_type}. Send Content-Type: application/json"
        )
    return body


def body_chunks(request: Request) -> Iterator[bytes]:
    """The body piece by piece, for routes that run in a worker thread."""
    more = True
    while more:
        message = from_thread.run(_next_message, request)
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        more = message.get("more_body", False)
        if chunk := message.get("body", b""):
            yield chunk


async def _next_message(request: Request) -> Message:
    return await request.receive()


class ClientGoneError(InvalidError):
    """The client ended the connection before its request was complete."""

    code = "client_gone"


def parse_body(model: type[Model], body: bytes) -> Model:
    """A value from JSON.

    Raises:
        DangerousInputError: it names a path or command that could do harm.
        EmptyOrUnknownEventsError: events to append are missing or of an unknown type.
        InvalidError: anything else is wrong. Every fault is named, none of the values is.
    """
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _as_error(model, error) from None


def _as_error(model: type[BaseModel], error: ValidationError) -> PRTelemetryError:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    if any(detail["loc"][:1] == ("events",) and len(detail["loc"]) > 1 for detail in details):
        # where no event is valid, their number is no fault of its own
        details = [detail for detail in details if not _is_empty(detail)]
    faults = [Fault(_place(detail["loc"]), detail["msg"]) for detail in details]
    kinds = {detail["type"] for detail in details}
    sentence = describe_faults(faults)
    if kinds & _DANGEROUS:
        first = next(detail["msg"] for detail in details if detail["type"] in _DANGEROUS)
        return DangerousInputError(first if len(faults) == 1 else f"{first} ({sentence})", faults)
    if model is NewEvents and any(_is_empty_or_unknown(detail) for detail in details):
        return EmptyOrUnknownEventsError(sentence, faults)
    return InvalidError(sentence, faults)


def _is_empty_or_unknown(detail: ErrorDetails) -> bool:
    return detail["type"] == "union_tag_invalid" or _is_empty(detail)


def _is_empty(detail: ErrorDetails) -> bool:
    return detail["type"] == "too_short" and detail["loc"] == ("events",)


def _place(loc: Sequence[str | int]) -> tuple[str | int, ...]:
    """Where a fault is in the document itself: the name of an event's kind is not part of the way."""
    return tuple(part for index, part in enumerate(loc) if not (index == 2 and loc[0] == "events"))
