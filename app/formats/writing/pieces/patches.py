"""Changes as a patch that ``git apply`` and ``patch -p1`` take."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from app.formats.writing.base import Change, Tally

_NO_NEWLINE = "\\ No newline at end of file\n"
_UNSAFE_NAME = str.maketrans({'"': '\\"', "\\": "\\\\"})


def render_patch(changes: Iterable[Change], tally: Tally) -> str:
    """The changes as one patch, file by file. What is no text is left out and counted."""
    return "".join(_file_patch(change, tally) for change in changes)


def _file_patch(change: Change, tally: Tally) -> str:
    try:
        before, after = _lines(change.before), _lines(change.after)
    except UnicodeDecodeError:
        tally.losses.add("change of a file", "it is no text, and a patch holds text")
        return ""
    old, new = _quoted(f"a/{change.path}"), _quoted(f"b/{change.path}")
    mode = "100755" if change.executable else "100644"
    head = f"diff --git {old} {new}\n"
    if change.before is None:
        head, old = f"{head}new file mode {mode}\n", "/dev/null"
    if change.after is None:
        head, new = f"{head}deleted file mode {mode}\n", "/dev/null"
    hunks = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    if not hunks:
        return head if change.before is None or change.after is None else ""
    return f"{head}--- {_ended(old)}\n+++ {_ended(new)}\n{''.join(map(_whole_line, hunks))}"


def _lines(content: bytes | None) -> list[str]:
    """With their line ends; only a line feed ends a line."""
    text = (content or b"").decode()
    return [line + "\n" for line in text.split("\n")[:-1]] + (
        [text.rpartition("\n")[2]] if not text.endswith("\n") and text else []
    )


def _whole_line(line: str) -> str:
    if line.startswith("@@"):
        return f"{line}\n"
    return line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}"


def _ended(name: str) -> str:
    """A name with a space ends with a tab: readers take what follows a space for a date."""
    return f"{name}\t" if " " in name else name


def _quoted(name: str) -> str:
    return f'"{name.translate(_UNSAFE_NAME)}"' if '"' in name or "\\" in name else name
