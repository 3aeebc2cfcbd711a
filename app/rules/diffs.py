"""Unified diffs: read strictly, apply exactly. No fuzz, no offset: what does not fit where it says does not apply."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HUNK = re.compile(rb"^@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_HEADER_LINES = (b"--- ", b"+++ ", b"diff ", b"index ", b"old mode ", b"new mode ", b"similarity ", b"rename ", b"copy ",
                 b"Index: ", b"=====")  # fmt: skip
_NO_NEWLINE = b"\\ No newline at end of file"


class DiffError(ValueError):
    """The diff cannot be read, or does not fit the file. The message says where."""


@dataclass(frozen=True)
class Hunk:
    """One run of changed lines with its context."""

    old_start: int
    """Line number in the old file, from 1; with ``old_lines`` empty, the line that the new lines follow."""
    old_lines: tuple[bytes, ...]
    """With their line ends; a last line without one has none."""
    new_lines: tuple[bytes, ...]


@dataclass(frozen=True)
class FileDiff:
    """What a diff does to one file."""

    hunks: tuple[Hunk, ...]
    creates: bool
    deletes: bool
    added: int
    removed: int


def parse_diff(diff: str) -> FileDiff:
    """Read a unified diff of one file, with or without file headers, as ``diff -u``, ``git diff`` or ``difflib`` write it.

    Raises:
        DiffError: it is not a unified diff, a hunk does not hold the lines that it announces, or it names a second file.
    """
    lines = _split_lines(diff.encode("utf-8", "surrogateescape"))
    header, position = _read_header(lines)
    hunks: list[Hunk] = []
    added = removed = 0
    while position < len(lines):
        if lines[position].strip() == b"" and all(not line.strip() for line in lines[position:]):
            break
        hunk, position, plus, minus = _read_hunk(lines, position)
        hunks.append(hunk)
        added += plus
        removed += minus
    if not hunks and not header:
        raise DiffError("it holds no hunk")
    creates = "creates" in header
    deletes = "deletes" in header
    return FileDiff(hunks=tuple(hunks), creates=creates, deletes=deletes, added=added, removed=removed)


def apply_diff(before: bytes | None, diff: str) -> bytes | None:
    """The content of a file after a diff; ``None`` stands for a file that is not there.

    Raises:
        DiffError: the diff cannot be read or does not fit.
    """
    parsed = parse_diff(diff)
    if parsed.creates and before:
        raise DiffError("it creates a file that is there already")
    if before is None and not parsed.creates and any(hunk.old_lines for hunk in parsed.hunks):
        raise DiffError("it changes a file that is not there")
    after = _apply_hunks(_split_lines(before or b""), parsed.hunks)
    if parsed.deletes:
        if after:
            raise DiffError("it deletes a file without naming all of its lines")
        return None
    return after


def _apply_hunks(old: list[bytes], hunks: tuple[Hunk, ...]) -> bytes:
    result: list[bytes] = []
    done = 0
    for number, hunk in enumerate(hunks, 1):
        start = hunk.old_start - 1 if hunk.old_lines else hunk.old_start
        if start < done:
            raise DiffError(f"hunk {number} overlaps the one before it")
        end = start + len(hunk.old_lines)
        if tuple(old[start:end]) != hunk.old_lines or start > len(old):
            raise DiffError(f"hunk {number} does not match the file at line {hunk.old_start}")
        result += old[done:start]
        result += hunk.new_lines
        done = end
    result += old[done:]
    if any(not line.endswith(b"\n") for line in result[:-1]):
        raise DiffError("it leaves a line without an end in the middle of the file")
    return b"".join(result)


def _split_lines(content: bytes) -> list[bytes]:
    """Lines with their ends; only ``\\n`` ends a line, as in ``diff`` and ``git``."""
    return [line for line in re.split(rb"(?<=\n)", content) if line]


def _read_header(lines: list[bytes]) -> tuple[set[str], int]:
    """What stands before the first hunk, and where that is."""
    said: set[str] = set()
    for position, line in enumerate(lines):
        if line.startswith(b"@@ "):
            return said, position
        if line.startswith((b"GIT binary patch", b"Binary files ")):
            raise DiffError("it is a binary diff, which holds no lines")
        if line.startswith((b"new file mode", b"--- /dev/null")):
            said.add("creates")
        elif line.startswith((b"deleted file mode", b"+++ /dev/null")):
            said.add("deletes")
        elif not _is_header_line(line):
            raise DiffError(f"line {position + 1} is neither a header nor a hunk")
    return said, len(lines)


def _is_header_line(line: bytes) -> bool:
    return not line.strip() or line.startswith(_HEADER_LINES)


def _read_hunk(lines: list[bytes], position: int) -> tuple[Hunk, int, int, int]:
    match = _HUNK.match(lines[position])
    if match is None:
        raise DiffError(f"line {position + 1} is no hunk header; a diff of several files is not one edit")
    old_count = int(match[2]) if match[2] is not None else 1
    new_count = int(match[4]) if match[4] is not None else 1
    old: list[bytes] = []
    new: list[bytes] = []
    added = removed = 0
    position += 1
    while len(old) < old_count or len(new) < new_count or _is_no_newline(lines, position):
        if position >= len(lines):
            raise DiffError("the last hunk holds fewer lines than its header announces")
        line = lines[position]
        kind, text = line[:1], line[1:]
        if kind == b"\\":
            _drop_line_end(lines[position - 1][:1], old, new)
        elif kind == b"-":
            old.append(text)
            removed += 1
        elif kind == b"+":
            new.append(text)
            added += 1
        elif kind in (b" ", b"\n", b"\r"):
            # some tools drop the blank that marks an empty context line
            old.append(text if kind == b" " else line)
            new.append(text if kind == b" " else line)
        else:
            raise DiffError(f"line {position + 1} does not belong to a hunk")
        position += 1
    if len(old) != old_count or len(new) != new_count:
        raise DiffError("a hunk holds more lines than its header announces")
    if lines and not lines[-1].endswith(b"\n") and position == len(lines):
        _complete_last_line(lines[-1][:1], old, new)
    return Hunk(int(match[1]), tuple(old), tuple(new)), position, added, removed


def _is_no_newline(lines: list[bytes], position: int) -> bool:
    return position < len(lines) and lines[position].startswith(_NO_NEWLINE[:3])


def _drop_line_end(kind: bytes, old: list[bytes], new: list[bytes]) -> None:
    """The line before ``\\ No newline at end of file`` has no end."""
    if kind in (b"-", b" ") and old:
        old[-1] = old[-1].removesuffix(b"\n")
    if kind in (b"+", b" ") and new:
        new[-1] = new[-1].removesuffix(b"\n")


def _complete_last_line(kind: bytes, old: list[bytes], new: list[bytes]) -> None:
    """A diff that was cut before its own last line end still means a whole line, unless it says otherwise."""
    if kind in (b"-", b" ") and old and not old[-1].endswith(b"\n"):
        old[-1] += b"\n"
    if kind in (b"+", b" ") and new and not new[-1].endswith(b"\n"):
        new[-1] += b"\n"
