"""What proves that nothing was changed: the seal of a finalized trace, and the checkpoint of an open one.

How the values are computed and checked is specified in ``docs/reference/integrity.md``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.models.base import Sha256, TraceId, Value

CHAIN_FORMAT: Literal["pr-telemetry-chain-1"] = "pr-telemetry-chain-1"
CHECKPOINT_FORMAT: Literal["pr-telemetry-checkpoint-1"] = "pr-telemetry-checkpoint-1"
ALGORITHM: Literal["Ed25519"] = "Ed25519"

KeyId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
"""The first 16 hexadecimal digits of the SHA-256 of the raw public key."""


class Signature(Value):
    """Who vouches for a statement, and when by their clock. All fields but ``value`` are part of what is signed."""

    algorithm: Literal["Ed25519"] = ALGORITHM
    key_id: KeyId
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]
    """64 bytes in base64 (RFC 4648, section 4)."""
    signed_at: datetime


class Integrity(Value):
    """The seal of a finalized trace: every event, in order, and every other field of the document, signed."""

    format: Literal["pr-telemetry-chain-1"] = CHAIN_FORMAT
    genesis: Sha256
    """What the first link stands on: the trace's identity."""
    head: Sha256
    """The hash of the last event; ``genesis`` where there is none."""
    count: Annotated[int, Field(ge=0)]
    sections: dict[str, Sha256]
    """Hash by name of every field of the document but ``events`` and ``integrity``."""
    signature: Signature


class Checkpoint(Value):
    """How far a trace had come at a moment, signed. Later documents of the trace have to contain that state."""

    format: Literal["pr-telemetry-checkpoint-1"] = CHECKPOINT_FORMAT
    trace_id: TraceId
    head: Sha256
    count: Annotated[int, Field(ge=0)]
    at: datetime
    signature: Signature
