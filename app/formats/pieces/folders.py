"""Folders that are one session: the files of an OpenHands conversation, joined to one file of lines."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import BinaryIO, cast

from app.formats.errors import UnreadableSourceError
from app.formats.source import MAX_LINE_BYTES, parse_document

_IN_MEMORY_BYTES = 16 * 1024 * 1024
_STATE, _EVENTS = "base_state.json", "events"


def is_conversation(folder: Path) -> bool:
    """Whether a folder is one session, rather than one that holds sessions."""
    return (folder / _STATE).is_file() and (folder / _EVENTS).is_dir()


def join_conversation(folder: Path) -> BinaryIO:
    """The state and the events in order, one a line. To be closed by the caller.

    Raises:
        UnreadableSourceError: a file of it cannot be read.
    """
    joined = tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES)  # noqa: SIM115 -- the caller closes it
    try:
        for path in (folder / _STATE, *sorted((folder / _EVENTS).glob("*.json"))):
            if path.is_symlink():
                continue
            if path.stat().st_size > MAX_LINE_BYTES:
                raise UnreadableSourceError(str(folder), f"{path.name} is longer than {MAX_LINE_BYTES} bytes")
            joined.write(json.dumps(parse_document(str(path), path.read_bytes())).encode() + b"\n")
    except OSError as error:
        joined.close()
        raise UnreadableSourceError(str(folder), str(error.strerror or error)) from None
    except BaseException:
        joined.close()
        raise
    return cast("BinaryIO", joined)
