"""A SQLite file that is derived from something else: found missing, foreign, of another version or broken, it is made anew."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from app.storage.index_sql import SCHEMA_VERSION, schema

_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_IDLE_READERS = 8
_WAIT_S = 5.0
_WRITER_CACHE_KIB = 32 * 1024
"""Entries of one batch lie all over the indexes; their pages are not read twice."""


class LostError(Exception):
    """The file is gone, or is not what was written."""

    def __init__(self, reason: str, generation: int) -> None:
        super().__init__(reason)
        self.generation = generation


class SqliteFile:
    """One writing connection and a few that read. Opened at the first use.

    The file is replaced while nobody uses it: the last connection to a file removes the log beside it by name, and would
    remove its successor's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Condition()
        self._users = 0
        self._writer: sqlite3.Connection | None = None
        self._readers: list[sqlite3.Connection] = []
        self._inode = 0
        self._generation = 0
        self._is_closed = False

    @contextmanager
    def writer(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes; for one caller at a time.

        Raises:
            LostError: the file is gone or broken.
        """
        with self._used() as generation, _watched(generation):
            assert self._writer is not None  # noqa: S101 -- open while it is used
            yield self._writer

    @contextmanager
    def reader(self) -> Iterator[sqlite3.Connection]:
        """A connection that reads, the caller's own until it is done.

        Raises:
            LostError: the file is gone or broken.
        """
        with self._used() as generation, _watched(generation):
            connection = self._take_reader()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def renew(self, generation: int) -> bool:
        """Put an empty file in place of the one that was lost. ``False`` where somebody else has done so already."""
        with self._guard:
            self._guard.wait_for(lambda: self._users == 0)
            if generation != self._generation or self._is_closed:
                return False
            self._shut()
            self._delete()
            self._open()
            return True

    def checkpoint(self) -> None:
        """Move everything from the log beside the file into it, and empty the log."""
        with self.writer() as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close every connection, once nobody uses one."""
        with self._guard:
            self._is_closed = True
            self._guard.wait_for(lambda: self._users == 0)
            self._shut()

    @contextmanager
    def _used(self) -> Iterator[int]:
        """Keep the file open and in its place. The value tells it from its successors."""
        with self._guard:
            if self._is_closed:
                raise sqlite3.OperationalError("it is closed")
            if self._writer is None:
                self._open()
            elif not self._is_there():
                raise LostError("the file is gone", self._generation)
            self._users += 1
            generation = self._generation
        try:
            yield generation
        finally:
            with self._guard:
                self._users -= 1
                self._guard.notify_all()

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        self._generation += 1
        try:
            self._writer = self._connect_writer()
        except sqlite3.DatabaseError as error:
            if not _is_broken(error):
                raise
            self._delete()
            self._writer = self._connect_writer()
        self._inode = self._path.stat().st_ino

    def _connect_writer(self) -> sqlite3.Connection:
        connection = self._connect("rwc")
        try:
            if not _has_schema(connection):
                connection.close()
                self._delete()
                connection = self._connect("rwc")
                connection.executescript(schema())
            connection.execute("PRAGMA secure_delete = ON").fetchall()
            connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KIB}")
            if sqlite3.sqlite_version_info >= (3, 42):
                connection.execute("INSERT INTO search (search, rank) VALUES ('secure-delete', 1)")
        except BaseException:
            connection.close()
            raise
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        address = f"file:{quote(os.fspath(self._path.absolute()))}?mode={mode}"
        connection = sqlite3.connect(address, uri=True, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            # a lost commit is found by its fingerprint and made again; what was written is never broken
            connection.execute("PRAGMA synchronous = NORMAL")
        except BaseException:
            connection.close()
            raise
        return connection

    def _take_reader(self) -> sqlite3.Connection:
        with self._guard:
            if self._readers:
                return self._readers.pop()
        connection = self._connect("rw")
        connection.execute("PRAGMA query_only = ON")
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if len(self._readers) < _IDLE_READERS:
                self._readers.append(connection)
                return
        connection.close()

    def _shut(self) -> None:
        for connection in (*self._readers, *filter(None, (self._writer,))):
            connection.close()
        self._readers.clear()
        self._writer = None

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


def _has_schema(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION)


def _is_broken(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _BROKEN


@contextmanager
def _watched(generation: int) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if not _is_broken(error) and "no such" not in str(error):
            raise
        raise LostError(f"the file is broken: {error}", generation) from error
