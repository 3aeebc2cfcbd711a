"""Rules for what the surroundings make a secret: headers, URLs, cookies, assignments; and for what names a person."""

from __future__ import annotations

import re

from app.rules.redaction.assignments import AFTER_NAME, NAMES_OF_PASSWORDS, NAMES_OF_SECRETS, assigned
from app.rules.redaction.emails import AFTER_AT, BEFORE_AT, find_email
from app.rules.redaction.literals import is_placeholder, looks_issued
from app.rules.redaction.rule import BOUNDARY, UNPRINTED, Rule, by_pairs, by_pattern

_PLACEHOLDER_PASSWORD = re.compile(
    r"^(?:pass|passw(?:or)?d|pwd|secret|token|credentials?|(.)\1+)$|changeme|your_|xxx|\*\*|\$\{|\.\.\.|…"
)
_COOKIE_ATTRIBUTES = ("path", "expires", "domain", "max-age", "samesite", "version", "priority")
_PAIR = (
    r"(?P<name>[!#$%&'*+.^_`|~A-Za-z0-9-]{1,64}+)=\"?"
    rf"(?P<secret>[^{UNPRINTED};\"',\\\[\]]{{1,4096}}+)"
    r"\"?(?:;[ \t]?|(?=[\s\"'\\]|$))"
)

_FIND_PASSWORD = assigned("password", NAMES_OF_PASSWORDS, password=True)
_FIND_SECRET = assigned("secret", NAMES_OF_SECRETS, password=False)


def _is_issued(match: re.Match[str]) -> bool:
    return looks_issued(match["secret"])


def _is_header_value(match: re.Match[str]) -> bool:
    secret = match["secret"]
    return (match["scheme"] is not None and not is_placeholder(secret)) or looks_issued(secret)


def _is_url_password(match: re.Match[str]) -> bool:
    secret = match["secret"]
    if match["user"] is None:
        return looks_issued(secret)
    return secret[0] not in "$<{%*" and _PLACEHOLDER_PASSWORD.search(secret.lower()) is None


CONTEXT_RULES: tuple[Rule, ...] = (
    Rule(
        "jwt",
        "JSON web tokens",
        "eyJ….eyJ….…",
        ("eyJ",),
        by_pattern(
            "jwt", rf"{BOUNDARY}(?P<secret>eyJ[A-Za-z0-9_-]{{10,4096}}\.eyJ[A-Za-z0-9_-]{{8,8192}}\.[A-Za-z0-9_-]{{16,2048}})"
        ),
        in_long_run=True,
    ),
    Rule(
        "url_password",
        "Passwords and tokens before the host of a URL; the rest of the URL stays",
        "postgres://user:…@host",
        ("://",),
        by_pattern(
            "url_password",
            rf"://(?:(?P<user>[^{UNPRINTED}:/?#@\[\]\"'`<>\\]{{0,128}}+):)?"
            rf"(?P<secret>[^{UNPRINTED}/?#@\[\]\"'`<>\\]{{1,256}}+)@(?=[A-Za-z0-9_$\[{{(<%-])",
            accept=_is_url_password,
        ),
    ),
    Rule(
        "auth_header",
        "Credentials in Authorization headers, and bearer tokens",
        "Authorization: Bearer …",
        ("authorization",),
        by_pattern(
            "auth_header",
            r"""authorization\\{0,3}["'`]?\]?(?:[ \t]{0,4}(?:=>|[:=,])[ \t]{0,4})[bfr]?\\{0,3}["'`]?"""
            r"(?:(?P<scheme>bearer|basic|token|digest|apikey|negotiate|bot)[ \t]{1,4})?"
            r"(?P<secret>[A-Za-z0-9._~+/-]{8,4096}={0,2})",
            flags=re.IGNORECASE,
            accept=_is_header_value,
        ),
        folded=True,
    ),
    Rule(
        "auth_header",
        "",
        "",
        ("bearer ",),
        by_pattern(
            "auth_header",
            r"bearer[ \t]{1,4}(?P<secret>[A-Za-z0-9._~+/-]{16,4096}={0,2})",
            flags=re.IGNORECASE,
            accept=_is_issued,
        ),
        folded=True,
    ),
    Rule(
        "cookie",
        "Values in Cookie and Set-Cookie headers, and session ids",
        "Cookie: session=…",
        ("cookie",),
        by_pairs(
            "cookie",
            r"""cookie\\{0,3}["'`]?[ \t]{0,4}(?::|=>)[ \t]{0,4}\\{0,3}["'`]?(?=[A-Za-z0-9_.-]{1,64}+=)""",
            _PAIR,
            attributes=_COOKIE_ATTRIBUTES,
            shortest=6,
        ),
        folded=True,
    ),
    Rule(
        "cookie",
        "",
        "",
        ("sessid=", "sessionid=", "session-id:"),
        by_pattern(
            "cookie",
            r"(?:(?:session|sess)id=|(?<=x-)session-id:[ \t]?)(?P<secret>[A-Za-z0-9%._~+/-]{16,512})",
            flags=re.IGNORECASE,
            accept=_is_issued,
        ),
        folded=True,
    ),
    Rule(
        "password",
        "Literal passwords behind their name",
        'password = "…"  DB_PASS=…  --password …',
        ("password", "passwd", "passphrase", "pwd"),
        _FIND_PASSWORD,
        folded=True,
        after=AFTER_NAME,
    ),
    Rule("password", "", "", ("pass",), _FIND_PASSWORD, folded=True, before="_-", after=AFTER_NAME),
    Rule(
        "secret",
        "Literal secrets, tokens and API keys behind their name",
        'api_key: …  TOKEN=…  secret="…"',
        ("secret", "token"),
        _FIND_SECRET,
        folded=True,
        after=AFTER_NAME,
    ),
    Rule("secret", "", "", ("key",), _FIND_SECRET, folded=True, before="_-ist", after=AFTER_NAME),
    Rule("email", "E-mail addresses of people", "someone@host", ("@",), find_email, before=BEFORE_AT, after=AFTER_AT),
    Rule(
        "user_path",
        "User names in paths of home directories (off unless asked for)",
        "/home/…/",
        ("/home/", "/users/", "\\users\\"),
        by_pattern(
            "user_path",
            r"(?:(?<![A-Za-z0-9_.-])/(?:home|Users)/|(?<=[A-Za-z]:)\\{1,4}Users\\{1,4}|(?<=[A-Za-z]:)/Users/|(?<=:\\)\\Users\\\\)"
            r"(?P<secret>[A-Za-z0-9][A-Za-z0-9._-]{0,63})(?![A-Za-z0-9@$])",
            flags=re.IGNORECASE,
            accept=lambda match: match["secret"].lower() not in ("shared", "public", "default", "linuxbrew", "runner"),
        ),
        folded=True,
    ),
)
"""The most general kinds last. A kind may have several rules; the first of them describes it."""
