"""A second verifier, written from ``docs/reference/integrity.md`` and RFC 8785 alone.

It shares no line with the application and none with the package ``rfc8785``; what both agree on is what the reference says.

    python tests/independent_verifier.py DOCUMENT PUBLIC_KEY
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key


class BrokenError(Exception):
    """The document is not what was sealed."""


def read(text: str) -> Any:
    """JSON whose numbers are doubles (RFC 8785, section 3.1)."""
    return json.loads(text, parse_int=float, parse_float=float, object_pairs_hook=_without_duplicates)


def canonical(value: Any) -> str:
    """RFC 8785, section 3.2."""
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return '"' + "".join(_character(character) for character in value) + '"'
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    members = sorted(value.items(), key=lambda member: _code_units(member[0]))
    return "{" + ",".join(f"{canonical(name)}:{canonical(item)}" for name, item in members) + "}"


def verify(document: dict[str, Any], public_pem: bytes) -> None:
    """Raises ``BrokenError`` where the document is not what was sealed by this key."""
    seal = document["integrity"]
    fields = {name: value for name, value in document.items() if name not in ("events", "integrity")}
    _demand(seal["format"] == "pr-telemetry-chain-1", "format")
    _demand({name: _sha256(canonical(value)).hex() for name, value in fields.items()} == seal["sections"], "sections")
    head = _sha256(canonical({"format": seal["format"], "trace_id": fields["trace_id"], "created_at": fields["created_at"]}))
    _demand(head.hex() == seal["genesis"], "genesis")
    events = document["events"]
    for seq, event in enumerate(sorted(events, key=lambda event: float(event["seq"] or 0)), 1):
        _demand(event["seq"] == seq, f"event {seq}")
        body = {name: value for name, value in event.items() if name != "hash"}
        head = hashlib.sha256(head + canonical(body).encode()).digest()
        _demand(head.hex() == event["hash"], f"event {seq}")
    _demand(head.hex() == seal["head"], "head")
    _demand(len(events) == seal["count"], "count")
    # the timestamps of the test data are all UTC and of one length, so that their text sorts as their time does
    _demand(events == sorted(events, key=lambda event: (event["timestamp"], event["seq"])), "reading order")
    _check_signature(seal, fields["trace_id"], public_pem)


def _check_signature(seal: dict[str, Any], trace_id: str, public_pem: bytes) -> None:
    key = load_pem_public_key(public_pem)
    assert isinstance(key, Ed25519PublicKey)
    signature = dict(seal["signature"])
    raw = base64.b64decode(signature["value"], validate=True)
    _demand(base64.b64encode(raw).decode() == signature.pop("value"), "signature")
    _demand(signature["algorithm"] == "Ed25519", "signature")
    _demand(signature["key_id"] == _sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hex()[:16], "key")
    try:
        key.verify(raw, canonical({**seal, "trace_id": trace_id, "signature": signature}).encode())
    except InvalidSignature:
        raise BrokenError("signature") from None


def _number(value: float) -> str:
    """ECMA-262, Number::toString with radix 10: ``digits`` is s, ``point`` is n, its length k."""
    if value == 0:
        return "0"
    if value < 0:
        return "-" + _number(-value)
    # Python's repr gives the shortest digits that read back as this double, as ECMA-262 asks for
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading + int(exponent or 0)
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = f"e{point - 1:+d}"
    return digits + power if count == 1 else digits[0] + "." + digits[1:] + power


def _character(character: str) -> str:
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    if character in short:
        return short[character]
    return f"\\u{ord(character):04x}" if ord(character) < 0x20 else character


def _code_units(text: str) -> list[int]:
    units = []
    for character in text:
        code = ord(character)
        if code < 0x10000:
            units.append(code)
        else:
            units += [0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF)]
    return units


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


def _sha256(content: str | bytes) -> bytes:
    return hashlib.sha256(content if isinstance(content, bytes) else content.encode()).digest()


def _demand(holds: bool, place: str) -> None:
    if not holds:
        raise BrokenError(place)


if __name__ == "__main__":
    try:
        verify(read(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]).read_bytes())
    except (BrokenError, KeyError, TypeError, ValueError) as error:
        sys.exit(f"broken: {error}")
    sys.stdout.write("intact\n")
