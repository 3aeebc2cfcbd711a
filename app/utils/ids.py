"""New identifiers, as values that are handed in."""

from __future__ import annotations

import uuid
from collections.abc import Callable

NewId = Callable[[], str]


def new_uuid() -> str:
    """A random UUID (RFC 9562, version 4) in its canonical form."""
    return str(uuid.uuid4())
