"""Which files of the container a run brings back. Standard library only, Python 3.8 or newer.

What is asked for are absolute paths, in which ``*`` stands for any characters of one name. No link is followed, and nothing but
regular files is found.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from collections.abc import Iterator

MAX_FILES = 2000
"""Of one run."""


def is_asked_for(path: str, patterns: list[str]) -> bool:
    """Whether one of the patterns means this path."""
    return any(_fits(path.split("/"), pattern.split("/")) for pattern in patterns)


def choose_results(patterns: list[str], file_bytes: int, total_bytes: int) -> tuple[list[str], int]:
    """The files to bring back, in the order of the patterns and then of their names, and how many are too large or too many.

    Only for when nobody is left who changes them.
    """
    chosen: list[str] = []
    room, left_out = total_bytes, 0
    found: dict[str, int] = {}
    for pattern in patterns:
        found.update(_find("/", [part for part in pattern.split("/") if part]))
    for path, size in found.items():
        if size > min(file_bytes, room) or len(chosen) == MAX_FILES:
            left_out += 1
            continue
        room -= size
        chosen.append(path)
    return chosen, left_out


def _fits(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatch.fnmatchcase, parts, map(_literal, pattern)))


def _literal(part: str) -> str:
    """The same, with ``*`` as its only wildcard."""
    return part.replace("[", "[[]").replace("?", "[?]")


def _find(folder: str, parts: list[str]) -> Iterator[tuple[str, int]]:
    """Paths and sizes below the folder, which is no link itself and has none above it."""
    for name in _names(folder, parts[0]):
        path = os.path.join(folder, name)
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            continue
        if len(parts) > 1 and stat.S_ISDIR(found.st_mode):
            yield from _find(path, parts[1:])
        elif len(parts) == 1 and stat.S_ISREG(found.st_mode):
            yield path, found.st_size


def _names(folder: str, part: str) -> list[str]:
    if "*" not in part:
        return [part]
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(name for name in fnmatch.filter(names, _literal(part)) if _is_text(name))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
