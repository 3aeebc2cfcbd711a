"""Seals: a statement about a whole document, signed. What a seal proves is checked in ``app.rules.integrity``.

A field of the document is a *section*: its name and the SHA-256 of its canonical JSON. The events are vouched for by the
head of their chain. What is signed is the seal itself, as canonical JSON, together with the trace's id.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from pydantic import JsonValue

from app.models.integrity import Checkpoint, Integrity, Signature
from app.models.trace import Trace
from app.rules.canonical import canonicalise
from app.rules.chain import genesis

NOT_SECTIONS = frozenset({"events", "integrity"})
"""Fields of the document that are no sections: the chain and the seal vouch for them."""

_UNSIGNED = base64.b64encode(bytes(64)).decode()
_Signed = TypeVar("_Signed", Integrity, Checkpoint)


class Signer(Protocol):
    """Holds a private key and does not give it away."""

    @property
    def key_id(self) -> str:
        """Tells its public key from others."""
        ...

    def sign(self, statement: bytes) -> bytes:
        """The Ed25519 signature (RFC 8032), 64 bytes."""
        ...


def document_fields(trace: Trace) -> dict[str, JsonValue]:
    """The fields of a trace's document as they are written, ``events`` and ``integrity`` left out."""
    fields: dict[str, JsonValue] = json.loads(trace.model_dump_json(exclude=set(NOT_SECTIONS)))
    return fields


def seal(fields: Mapping[str, JsonValue], *, head: bytes, count: int, signer: Signer, signed_at: datetime) -> Integrity:
    """The seal of a document.

    Args:
        fields: every field of the document but ``events`` and ``integrity``, with the very values that will be written.
        head: the hash of the last event; the genesis where there is none.
        count: how many events the document has.
        signer: signs.
        signed_at: the time that the signature states.

    Raises:
        NotCanonicalError: a section holds a number that not every reader understands alike.
    """
    trace_id, created_at = str(fields["trace_id"]), str(fields["created_at"])
    unsigned = Integrity(
        genesis=genesis(trace_id, created_at).hex(),
        head=head.hex(),
        count=count,
        sections={name: section_digest(value) for name, value in fields.items() if name not in NOT_SECTIONS},
        signature=Signature(key_id=signer.key_id, value=_UNSIGNED, signed_at=signed_at),
    )
    return _signed(unsigned, trace_id, signer)


def sign_checkpoint(trace_id: str, *, head: bytes, count: int, signer: Signer, at: datetime) -> Checkpoint:
    """A checkpoint of a trace that has ``count`` events, the last one with the hash ``head``."""
    signature = Signature(key_id=signer.key_id, value=_UNSIGNED, signed_at=at)
    unsigned = Checkpoint(trace_id=trace_id, head=head.hex(), count=count, at=at, signature=signature)
    return _signed(unsigned, trace_id, signer)


def section_digest(value: JsonValue) -> str:
    """The SHA-256 of a section, in hexadecimal."""
    return hashlib.sha256(canonicalise(value)).hexdigest()


def statement_of(signed: Mapping[str, Any], trace_id: Any) -> bytes:
    """The bytes that are signed: a seal or checkpoint as canonical JSON, its signature's value left out, ``trace_id`` added.

    Raises:
        NotCanonicalError: it is not a value of I-JSON (RFC 7493).
    """
    signature = {name: value for name, value in signed["signature"].items() if name != "value"}
    return canonicalise({**signed, "trace_id": trace_id, "signature": signature})


def _signed(unsigned: _Signed, trace_id: str, signer: Signer) -> _Signed:
    statement = statement_of(json.loads(unsigned.model_dump_json()), trace_id)
    value = base64.b64encode(signer.sign(statement)).decode()
    return unsigned.model_copy(update={"signature": unsigned.signature.model_copy(update={"value": value})})
