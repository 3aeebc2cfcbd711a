"""Paths inside a tree of files: relative and normalised, from whatever a stranger wrote.

Only what is dangerous is refused. ``foo..bar.py``, ``app/[...slug]/page.tsx`` and names with spaces or colons are ordinary.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

MAX_PATH_CHARACTERS = 1024
_DRIVE = re.compile(r"^[A-Za-z]:(?:/|$)")
_ORDINARY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+@-]*)*", re.ASCII)
"""Parts of which none begins with a point: nothing to be wary of, and nothing to normalise."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def normalise_path(text: str) -> str:
    """The path with ``/`` between its parts and without ``.`` or empty parts. A backslash is read as a separator.

    Raises:
        ValueError: the path is empty, absolute, too long, leaves the repository (also percent-encoded), or holds control
            characters. The message begins with ``Invalid file path``.
    """
    if len(text) <= MAX_PATH_CHARACTERS and _ORDINARY.fullmatch(text):
        return text
    reason = _danger(text)
    decoded = text
    for _ in range(3):  # an escape that was encoded twice is still an escape
        if reason is not None or "%" not in decoded:
            break
        decoded = unquote(decoded)
        reason = _escape(decoded)
    if reason is not None:
        raise ValueError(f"Invalid file path: {reason}")
    parts = [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts:
        raise ValueError("Invalid file path: it names no file")
    return "/".join(parts)


def _danger(text: str) -> str | None:
    if not text:
        return "it is empty"
    if len(text) > MAX_PATH_CHARACTERS:
        return f"it is longer than {MAX_PATH_CHARACTERS} characters"
    return _escape(text)


def _escape(text: str) -> str | None:
    if _CONTROL.search(text):
        return "it holds control characters"
    path = text.replace("\\", "/")
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute; paths are relative to the repository"
    if ".." in path.split("/"):
        return "it leaves the repository ('..')"
    return None
