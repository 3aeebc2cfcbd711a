"""Where a file lies: inside the working directory of the session, by a relative path, or outside."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

from app.utils.paths import normalise_path

_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


def relative_to(folder: str | None, path: str) -> str | None:
    """The path as a trace keeps it; ``None`` where the file lies outside, or where that cannot be told."""
    shown = path.replace("\\", "/") if folder is not None and _DRIVE.match(folder) else path
    root = None if folder is None else folder.replace("\\", "/") if _DRIVE.match(folder) else folder
    if shown.startswith("/") or _DRIVE.match(shown):
        if root is None:
            return None
        root, shown = posixpath.normpath(root), posixpath.normpath(shown)
        if root == "/" or not shown.startswith(f"{root}/"):
            return None
        shown = shown[len(root) + 1 :]
    else:
        shown = posixpath.normpath(shown)
    try:
        return normalise_path(shown)
    except ValueError:
        return None


def folder_of(value: str | None) -> str | None:
    """A folder that is given as a path or as a file URL; ``None`` where it is no absolute one."""
    if value is None:
        return None
    if value.startswith("file://"):
        try:
            value = unquote(urlsplit(value).path)
        except ValueError:
            return None
    return value if value.startswith("/") or _DRIVE.match(value) else None
