"""What the disk may answer, in the application's words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import StorageFullError, UnavailableError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn what the disk refuses into the error that a caller can act on.

    Raises:
        StorageFullError: there is no room.
        UnavailableError: the data directory cannot be written or read now. The message names the system's reason, not the path.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        raise UnavailableError(f"The data directory cannot be used: {error.strerror or type(error).__name__}") from error
