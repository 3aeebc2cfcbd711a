"""Is a document what was sealed? Everything is recomputed from the document and the public keys alone.

The rules are those of ``docs/reference/integrity.md``. A document is walked twice, so that one of any length can be checked:
first for its fields and for what its events say of themselves, then for the events' contents.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.models.integrity import ALGORITHM, CHAIN_FORMAT, CHECKPOINT_FORMAT
from app.rules.canonical import NotCanonicalError
from app.rules.chain import genesis
from app.rules.claims import Claims, check_events, check_reading_order, name_events
from app.rules.findings import Finding, Report
from app.rules.pieces import Piece, pieces_of, read_pieces
from app.rules.seal import NOT_SECTIONS, section_digest, statement_of
from app.utils.json_stream import JsonWindow

PublicKeys = Mapping[str, bytes]
"""Raw Ed25519 public keys (32 bytes) by key id."""


def verify_document(
    document: Mapping[str, Any], public_keys: PublicKeys, checkpoints: Sequence[Mapping[str, Any]] = ()
) -> list[Finding]:
    """Everything that is wrong with a document, the first broken place first. Empty: it is what was sealed.

    Args:
        document: as it was exported; its JSON has no name twice in an object.
        public_keys: whom to believe. Without any, a signature is not judged, and a finding says so.
        checkpoints: of any traces; those of this one have to be contained in it.
    """
    return list(_verify(pieces_of(document), pieces_of(document), public_keys, checkpoints).findings)


def verify_stream(file: BinaryIO, public_keys: PublicKeys, checkpoints: Sequence[Mapping[str, Any]] = ()) -> Iterator[Report]:
    """A report for each document of a file: one, or one after the other (JSON lines).

    Memory holds one event or field at a time, and some fifty bytes of each event of the document at hand.

    Args:
        file: seekable.
        public_keys: see ``verify_document``.
        checkpoints: see ``verify_document``.

    Raises:
        UnreadableJsonError: what follows is not a JSON object.
    """
    first, second = JsonWindow(file), JsonWindow(file)
    while first.peek():
        yield _verify(read_pieces(first), read_pieces(second), public_keys, checkpoints)


def verify_checkpoint(checkpoint: Mapping[str, Any], public_keys: PublicKeys) -> list[Finding]:
    """What is wrong with a checkpoint itself."""
    if checkpoint.get("format") != CHECKPOINT_FORMAT:
        return [Finding("format_unknown", "checkpoint", f"the format {checkpoint.get('format')!r} is not known here")]
    return _check_signature(checkpoint, checkpoint.get("trace_id"), public_keys, "checkpoint.signature")


@dataclass
class _Outline:
    """What the first walk keeps of a document."""

    digests: dict[str, str | None] = field(default_factory=dict)
    """Hash of every section by name, in the document's order; ``None`` where it has no canonical form."""
    identity: dict[str, Any] = field(default_factory=dict)
    seal: Any = None
    claims: Claims = field(default_factory=Claims)
    faults: list[Finding] = field(default_factory=list)

    @property
    def trace_id(self) -> str | None:
        """The id, if there is one."""
        trace_id = self.identity.get("trace_id")
        return trace_id if isinstance(trace_id, str) else None


def _verify(
    first: Iterable[Piece], second: Iterable[Piece], keys: PublicKeys, checkpoints: Sequence[Mapping[str, Any]]
) -> Report:
    outline = _outline(first)
    contents = (piece.value for piece in second if piece.kind == "event")
    findings = [*outline.faults, *_check(outline, contents, keys)]
    for checkpoint in checkpoints:
        if checkpoint.get("trace_id") == outline.trace_id:
            findings += [*verify_checkpoint(checkpoint, keys), *_check_contained(checkpoint, outline)]
    for _ in contents:  # what is left of the second walk: the next document begins behind it
        pass
    key_id = _mapping(_mapping(outline.seal).get("signature")).get("key_id")
    return Report(
        trace_id=outline.trace_id,
        num_events=len(outline.claims),
        is_sealed=outline.seal is not None,
        key_id=key_id if isinstance(key_id, str) else None,
        # what is wrong comes before what is only not proven
        findings=tuple(sorted(findings, key=lambda found: not found.is_broken)),
    )


def _check(outline: _Outline, contents: Iterable[Any], keys: PublicKeys) -> list[Finding]:
    if outline.seal is None:
        return [*check_events(contents, outline.claims, _beginnings(outline, {})), *check_reading_order(outline.claims),
                *_check_unsealed(outline)]  # fmt: skip
    if not isinstance(outline.seal, dict):
        return [Finding("malformed", "integrity", "is not an object")]
    if outline.seal.get("format") != CHAIN_FORMAT:
        message = f"the format {outline.seal.get('format')!r} is not known here"
        return [Finding("format_unknown", "integrity.format", message)]
    return _check_sealed(outline, outline.seal, contents, keys)


def _check_sealed(outline: _Outline, seal: Mapping[str, Any], contents: Iterable[Any], keys: PublicKeys) -> list[Finding]:
    events = check_events(contents, outline.claims, _beginnings(outline, seal))
    has_gaps = any(found.kind == "event_missing" for found in events)
    return [
        *_check_sections(outline.digests, seal.get("sections")),
        *_check_genesis(outline, seal),
        *events,
        *_check_extent(outline.claims, seal, has_gaps),
        *check_reading_order(outline.claims),
        *_check_signature(seal, outline.identity.get("trace_id"), keys, "integrity.signature"),
    ]


def _check_unsealed(outline: _Outline) -> list[Finding]:
    status = outline.identity.get("status")
    if status == "finalized":
        return [Finding("seal_missing", "integrity", "the trace is finalized, but there is no seal")]
    message = "the trace is not sealed: nothing says whether events are missing at the end, or who wrote this"
    return [Finding("not_sealed", "integrity", message)]


def _check_sections(digests: Mapping[str, str | None], stated: Any) -> list[Finding]:
    if not isinstance(stated, dict):
        return [Finding("malformed", "integrity.sections", "is not an object")]
    found = []
    for name, digest in digests.items():
        if name not in stated:
            found.append(Finding("section_added", f"section {name}", "is not part of what was sealed", section=name))
        elif digest is None or stated[name] != digest:
            found.append(Finding("section_altered", f"section {name}", "does not have the sealed hash", section=name))
    missing = [name for name in stated if name not in digests]
    return found + [Finding("section_missing", f"section {name}", "was sealed and is gone", section=name) for name in missing]


def _check_genesis(outline: _Outline, seal: Mapping[str, Any]) -> list[Finding]:
    own = _own_genesis(outline)
    if own is not None and seal.get("genesis") == own.hex():
        return []
    return [Finding("genesis_altered", "integrity.genesis", "does not belong to this trace_id and created_at")]


def _check_extent(claims: Claims, seal: Mapping[str, Any], has_gaps: bool) -> list[Finding]:
    """Whether the chain ends where the seal says."""
    last, stated = claims.last_seq, seal.get("count")
    heads = claims.hashes(last) if last else [_digest(seal.get("genesis"))]
    ends_here = _digest(seal.get("head")) in heads and _digest(seal.get("head")) is not None
    if type(stated) is not int or stated < 0:
        return [Finding("count_altered", "integrity.count", "is not a number of events")]
    if ends_here and stated == last:
        return []
    if ends_here and has_gaps:
        index = claims.indices(last)[0]
        message = f"is the last of {stated} sealed events by its hash, but has the number {last}"
        return [Finding("event_altered", f"event {last}", message, seq=last, index=index)]
    if ends_here:
        return [Finding("count_altered", "integrity.count", f"says {stated}, but the sealed head is that of event {last}")]
    if stated < last:
        message = f"stands behind the {stated} events that were sealed"
        return [Finding("event_added", name_events(stated + 1, last), message, seq=stated + 1)]
    if stated > last:
        return [Finding("truncated", name_events(last + 1, stated), "cut off at the end", seq=last + 1)]
    return [Finding("head_altered", "integrity.head", f"is not the hash of event {last}" if last else "is not the genesis")]


def _check_contained(checkpoint: Mapping[str, Any], outline: _Outline) -> list[Finding]:
    """Whether the events of a checkpoint are in the document, unchanged."""
    count, head = checkpoint.get("count"), _digest(checkpoint.get("head"))
    if type(count) is not int or not 0 <= count <= outline.claims.last_seq:
        message = f"{count} events were there on {checkpoint.get('at')}, of which {outline.claims.last_seq} are left"
        return [Finding("checkpoint_broken", "checkpoint", message, seq=outline.claims.last_seq + 1)]
    heads = outline.claims.hashes(count) if count else [_own_genesis(outline)]
    if head is not None and head in heads:
        return []
    message = f"event {count} is not the one that was there on {checkpoint.get('at')}, or one before it is not"
    return [Finding("checkpoint_broken", "checkpoint", message, seq=count)]


def _check_signature(signed: Mapping[str, Any], trace_id: Any, keys: PublicKeys, place: str) -> list[Finding]:
    signature = _mapping(signed.get("signature"))
    key_id = signature.get("key_id")
    if signature.get("algorithm") != ALGORITHM:
        return [Finding("signature_wrong", place, f"the algorithm is not {ALGORITHM}")]
    if not keys:
        return [Finding("signature_unchecked", place, f"no public key was given; it names the key {key_id}")]
    if not isinstance(key_id, str) or key_id not in keys:
        return [Finding("key_unknown", place, f"is by the key {key_id!r}, which is none of those given")]
    try:
        Ed25519PublicKey.from_public_bytes(keys[key_id]).verify(
            _signature_bytes(signature.get("value")), statement_of(signed, trace_id)
        )
    except (InvalidSignature, NotCanonicalError):
        return [Finding("signature_wrong", place, f"is not a signature of this by the key {key_id}")]
    return []


def _signature_bytes(value: Any) -> bytes:
    try:
        raw = base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise InvalidSignature from None
    # the last character has bits that decoding drops; a signature has one spelling
    if base64.b64encode(raw).decode() != value:
        raise InvalidSignature
    return raw


def _beginnings(outline: _Outline, seal: Mapping[str, Any]) -> list[bytes]:
    """What the first event may stand on: where the two differ, another finding says so, and the event is not to blame."""
    return [digest for digest in (_own_genesis(outline), _digest(seal.get("genesis"))) if digest is not None]


def _own_genesis(outline: _Outline) -> bytes | None:
    trace_id, created_at = outline.identity.get("trace_id"), outline.identity.get("created_at")
    if not isinstance(trace_id, str) or not isinstance(created_at, str):
        return None
    try:
        return genesis(trace_id, created_at)
    except NotCanonicalError:
        return None


def _outline(pieces: Iterable[Piece]) -> _Outline:
    outline = _Outline()
    has_events = False
    for piece in pieces:
        if piece.kind == "event":
            outline.claims.add(piece.value)
        elif piece.kind == "events":
            has_events = True
        else:
            _note_field(outline, piece.name, piece.value)
    outline.claims.close()
    if not has_events:
        outline.faults.append(Finding("malformed", "events", "the document has no list of events"))
    return outline


def _note_field(outline: _Outline, name: str, value: Any) -> None:
    if name == "integrity":
        outline.seal = value
    elif name not in NOT_SECTIONS:
        outline.digests[name] = _digest_or_none(value)
    if name in ("trace_id", "created_at", "status"):
        outline.identity[name] = value


def _digest_or_none(value: Any) -> str | None:
    try:
        return section_digest(value)
    except NotCanonicalError:
        return None


def _digest(text: Any) -> bytes | None:
    try:
        digest = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        return None
    return digest if len(digest) == 32 and digest.hex() == text else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
