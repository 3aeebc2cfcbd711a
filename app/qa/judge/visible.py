"""Making text safe to show: terminal codes are removed, and what would be invisible is written out."""

from __future__ import annotations

import re

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)"  # titles, links and other strings; one that never ends hides nothing
    r"|\x1b[ -/]*[0-~]"
)

_HIDDEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but for the tab and the line feed
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # marks of format and direction
    "\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U00016fe4\U0001d159"  # letters and signs that are blank
    "\u180b-\u180f\ufe00-\ufe0f"  # variation selectors
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufff0-\ufffb\ufffe\uffff"  # half characters, private ones, and none at all
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff"  # tags, more variation selectors, and the private planes
)
_NONCHARACTERS = "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17))
_INVISIBLE = re.compile(f"[{_HIDDEN}{_NONCHARACTERS}]")


def make_visible(text: str) -> str:
    """The text with nothing hidden in it; lines end with a line feed alone. It can always be encoded as UTF-8."""
    if _INVISIBLE.search(text) is None:
        return text
    plain = _ANSI.sub("", text).replace("\r\n", "\n")
    return _INVISIBLE.sub(lambda match: f"\\u{{{ord(match[0]):04x}}}", plain)
