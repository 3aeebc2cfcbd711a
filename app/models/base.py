"""What all values of the language have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationInfo
from pydantic_core import PydanticCustomError

STORED = {"source": "store"}
"""The validation context of a document that this server wrote itself. Everything else is a client's."""

TraceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""The pattern is part of the type: no id can leave the data directory."""

EventId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]
ArtifactName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=512)]


class Value(BaseModel):
    """A frozen value that knows exactly its fields. NaN and Infinity are not JSON and are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def _refuse_from_client(value: Any, info: ValidationInfo) -> Any:
    if value is not None and info.context is not STORED:
        raise PydanticCustomError("server_owned", "This field belongs to the server; leave it out")
    return value


ServerOwned = BeforeValidator(_refuse_from_client)
"""Marks a field that only documents of this server's own may fill. A client's ``null`` is fine."""
