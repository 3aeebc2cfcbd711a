"""The error tree. A family says what a caller does about it; a class exists when some caller decides by it.

The docstring of a class is its message. ``code`` is stable: clients decide by it. Facts are fields, not words in the text.
Outcomes (tests that fail, a run that timed out, a judge that declined) are values, never errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input."""

    loc: tuple[str | int, ...]
    """Where: the path through the document, outermost first."""
    msg: str
    """What, and what is expected instead."""


class PRTelemetryError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"

    def __init__(self, detail: str | None = None, **facts: object) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.facts: Mapping[str, object] = facts
        super().__init__(self.detail)


class InvalidError(PRTelemetryError):
    """The input does not say what it has to say."""

    code = "invalid"

    def __init__(self, detail: str | None = None, faults: Sequence[Fault] = (), **facts: object) -> None:
        super().__init__(detail, **facts)
        self.faults = tuple(faults)


class DangerousInputError(InvalidError):
    """The input names a path or a command that could do harm."""

    code = "dangerous_input"


class EmptyOrUnknownEventsError(InvalidError):
    """The request holds no event, or one of a type that is not known."""

    code = "unknown_events"


class MalformedError(InvalidError):
    """The input cannot be read at all."""

    code = "malformed"


class DeniedError(PRTelemetryError):
    """The caller may not do this."""

    code = "denied"


class MissingCredentialsError(DeniedError):
    """The Authorization header is missing. Send 'Authorization: Bearer <API_TOKEN>'."""

    code = "missing_credentials"


class WrongCredentialsError(DeniedError):
    """The token is not valid here."""

    code = "wrong_credentials"


class ForbiddenError(PRTelemetryError):
    """Nobody may do this here, whoever asks."""

    code = "forbidden"


class NotLocalError(ForbiddenError):
    """This server answers clients on its own machine only."""

    code = "not_local"


class NotFoundError(PRTelemetryError):
    """There is nothing here by that name."""

    code = "not_found"


class TraceNotFoundError(NotFoundError):
    """No trace has this id."""

    code = "trace_not_found"

    def __init__(self, trace_id: str) -> None:
        super().__init__(f"Trace {trace_id} not found", trace_id=trace_id)


class TraceDeletedError(NotFoundError):
    """The trace has been deleted."""

    code = "trace_deleted"

    def __init__(self, trace_id: str, tombstone: Mapping[str, str]) -> None:
        when, why = tombstone.get("deleted_at", "an unknown time"), tombstone.get("reason", "no reason given")
        super().__init__(f"Trace {trace_id} was deleted at {when} ({why})", trace_id=trace_id, **tombstone)


class ArtifactNotFoundError(NotFoundError):
    """The trace has no artifact of this name."""

    code = "artifact_not_found"


class ConflictError(PRTelemetryError):
    """The request contradicts what is stored."""

    code = "conflict"


class TraceExistsError(ConflictError):
    """The id is taken by another trace; what is stored stays as it is."""

    code = "trace_exists"


class ArtifactExistsError(ConflictError):
    """The name is taken by another content; what is stored stays as it is."""

    code = "artifact_exists"


class TraceClosedError(ConflictError):
    """The trace is finalized; it takes no more events."""

    code = "trace_closed"


class BusyError(ConflictError):
    """The same work is under way; ask again shortly."""

    code = "busy"
    retry_after_s: ClassVar[int] = 2


class TooLargeError(PRTelemetryError):
    """The input is larger than this server takes."""

    code = "too_large"


class UnsupportedMediaTypeError(PRTelemetryError):
    """The body is of a kind that this address does not take."""

    code = "unsupported_media_type"


class SlowClientError(PRTelemetryError):
    """The body did not arrive in time."""

    code = "request_timeout"


class UnavailableError(PRTelemetryError):
    """Something this needs is not there now; the same request may succeed later."""

    code = "unavailable"
    retry_after_s: ClassVar[int] = 5


class StorageFullError(UnavailableError):
    """The disk that holds the data directory is full."""

    code = "storage_full"


class CorruptError(PRTelemetryError):
    """What is stored is not what was written."""

    code = "corrupt"


class SettingsError(PRTelemetryError):
    """A setting is wrong."""

    code = "settings"
