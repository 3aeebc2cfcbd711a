"""Edits as unified diffs, out of what tools record of them: two texts, two strings, or a patch without line numbers."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_CONTEXT = 3
_MOST_COMPARISONS = 4_000_000
"""Lines before times lines after, of the part that differs. Above, one hunk takes out all and puts in all: comparing takes
time that grows with the product, and a diff needs to be right, not small."""
_NO_NEWLINE = "\\ No newline at end of file\n"
Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class FileEdit:
    """What happened to one file."""

    path: str
    """As the tool wrote it; the new name where it has two."""
    hunks: str
    """The unified diff, without its header."""
    kind: Literal["changes", "creates", "deletes"] = "changes"
    moved_from: str | None = None
    unknown: tuple[str, ...] = ()
    """Fields that the source does not state whole."""
    unanchored: bool = False
    """The lines are known, and not where in the file they stand."""
    hash_before: str | None = None
    hash_after: str | None = None
    snapshot_after: str | None = None


def render_diff(edit: FileEdit, path: str, moved_from: str | None = None) -> str:
    """The whole diff, for the names that the files have in the repository."""
    old = "/dev/null" if edit.kind == "creates" else f"a/{moved_from or path}"
    new = "/dev/null" if edit.kind == "deletes" else f"b/{path}"
    if moved_from is not None:
        header = f"diff --git a/{moved_from} b/{path}\nrename from {moved_from}\nrename to {path}\n"
    elif edit.kind != "changes":
        header = f"diff --git a/{path} b/{path}\n{'new' if edit.kind == 'creates' else 'deleted'} file mode 100644\n"
    else:
        header = ""
    return header + (f"--- {old}\n+++ {new}\n{edit.hunks}" if edit.hunks or not header else "")


def between(path: str, before: str | None, after: str | None, *, hashed: bool = False) -> FileEdit:
    """The edit that makes one content another; ``None`` stands for a file that is not there.

    ``hashed``: both are the file's own bytes in UTF-8, and not what an editor makes of them.
    """
    return FileEdit(
        path,
        "".join(_hunks(_lines(before or ""), _lines(after or ""))),
        "creates" if before is None else "deletes" if after is None else "changes",
        hash_before=sha256(before) if hashed and before is not None else None,
        hash_after=sha256(after) if hashed and after is not None else None,
    )


def written(path: str, content: str) -> FileEdit:
    """A file was given this content, and what it held before is not known, nor whether it was there."""
    lines = _lines(content)
    hunks = f"@@ -0,0 +1,{len(lines)} @@\n{''.join(_marked('+', line) for line in lines)}" if lines else ""
    unknown = ("diff", "hash_before")
    return FileEdit(path, hunks, unknown=unknown, hash_after=sha256(content), snapshot_after=content)


def deleted(path: str) -> FileEdit:
    """A file was removed, and what it held is not known."""
    return FileEdit(path, "", "deletes", unknown=("diff",))


def replaced(path: str, pairs: Sequence[tuple[str, str]]) -> FileEdit:
    """Strings of a file were replaced, and the rest of it is not known."""
    hunks = []
    for old, new in pairs:
        # a string need not be made of whole lines: whether its last one has an end says nothing of the file
        removed = (f"-{line.removesuffix(chr(10))}\n" for line in _lines(old))
        added = (f"+{line.removesuffix(chr(10))}\n" for line in _lines(new))
        hunks.append("".join(("@@\n", *removed, *added)))
    return FileEdit(path, "".join(hunks), unknown=("diff",), unanchored=True)


def after_replacing(before: str, old: str, new: str, *, everywhere: bool) -> str | None:
    """The text with a string replaced; ``None`` where it does not hold it, or holds it more often than once."""
    count = before.count(old) if old else 0
    if not old:
        return new if not before else None
    if count == 0 or (count > 1 and not everywhere):
        return None
    return before.replace(old, new)


def sha256(content: str) -> str:
    """The hash of a text in UTF-8."""
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def _lines(content: str) -> list[str]:
    """Lines with their ends; only ``\\n`` ends a line."""
    return [line for line in re.split(r"(?<=\n)", content) if line]


def _marked(mark: str, line: str) -> str:
    return f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n{_NO_NEWLINE}"


def _hunks(before: list[str], after: list[str]) -> list[str]:
    first = 0
    while first < min(len(before), len(after)) and before[first] == after[first]:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last] == after[-1 - last]:
        last += 1
    start = max(first - _CONTEXT, 0)
    shown_before = before[start : len(before) - max(last - _CONTEXT, 0)]
    shown_after = after[start : len(after) - max(last - _CONTEXT, 0)]
    if first == len(before) == len(after):
        return []
    groups = _groups(shown_before, shown_after, first - start, min(last, _CONTEXT))
    return [_hunk(shown_before, shown_after, group, start) for group in groups]


def _groups(before: list[str], after: list[str], head: int, tail: int) -> list[list[Opcode]]:
    if len(before) * len(after) <= _MOST_COMPARISONS:
        # lines that stand everywhere are not looked for (autojunk): with thousands of them comparing would take hours
        matcher = difflib.SequenceMatcher(None, before, after)
        return [list(group) for group in matcher.get_grouped_opcodes(_CONTEXT)]
    end_before, end_after = len(before) - tail, len(after) - tail
    return [
        [
            ("equal", 0, head, 0, head),
            ("replace", head, end_before, head, end_after),
            ("equal", end_before, len(before), end_after, len(after)),
        ]
    ]


def _hunk(before: list[str], after: list[str], group: list[Opcode], start: int) -> str:
    old = _range(start + group[0][1], group[-1][2] - group[0][1])
    new = _range(start + group[0][3], group[-1][4] - group[0][3])
    lines = [f"@@ -{old} +{new} @@\n"]
    for tag, from_old, to_old, from_new, to_new in group:
        if tag == "equal":
            lines += (_marked(" ", line) for line in before[from_old:to_old])
            continue
        lines += (_marked("-", line) for line in before[from_old:to_old])
        lines += (_marked("+", line) for line in after[from_new:to_new])
    return "".join(lines)


def _range(start: int, count: int) -> str:
    return f"{start + 1 if count else start},{count}"
