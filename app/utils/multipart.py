"""Forms with files (RFC 7578), as browsers and ``curl -F`` send them, out of a body that is in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser

FORM = "multipart/form-data"
MOST_PARTS = 16
_LONGEST_BOUNDARY = 70
_PLAIN = frozenset({"", "7bit", "8bit", "binary"})
_END_OF_BOUNDARY = re.compile(rb"[ \t]*\r\n")


class FormError(ValueError):
    """The body is no such form; the message says why."""


@dataclass(frozen=True)
class Part:
    """A field of a form."""

    name: str
    content: bytes


def is_form(content_type: str | None) -> bool:
    """Whether a body of this Content-Type is a form."""
    return (content_type or "").partition(";")[0].strip().lower() == FORM


def read_form(content_type: str, body: bytes) -> list[Part]:
    """The parts of a form, in their order.

    Raises:
        FormError: it is none, does not end as it should, or has more than ``MOST_PARTS`` parts.
    """
    line = b"\r\n--" + _boundary(content_type)
    # what stands before the first boundary is nobody's; the body may begin with it
    _, *sections = (b"\r\n" + body).split(line, MOST_PARTS + 2)
    parts: list[Part] = []
    for section in sections:
        if section.startswith(b"--"):
            return parts
        if len(parts) == MOST_PARTS:
            raise FormError(f"it has more than {MOST_PARTS} parts")
        parts.append(_part(section, len(parts) + 1))
    raise FormError("its last boundary is missing" if sections else "its boundary is not in it")


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary("")
    if not 1 <= len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise FormError("its Content-Type names no boundary")
    return boundary.encode("ascii")


def _part(section: bytes, number: int) -> Part:
    begin = _END_OF_BOUNDARY.match(section)
    if begin is None:
        raise FormError(f"part {number} does not begin on a line of its own")
    # one line break back: a part may have no headers at all
    head, found, content = section[begin.end() - 2 :].partition(b"\r\n\r\n")
    if not found:
        raise FormError(f"part {number} has no end of its headers")
    headers = BytesHeaderParser().parsebytes(head.lstrip(b"\r\n"))
    name = headers.get_param("name", header="content-disposition")
    if headers.get_content_disposition() != "form-data" or not isinstance(name, str) or not name:
        raise FormError(f"part {number} has no name")
    if str(headers.get("content-transfer-encoding", "")).strip().lower() not in _PLAIN:
        raise FormError(f"part {number} is encoded; send it as it is")
    return Part(name, content)
