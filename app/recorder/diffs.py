"""Unified diffs as git writes them: what ``rules/patches`` and ``git apply`` take without fuzz, for any content."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_DIFF_CHARACTERS = 2 * 1024 * 1024
_CONTEXT_LINES = 3
_MOST_COMPARED = 4_000_000
"""Lines of one side times lines of the other. Beyond, a passage is replaced as a whole: that is a diff, too."""
_BINARY_LINE_BYTES = 52
_LENGTHS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_NO_NEWLINE = "\\ No newline at end of file\n"

_Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class FileContent:
    """A file."""

    content: bytes | None
    """``None``: it is too large to be held."""
    executable: bool = False

    @property
    def mode(self) -> str:
        """As git writes it."""
        return "100755" if self.executable else "100644"


def render_diff(path: str, before: FileContent | None, after: FileContent | None) -> str:
    """The diff that makes one of the other; ``None`` stands for a file that is not there.

    Where a content is not held, or the diff would be longer than ``MAX_DIFF_CHARACTERS``, it says that the file changed only.
    """
    header = "".join(_header(path, before, after))
    old = before.content if before is not None else b""
    new = after.content if after is not None else b""
    if old is not None and old == new:
        return header
    if old is None or new is None:
        return header + _without_content(path, before, after)
    texts = _text(old), _text(new)
    if texts[0] is None or texts[1] is None:
        body = _binary(new, _blob_id(before), _blob_id(after))
    else:
        body = _text_diff(path, before, after, texts[0], texts[1])
    if len(header) + len(body) > MAX_DIFF_CHARACTERS:
        return header + _without_content(path, before, after)
    return header + body


def says_how(diff: str) -> bool:
    """Whether a diff holds the content that it is about."""
    return re.search(r"^Binary files .* differ$", diff.partition("\n@@ ")[0], re.MULTILINE) is None


def without_content(diff: str) -> str:
    """The same change, without what it changes."""
    names = re.search(r"^diff --git (?P<old>\"a/.*?\"|a/.*?) (?P<new>\"b/.*\"|b/.*)$", diff, re.MULTILINE)
    head = [line for line in re.split(r"(?<=\n)", diff.partition("\n@@ ")[0] + "\n") if line.startswith(_KEPT)]
    old, new = (names["old"], names["new"]) if names else ("a/file", "b/file")
    return f"{''.join(head)}Binary files {old} and {new} differ\n"


_KEPT = ("diff --git ", "new file mode", "deleted file mode", "old mode", "new mode")


def _header(path: str, before: FileContent | None, after: FileContent | None) -> Iterator[str]:
    yield f"diff --git {_name('a', path)} {_name('b', path)}\n"
    if before is None and after is not None:
        yield f"new file mode {after.mode}\n"
    elif after is None and before is not None:
        yield f"deleted file mode {before.mode}\n"
    elif before is not None and after is not None and before.mode != after.mode:
        yield f"old mode {before.mode}\nnew mode {after.mode}\n"


def _name(side: str, path: str) -> str:
    name = f"{side}/{path}"
    return '"' + name.replace('"', '\\"') + '"' if '"' in name else name


def _side(side: str, path: str, version: FileContent | None) -> str:
    if version is None:
        return "/dev/null"
    # a name with a blank ends with a tab, or readers take what follows the blank for a date
    return _name(side, path) + ("\t" if " " in path and '"' not in path else "")


def _without_content(path: str, before: FileContent | None, after: FileContent | None) -> str:
    old = _name("a", path) if before is not None else "/dev/null"
    new = _name("b", path) if after is not None else "/dev/null"
    return f"Binary files {old} and {new} differ\n"


def _text(content: bytes) -> str | None:
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


def _text_diff(path: str, before: FileContent | None, after: FileContent | None, old: str, new: str) -> str:
    olds, news = _lines(old), _lines(new)
    pieces = [f"--- {_side('a', path, before)}\n+++ {_side('b', path, after)}\n"]
    for group in _hunks(_opcodes(olds, news)):
        pieces.append(_range_line(group[0], group[-1]))
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                pieces += (_line(" ", line) for line in olds[old_start:old_end])
            else:
                pieces += (_line("-", line) for line in olds[old_start:old_end])
                pieces += (_line("+", line) for line in news[new_start:new_end])
    return "".join(pieces)


def _lines(text: str) -> list[str]:
    """Only ``\\n`` ends a line."""
    return [line for line in re.split(r"(?<=\n)", text) if line]


def _opcodes(old: list[str], new: list[str]) -> list[_Opcode]:
    start, shortest = 0, min(len(old), len(new))
    while start < shortest and old[start] == new[start]:
        start += 1
    end = 0
    while end < shortest - start and old[-1 - end] == new[-1 - end]:
        end += 1
    found: list[_Opcode] = [("equal", 0, start, 0, start)] if start else []
    found += _middle(old, new, start, end)
    if end:
        found.append(("equal", len(old) - end, len(old), len(new) - end, len(new)))
    return found


def _middle(old: list[str], new: list[str], start: int, end: int) -> list[_Opcode]:
    olds, news = old[start : len(old) - end], new[start : len(new) - end]
    if len(olds) * len(news) > _MOST_COMPARED:
        return [("replace", start, start + len(olds), start, start + len(news))]
    found = SequenceMatcher(None, olds, news, autojunk=False).get_opcodes()
    return [(kind, a + start, b + start, c + start, d + start) for kind, a, b, c, d in found]


def _hunks(opcodes: list[_Opcode]) -> Iterator[list[_Opcode]]:
    """The changes with the lines around them; what is further apart than that is told apart."""
    group: list[_Opcode] = []
    for index, (kind, old_start, old_end, new_start, new_end) in enumerate(opcodes):
        length = old_end - old_start
        kept = min(length, _CONTEXT_LINES)
        before = (kind, old_end - kept, old_end, new_end - kept, new_end)
        after = (kind, old_start, old_start + kept, new_start, new_start + kept)
        if kind != "equal":
            group.append((kind, old_start, old_end, new_start, new_end))
        elif not group:
            group = [before]
        elif length > 2 * _CONTEXT_LINES or index == len(opcodes) - 1:
            yield [*group, after]
            group = [before] if index < len(opcodes) - 1 else []
        else:
            group.append((kind, old_start, old_end, new_start, new_end))
    if group:
        yield group


def _range_line(first: _Opcode, last: _Opcode) -> str:
    return f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n"


def _range(start: int, end: int) -> str:
    return f"{start + 1 if end > start else start},{end - start}"


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n{_NO_NEWLINE}"


def _binary(content: bytes, old_id: str, new_id: str) -> str:
    packed = zlib.compress(content, 9)
    lines = [packed[place : place + _BINARY_LINE_BYTES] for place in range(0, len(packed), _BINARY_LINE_BYTES)]
    body = "".join(f"{_LENGTHS[len(line) - 1]}{base64.b85encode(line, pad=True).decode()}\n" for line in lines)
    return f"index {old_id}..{new_id}\nGIT binary patch\nliteral {len(content)}\n{body}\n"


def _blob_id(version: FileContent | None) -> str:
    """git's name for what a file holds; for that of a file that is not there, zeros."""
    if version is None or version.content is None:
        return "0" * 40
    return hashlib.sha1(b"blob %d\0" % len(version.content) + version.content, usedforsecurity=False).hexdigest()
