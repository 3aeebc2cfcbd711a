"""Private keys in PEM and PGP armour, line by line, so that a diff keeps its lines and their signs.

The lines ``-----BEGIN …`` and ``-----END …`` stay; what lies between them goes, wherever the block stands: plain, indented,
in a diff, quoted line by line, or on one line with escaped breaks. A block that is cut short is followed as far as it looks
like one.
"""

from __future__ import annotations

import re

from app.rules.redaction.rule import Found, Span

KIND = "private_key"
_HEADER = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_BREAK = re.compile(r"(?:\\{1,4}[rn]){1,2}|[ \t]{0,8}[\"'`,;+]{0,3}[ \t\\]{0,4}\r?\n")
_BEFORE = re.compile(r"(?<=\n)[+\- ]?[ \t>#*|\"'`]{0,80}", re.ASCII)
_BODY = re.compile(
    r"(?:Proc-Type|DEK-Info|Version|Comment|Hash):[\x20-\x21\x23-\x26\x28-\x5a\x5e-\x7e]{0,200}|[A-Za-z0-9+/=]{1,8192}",
    re.ASCII,
)
_FOOTER = re.compile(r"-{3,5}END ")
_WORD = re.compile(r"[a-z]{1,15}|[A-Z][a-z]{0,14}", re.ASCII)


def find_private_key(text: str, place: int) -> Found | None:
    """The lines of the key whose ``-----BEGIN`` stands at ``place``."""
    header = _HEADER.match(text, place)
    if header is None:
        return None
    spans: list[Span] = []
    end = header.end()
    while (start := _next_line(text, end)) is not None:
        body = _BODY.match(text, start)
        if body is None:
            end = start
            continue
        if not _is_whole_line(text, body):
            break
        spans.append(Span(body.start(), body.end(), KIND, continued=bool(spans)))
        end = body.end()
    return Found(tuple(spans), spans[-1].end) if spans else None


def _next_line(text: str, end: int) -> int | None:
    """Where the text of the next line begins; ``None`` where the block has no next line."""
    following = _BREAK.match(text, end)
    if following is None:
        return None
    before = _BEFORE.match(text, following.end())
    return before.end() if before is not None else following.end()


def _is_whole_line(text: str, body: re.Match[str]) -> bool:
    """Only decoration follows on the line. After a block that was cut short a single word is prose, not its last line."""
    following = _next_line(text, body.end())
    if following is None:
        return body.end() == len(text) or text[body.end()] in "\"'`-"
    return _WORD.fullmatch(body[0]) is None or _FOOTER.match(text, following) is not None
