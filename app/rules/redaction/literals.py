"""Is the value of an assignment a secret, or a name, a placeholder, a reference to where the secret is kept?

The answer comes from the shape of the value and of what surrounds it, never from how random it looks.
"""

from __future__ import annotations

import re

_REFERENCES = (
    "$",
    "%",
    "{",
    "<",
    "!",
    "#",
    "/",
    "./",
    "../",
    "~",
    "os.",
    "env.",
    "process.env",
    "settings.",
    "config.",
    "self.",
    "vault:",
    "ref:",
    "arn:",
    "op:",
    "file:",
    "secretsmanager:",
    "ssm:",
)
_PLACEHOLDER_PARTS = re.compile(
    r"xxx|\*\*\*|\.\.\.|…|change[_-]?me|change[_-]?this|replace[_-]?(?:me|this|with)|your[_-]?|example|placeholder|dummy|redacted"
    r"|insert[_-]|todo|not[_-]?(?:set|a[_-]?secret|real)|sample|[<>]|\$\{|\{\{|%\(|://|\\u[0-9a-f]{4}"
)
_WORDS = (
    r"access|admin|an|api|app|auth|authorization|base|basic|bearer|bool|boolean|bytes|client|csrf|current|db|"
    r"default|disabled|empty|enabled|env|fake|false|field|file|foo|bar|baz|guest|hash|header|hidden|hunter|id|input|"
    r"int|integer|invalid|jwt|key|kind|label|local|master|missing|mock|my|name|new|nil|none|null|number|object|of|"
    r"old|optional|pass|password|passwd|plain|private|public|pwd|refresh|required|root|secret|service|session|some|"
    r"str|string|test|testing|text|the|this|token|true|type|undefined|unknown|user|value|var|variable|wrong"
)
_NAME = re.compile(rf"(?:(?:{_WORDS})[._-]?)+[0-9]?", re.ASCII)
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|->|::|\?\.)[A-Za-z_][A-Za-z0-9_]*)+", re.ASCII)
_TYPE = re.compile(r"(?:u?int|float|double|char|varchar|[iuf]|utf-?|sha-?|md|base|bytes|str|x|oauth|rs|hs|es)[0-9]{1,4}(?:_t)?")
_FILE = re.compile(r"[^\s]*\.(?:pem|key|crt|cer|json|txt|ya?ml|toml|ini|py|js|ts|tsx|go|rs|java|md|html|css|log)")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*", re.ASCII)
_DIGIT_GROUPS = re.compile(r"[0-9]+")


def is_placeholder(value: str) -> bool:
    """Stands for a secret without being one: a reference, a template, a word that only says what belongs here."""
    lower = value.lower()
    return (
        lower.startswith(_REFERENCES)
        or len(set(lower)) <= 2
        or _PLACEHOLDER_PARTS.search(lower) is not None
        or _NAME.fullmatch(lower) is not None
        or _TYPE.fullmatch(lower) is not None
        or _FILE.fullmatch(lower) is not None
    )


def is_quoted_password(value: str, *, assigned: bool) -> bool:
    """A literal in quotes behind a password's name. After ``:`` (schemas, translations) a mere word is a word."""
    if is_placeholder(value) or _DOTTED.fullmatch(value):
        return False
    return len(value) >= 5 and (assigned or _has_digit(value) or _has_sign(value))


def is_quoted_secret(value: str) -> bool:
    """A literal in quotes behind a name such as ``token`` or ``api_key``: words alone are ordinary there."""
    if is_placeholder(value) or _DOTTED.fullmatch(value):
        return False
    return len(value) >= 8 and _has_letter(value) and (_has_digit(value) or _has_sign(value))


def is_bare_literal(value: str, *, tight: bool, following: str) -> bool:
    """A literal without quotes. ``tight``: right after ``=``, as in an environment file, a query or an option.

    Code assigns names without quotes, so a value that could be a name has to be an unlikely one there.
    """
    if is_placeholder(value) or _is_reference(value) or not _has_letter(value):
        return False
    if following[:1] in ("(", "[", "{"):
        return False
    if tight and following[:1] not in (",", ")", "}", "]"):
        return len(value) >= 6 and (_has_digit(value) or _has_sign(value))
    if _IDENTIFIER.fullmatch(value):
        return _is_unlikely_name(value)
    return len(value) >= 8 and _has_digit(value)


def is_config_value(value: str) -> bool:
    """A literal without quotes after ``:`` up to the end of its line, as in YAML or a header."""
    if is_placeholder(value) or _is_reference(value):
        return False
    names_itself = any(word in value.lower() for word in ("token", "secret", "passw", "pwd"))
    return len(value) >= 8 and _has_letter(value) and _has_digit(value) and (not names_itself or _is_unlikely_name(value))


def looks_issued(value: str) -> bool:
    """A credential given out by a machine: long, letters and digits, no placeholder."""
    return len(value) >= 16 and _has_digit(value) and _has_letter(value) and not is_placeholder(value)


def _is_reference(value: str) -> bool:
    return _DOTTED.fullmatch(value) is not None


def _is_unlikely_name(value: str) -> bool:
    return len(value) >= 12 and "_" not in value and len(_DIGIT_GROUPS.findall(value)) >= 2


def _has_digit(value: str) -> bool:
    return any("0" <= character <= "9" for character in value)


def _has_letter(value: str) -> bool:
    return any(character.isalpha() for character in value)


def _has_sign(value: str) -> bool:
    return any(character in "!@#$%^&*+/=~?" for character in value)
