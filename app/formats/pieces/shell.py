"""What a shell command is made of, where that is certain: its parts, and the files that a here-document writes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.formats.pieces.applypatch import read_patch
from app.formats.pieces.edits import FileEdit, written

_MAX_CHARACTERS = 64 * 1024
"""Longer commands are not looked into: they hold a file, not a test run."""
_SHELLS = frozenset({"sh", "bash", "zsh", "dash"})
_LONGEST_FIRST_LINE = 500
_HERE = re.compile(
    r"(?:cd\s+(?P<folder>[\w./@+-]+)\s*&&\s*)?"
    r"(?P<verb>cat|tee|apply_patch)"
    r"(?:\s*(?P<first>>)\s*(?P<before>[\w./@+-]+)|\s+(?P<named>[\w./@+-]+))?"
    r"\s*<<\s*(?P<quote>['\"]?)(?P<word>[A-Za-z_]\w*)(?P=quote)"
    r"(?:\s*>\s*(?P<behind>[\w./@+-]+))?\s*"
)
"""The first line of a command that hands a here-document to a file."""
_OPERATORS = ";|&()<>"
_HARMLESS = re.compile(r"(?<=\s)(?:\d?>&\d|2>\s?/dev/null)(?=\s|$)")
"""Redirections that leave the output where it is."""
_EXPANDS = re.compile(r"[$`\\]")


@dataclass(frozen=True)
class Part:
    """A simple command within a line of commands."""

    words: tuple[str, ...]
    before: str
    """The operator in front of it; empty for the first one."""


def without_shell(argv: Sequence[str]) -> str:
    """The command line that an argument list stands for: ``bash -lc X`` is X."""
    if len(argv) == 3 and argv[0].rsplit("/", 1)[-1] in _SHELLS and argv[1] in ("-c", "-lc", "-ic"):
        return argv[2]
    return shlex.join(argv)


def parts_of(command: str) -> tuple[Part, ...]:
    """The simple commands of a command line, in order; none where it cannot be read with certainty, or where output goes to a
    file instead of the terminal."""
    if len(command) > _MAX_CHARACTERS or "<<" in command:
        return ()
    lexer = shlex.shlex(_HARMLESS.sub(" ", command).replace("\n", " ; "), posix=True, punctuation_chars=_OPERATORS)
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return ()
    parts: list[Part] = []
    found: list[str] = []
    operator = ""
    for word in words:
        if not set(word) <= set(_OPERATORS) or not word:
            found.append(word)
        elif set(word) & set("<>"):
            return ()
        else:
            parts += [Part(tuple(found), operator)] if found else []
            found, operator = [], word
    return (*parts, Part(tuple(found), operator)) if found else tuple(parts)


def edits_of(command: str) -> list[FileEdit] | None:
    """The edits that a here-document makes, if the command does nothing else and leaves nothing to the shell to expand.

    Whoever asks knows that the command ended well.
    """
    head, _, rest = command.strip().partition("\n")
    match = _HERE.fullmatch(head) if len(head) <= _LONGEST_FIRST_LINE else None
    if match is None:
        return None
    body, end, behind = f"\n{rest}\n".partition(f"\n{match['word']}\n")
    if not end or behind.strip() or (not match["quote"] and _EXPANDS.search(body)):
        return None
    content = f"{body[1:]}\n" if body else ""
    edits = _patched(match, content) if match["verb"] == "apply_patch" else _written(match, content)
    folder = match["folder"]
    return edits if edits is None or folder is None else [_below(folder.rstrip("/"), edit) for edit in edits]


def _patched(match: re.Match[str], content: str) -> list[FileEdit] | None:
    return None if match["before"] or match["named"] or match["behind"] else read_patch(content)


def _written(match: re.Match[str], content: str) -> list[FileEdit] | None:
    """``cat`` writes where its output goes, ``tee`` to the file that it is told."""
    behind = match["behind"] if match["behind"] != "/dev/null" else None
    targets = [target for target in (match["before"], behind) if target is not None]
    if match["verb"] == "tee":
        targets = [match["named"]] if match["named"] and not targets else []
    elif match["named"] or match["behind"] == "/dev/null":
        return None
    return [written(targets[0], content)] if len(targets) == 1 else None


def _below(folder: str, edit: FileEdit) -> FileEdit:
    if edit.path.startswith("/"):
        return edit
    return replace(edit, path=f"{folder}/{edit.path}", moved_from=edit.moved_from and f"{folder}/{edit.moved_from}")
