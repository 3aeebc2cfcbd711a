"""Making text safe to show: terminal codes are removed, and what would be invisible is written out."""

from __future__ import annotations

import re

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b[\]PX^_][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)"  # titles, links and other strings; one that never ends hides nothing
    r"|\x1b[ -/]*[0-~]"
)

# Controls but for the line feed and tab, zero-width and bidirectional marks, fillers, variation selectors, noncharacters,
# halves of surrogate pairs, tags: all that a reader does not see and a model may read
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u2800\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def make_visible(text: str) -> str:
    """The text with nothing hidden in it; lines end with a line feed alone. It can always be encoded as UTF-8."""
    plain = _ANSI.sub("", text).replace("\r\n", "\n")
    return _INVISIBLE.sub(lambda match: f"\\u{{{ord(match[0]):04x}}}", plain)
