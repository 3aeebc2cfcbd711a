"""What all values of the language have in common."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

STORED = {"source": "store"}
"""The validation context of a document that this server wrote itself. Everything else is a client's."""

TraceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""The pattern is part of the type: no id can leave the data directory."""

EventId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
ArtifactName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=512)]


MAX_SAFE_INTEGER = 2**53 - 1
"""The largest integer that every JSON reader understands alike (RFC 7493, section 2.2)."""


SafeInteger = Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER)]


def _interoperable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise PydanticCustomError("not_json", "NaN and Infinity are not JSON")
        elif isinstance(item, int | float) and abs(item) > MAX_SAFE_INTEGER:
            raise PydanticCustomError("not_interoperable", "Numbers beyond 2^53-1 are not read alike; send a string")
    return value


JsonObject = Annotated[dict[str, JsonValue], AfterValidator(_interoperable)]
"""Free JSON that every reader understands alike."""


_NOTES = ("redacted", "unknown", "withheld")


def _with_readable_notes(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    for name in _NOTES:
        names = value.get(name, [])
        if not isinstance(names, list) or not all(isinstance(item, str) for item in names):
            raise PydanticCustomError(
                "reserved", "'{name}' is a list of field names, to which the server may add", {"name": name}
            )
    return value


Extra = Annotated[JsonObject, AfterValidator(_with_readable_notes)]
"""Free JSON beside an event's own fields. The names of what was redacted, unknown or withheld stand there, too."""


def name_unknown(extra: dict[str, Any], *names: str) -> None:
    """Add to the names of what the source of an event does not state."""
    known = extra.get("unknown", [])
    extra["unknown"] = [*known, *(name for name in names if name not in known)]


class Value(BaseModel):
    """A frozen value that knows exactly its fields. NaN and Infinity are not JSON and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _refuse_from_client(value: Any, info: ValidationInfo) -> Any:
    if value is not None and info.context is not STORED:
        raise PydanticCustomError("server_owned", "This field belongs to the server; leave it out")
    return value


ServerOwned = AfterValidator(_refuse_from_client)
"""Marks a field that only documents of this server's own may fill. A client's ``null`` is fine."""

NotForClients = Annotated[None, BeforeValidator(_refuse_from_client)]
"""A field of stored documents that a request may name, but not fill."""
