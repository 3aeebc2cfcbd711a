"""What the recording knows of the work tree: how each file was when it was last looked at, and how far commits were seen.

Written after the outbox, so that a recorder that is killed in between finds in the outbox what this file does not say yet:
nothing is told twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from app.errors import CorruptError
from app.recorder.files import SeenFile
from app.recorder.outbox import Outbox
from app.recorder.repository import Repository
from app.utils.atomic import replace_file


@dataclass(frozen=True)
class KnownTree:
    """The work tree as it was told."""

    files: Mapping[str, SeenFile] = field(default_factory=dict)
    head: str | None = None
    moves: int = 0
    """How many moves of HEAD have been looked at."""
    seq: int = 0
    """The last event of the outbox that this takes into account."""


def known_now(repository: Repository, files: Mapping[str, SeenFile], seq: int = 0) -> KnownTree:
    """The tree with these files, and with HEAD where it is now."""
    return KnownTree(files, repository.head(), len(repository.moves()), seq)


def save_known(path: Path, known: KnownTree) -> None:
    """Keep it, durably."""
    files = {name: asdict(seen) for name, seen in known.files.items()}
    document = {"head": known.head, "moves": known.moves, "seq": known.seq, "files": files}
    replace_file(path, json.dumps(document, separators=(",", ":")).encode())


def load_known(path: Path, outbox: Outbox) -> KnownTree:
    """The tree as it was told, what the outbox has told since included.

    Raises:
        CorruptError: it cannot be read.
    """
    try:
        document = json.loads(path.read_bytes())
        files = {name: _seen(fields) for name, fields in document["files"].items()}
        known = KnownTree(files, document["head"], document["moves"], document["seq"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptError(f"{path} cannot be read: {error}") from None
    return _brought_up(known, outbox)


def told_hashes(outbox: Outbox) -> Iterator[tuple[str, str | None]]:
    """Every file that an event changed, with what it held before and after: ``None`` where it was not there."""
    for written in outbox.read():
        if written.event["type"] == "file_edit":
            for name in ("buffer_hash_before", "buffer_hash_after"):
                yield written.event["file_path"], written.event.get(name)


def _seen(fields: Mapping[str, Any]) -> SeenFile:
    stamp = fields["stamp"]
    return SeenFile(**{**fields, "stamp": tuple(stamp) if stamp is not None else None})


def _brought_up(known: KnownTree, outbox: Outbox) -> KnownTree:
    files = dict(known.files)
    for written in outbox.read(known.seq):
        event = written.event
        known = replace(known, seq=written.seq)
        if event["type"] == "commit":
            known = replace(known, head=event["sha"], moves=max(known.moves, event["extra"]["head_moves"]))
        if event["type"] != "file_edit":
            continue
        after = event.get("buffer_hash_after")
        if after is None:
            files.pop(event["file_path"], None)
        else:
            said = event["extra"]
            files[event["file_path"]] = SeenFile(
                after, said["mode"] == "100755", said["is_held"], holds_secrets=bool(said.get("redacted"))
            )
    return replace(known, files=files)
