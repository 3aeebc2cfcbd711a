"""Files that are there whole or not at all, and stay there when the power goes."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


def create_file(target: Path, content: bytes) -> None:
    """Put a new file in place, durably.

    Raises:
        FileExistsError: the name is taken; what is there stays as it is.
    """
    draft = _write_draft(target, content)
    try:
        # link() refuses an existing name; rename() would replace it without a word
        os.link(draft, target)
    finally:
        draft.unlink()
    fsync_folder(target.parent)


def replace_file(target: Path, content: bytes | Iterable[bytes]) -> None:
    """Put a file in place of the one that has its name, durably; readers see the old content or the new, never a part."""
    draft = _write_draft(target, content)
    try:
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    fsync_folder(target.parent)


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder durable (a rename is not, before its folder has been synced)."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def draft_name(target: Path) -> Path:
    """A name beside ``target`` that no finished file has."""
    return target.with_name(f".{target.name}.{secrets.token_hex(6)}.draft")


def _write_draft(target: Path, content: bytes | Iterable[bytes]) -> Path:
    draft = draft_name(target)
    try:
        with draft.open("xb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return draft
