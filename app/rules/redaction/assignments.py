"""Passwords, tokens and keys that stand behind a name: ``password = "…"``, ``API_KEY=…``, ``token: …``, ``--token …``, XML."""

from __future__ import annotations

import re
from collections.abc import Callable

from app.rules.redaction.literals import is_bare_literal, is_config_value, is_quoted_password, is_quoted_secret
from app.rules.redaction.rule import UNPRINTED, Finder, Found, Span

NAMES_OF_PASSWORDS = r"(?:pass(?:word|wd|phrase|(?<=[_-]pass))|pwd)"
NAMES_OF_SECRETS = (
    r"(?:secret|token|(?:(?<=api)|(?<=api[_-])|(?<=access)|(?<=access[_-])|(?<=auth[_-])|(?<=secret)|(?<=secret[_-])"
    r"|(?<=app[_-])|(?<=private[_-])|(?<=signing[_-])|(?<=encryption[_-])|(?<=master[_-])|(?<=account[_-]))key)"
)
_REST_OF_NAME = r"""[0-9]{0,2}(?:\\{0,3}["'`]\]?)?"""
_ANNOTATION = (
    r"(?i:[ \t]{0,2}:[ \t]{0,2}(?:&?(?:str|String|string|SecretStr)|Optional\[str\])(?:[ \t]?\|[ \t]?None)?(?=[ \t]{0,2}=))?"
)
_OPERATOR = r"[ \t]{0,16}(?P<operator>=>|:=|=(?!=)|:(?!:)|>)[ \t]{0,16}"
_OPTION = r"(?P<option>[ \t]{1,4})"
AFTER_NAME = "0123456789\\\"'` \t=:>"
"""What may follow a name to which something is assigned."""
_QUOTED = rf"""(?i:[bru])?(?P<quote>\\{{0,3}}["'`])(?P<quoted>[^"'`{UNPRINTED}\\]{{4,256}})(?P=quote)"""
_BARE = rf"""(?P<bare>[^{UNPRINTED}"'`,;&<>(){{}}\[\]|\\]{{6,256}})(?P<following>[^\n]?)"""
_OPTION_NAME = re.compile(r"(?:^|[\s\"'])--[A-Za-z-]{0,30}$")
_END_OF_VALUE = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|$)|\\[nr]|[\"'`]")


def assigned(kind: str, name: str, *, password: bool) -> Finder:
    """A finder for a literal value behind ``name``."""
    # comparing without regard to case is slow, so values are outside of it
    compiled = re.compile(rf"(?i:{name}){_REST_OF_NAME}(?:{_ANNOTATION}{_OPERATOR}|{_OPTION})(?:{_QUOTED}|{_BARE})", re.ASCII)
    is_quoted: Callable[[re.Match[str]], bool] = _is_password if password else _is_secret

    def find(text: str, place: int) -> Found | None:
        match = compiled.match(text, place)
        if match is None or (match["option"] and not _is_option(text, place)):
            return None
        if match["quoted"] is not None:
            start, end, accepted = *match.span("quoted"), is_quoted(match)
        else:
            start, end, accepted = *match.span("bare"), _is_bare(text, match)
        return Found((Span(start, end, kind),), end) if accepted else None

    return find


def _is_option(text: str, place: int) -> bool:
    return _OPTION_NAME.search(text[max(0, place - 34) : place]) is not None


def _is_password(match: re.Match[str]) -> bool:
    return is_quoted_password(match["quoted"], assigned=match["operator"] != ":")


def _is_secret(match: re.Match[str]) -> bool:
    return is_quoted_secret(match["quoted"])


def _is_bare(text: str, match: re.Match[str]) -> bool:
    value, operator, following = match["bare"], match["operator"], match["following"]
    if match["option"]:
        return not value.startswith("-") and is_bare_literal(value, tight=True, following=following)
    if operator == ">":
        return text.startswith("</", match.end("bare")) and is_bare_literal(value, tight=True, following="")
    if operator == ":" and _END_OF_VALUE.match(text, match.end("bare")):
        return is_config_value(value)
    tight = operator == "=" and match.start("bare") == match.end("operator") and match.start("operator") == _name_end(match)
    return operator != ":" and is_bare_literal(value, tight=tight, following=following)


def _name_end(match: re.Match[str]) -> int:
    """Where the name ends if nothing but the operator follows it."""
    before = match.string[match.start() : match.start("operator")]
    return match.start() + len(before.rstrip(" \t"))
