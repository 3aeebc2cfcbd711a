"""What a guest tells: one JSON object a line, numbered, each with the key of this run. Standard library only.

The code under test lives in the same process and can forge a record, if it looks for the key first. What that is worth is found
out by other means (``app.qa.disguise``); the key makes forgeries that do not bother stand out.
"""

from __future__ import annotations

import json
import os
from typing import Protocol


class Tell(Protocol):
    """Tells."""

    def __call__(self, kind: str, **fields: object) -> None:
        """A record of this kind, with its fields."""


def teller(fd: int, key: str) -> Tell:
    """A function that writes records, in this process alone.

    A test may fork, and its child may raise: such a child goes on as a second runner, and what it finds is no result.
    """
    count = 0
    write, dumps, getpid, teller_pid = os.write, json.dumps, os.getpid, os.getpid()

    def tell(kind: str, **fields: object) -> None:
        nonlocal count
        if getpid() != teller_pid:
            return
        count += 1
        view = memoryview(dumps({"key": key, "n": count, "kind": kind, **fields}).encode() + b"\n")
        while view:
            view = view[write(fd, view) :]

    return tell
