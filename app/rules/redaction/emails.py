"""E-mail addresses of people. Names of machines and packages, and addresses made up for examples, are left alone."""

from __future__ import annotations

import functools
import re

from app.rules.redaction.rule import Found, Span

KIND = "email"
AFTER_AT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
BEFORE_AT = AFTER_AT + "._%+-"
_LONGEST_LOCAL = 64
_LONGEST_CONTEXT = 256
_MADE_UP = r"example|test|invalid|localhost|domain|yourdomain|mydomain|mycompany|yourcompany|company"
_DOMAIN = re.compile(
    rf"@(?!(?:[A-Za-z0-9-]{{1,63}}\.){{0,4}}?(?i:{_MADE_UP})\.[A-Za-z0-9])"
    r"((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,5})([A-Za-z]{2,12})(?![A-Za-z0-9_(\[@-]|\.[A-Za-z0-9_\[])",
    re.ASCII,
)
_GENERIC = (
    r"com|net|org|edu|gov|mil|int|info|biz|name|pro|dev|app|io|ai|cloud|tech|online|site|store|blog|email|xyz|"
    r"company|agency|studio|systems|solutions|software|digital|media|news|world|life|live|team|work|group|global|"
    r"network|consulting"
)
_COUNTRIES = (
    r"ac|ad|ae|af|ag|al|am|ao|ar|at|au|ba|bb|bd|be|bg|bh|bo|br|by|ca|cc|ch|cl|cm|cn|co|cr|cu|cy|cz|de|dk|do|dz|ec|"
    r"ee|eg|es|et|eu|fi|fr|ge|gh|gr|gt|hk|hn|hr|hu|id|ie|il|in|iq|ir|is|it|jm|jo|jp|ke|kg|kr|kw|kz|lb|li|lk|lt|lu|"
    r"lv|ly|ma|mc|me|mk|mm|mn|mo|mt|mu|mx|my|na|ng|ni|nl|no|np|nz|om|pa|pe|ph|pk|pl|pr|pt|py|qa|ro|rs|ru|sa|se|sg|"
    r"si|sk|sn|sv|sy|th|tn|tr|tv|tw|tz|ua|ug|uk|us|uy|uz|va|ve|vn|za|zm|zw"
)
_TOP = re.compile(rf"{_GENERIC}|{_COUNTRIES}")
_NOBODY = frozenset(
    {"git", "hg", "svn", "noreply", "no-reply", "no_reply", "donotreply", "do-not-reply", "root", "mailer-daemon"}
)
_VERSION = re.compile(r"[v^~]?[0-9]+(?:\.|$)|[0-9]x\.")
_AUTHORITY = re.compile(r"[^\s/?#\"'<>]*\Z")
_REMOTE = re.compile(r":(?:[A-Za-z0-9._~/-]|\[REDACTED:[a-z_]+\])*(?:/|\.git)")


def find_email(text: str, place: int) -> Found | None:
    """The address whose ``@`` stands at ``place``."""
    domain = _DOMAIN.match(text, place)
    if domain is None or not _is_a_host(domain[1], domain[2]):
        return None
    start = _local_start(text, place)
    if start == place or text[start:place].lower() in _NOBODY:
        return None
    if _in_authority(text, start) or _REMOTE.match(text, domain.end()):
        return None
    return Found((Span(start, domain.end(), KIND),), domain.end())


def _local_start(text: str, place: int) -> int:
    """Where the name before ``@`` begins. A sign of a diff line or an escaped line break is not part of it."""
    window = text[max(0, place - _LONGEST_LOCAL) : place]
    local = window[len(window.rstrip(BEFORE_AT)) :]
    start = place - len(local)
    if start and text[start - 1] == "\\" and local[:1] in ("n", "r", "t") and len(local) > 1:
        start += 1
    return place - len(text[start:place].lstrip("._%+-"))


def _in_authority(text: str, start: int) -> bool:
    """Before a host of a URL, where it is a name to log in with."""
    scheme = text.rfind("://", max(0, start - _LONGEST_CONTEXT), start)
    return scheme >= 0 and _AUTHORITY.match(text[scheme + 3 : start]) is not None


@functools.lru_cache(maxsize=1024)
def _is_a_host(labels: str, top: str) -> bool:
    """People may have addresses there."""
    if _TOP.fullmatch(top.lower()) is None:
        return False
    if not (top.islower() or (top.isupper() and labels.upper() == labels)):
        return False
    return "noreply" not in labels.lower() and not _VERSION.match(labels.lower())
