"""The index of traces in one SQLite file beside them. The file may vanish or break at any time: a new one takes its place."""

from __future__ import annotations

import logging
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from app.errors import StorageFullError, UnavailableError
from app.models.query import TracePage, TraceQuery, TraceSummary
from app.rules.cursors import Position, parse_cursor, render_cursor
from app.storage.index import IndexEntry
from app.storage.index_sql import EQUAL, NO_SCORE, Question, event_bits, key_of, match_expression, microseconds
from app.storage.sqlite_file import LostError, SqliteFile

_log = logging.getLogger(__name__)
_NOTHING = TracePage(items=(), next_cursor=None)
_KNOWN_BATCH = 1000
_FEW = 20_000
"""So many matches of a text are fetched and sorted; with more, traces are looked at in order until a page is full."""
_MANY = 10_000
"""More traces than this are not sorted: where the order is not ``created_at``, they are walked through in that order."""
_MERGE_PAGES = 200
_PUT_COLUMNS = ("fingerprint", *EQUAL.values(), "created_at", "start_time", "score", "num_events", "duration", "event_types",
                "summary")  # fmt: skip
Answer = TypeVar("Answer")


class SqliteTraceIndex:
    """A ``TraceIndex`` on SQLite. One writer at a time; readers wait for nobody."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path)
        self._writing = threading.Lock()
        self._refill: Callable[[], None] = lambda: None
        self._untidy = False

    def put(self, entries: Sequence[IndexEntry]) -> None:
        """See ``TraceIndex.put``."""
        # FTS5 writes out what it has gathered whenever ids do not ascend
        ordered = sorted(entries, key=lambda entry: key_of(entry.described.summary.trace_id))

        def put_all(connection: sqlite3.Connection) -> None:
            for entry in ordered:
                _put(connection, entry)

        if ordered:
            self._write(put_all)

    def remove(self, trace_ids: Iterable[str]) -> None:
        """See ``TraceIndex.remove``."""
        found = list(trace_ids)

        def remove_all(connection: sqlite3.Connection) -> None:
            for trace_id in found:
                key = _find_key(connection, trace_id)
                if key is not None:
                    _forget_text(connection, key)
                    _forget_row(connection, key)
                    self._untidy = True

        if found:
            self._write(remove_all)

    def find(self, query: TraceQuery) -> TracePage:
        """See ``TraceIndex.find``."""
        position = parse_cursor(query)
        return self._read(lambda connection: _find(connection, query, position))

    def fingerprints_of(self, trace_ids: Sequence[str]) -> dict[str, str]:
        """See ``TraceIndex.fingerprints_of``."""
        marks = ",".join("?" * len(trace_ids))
        sql = f"SELECT trace_id, fingerprint FROM traces WHERE trace_id IN ({marks})"  # noqa: S608 -- question marks
        return dict(self._read(lambda connection: connection.execute(sql, tuple(trace_ids)).fetchall()))

    def known(self) -> Iterator[str]:
        """See ``TraceIndex.known``."""
        sql = "SELECT id, trace_id FROM traces WHERE id > ? ORDER BY id LIMIT ?"
        last = -1

        def more(connection: sqlite3.Connection) -> list[tuple[int, str]]:
            return connection.execute(sql, (last, _KNOWN_BATCH)).fetchall()

        while rows := self._read(more):
            yield from (trace_id for _, trace_id in rows)
            last = rows[-1][0]

    def tidy(self) -> bool:
        """See ``TraceIndex.tidy``."""
        if not self._untidy:
            return False

        def merge(connection: sqlite3.Connection) -> bool:
            before = connection.total_changes
            connection.execute("INSERT INTO search (search, rank) VALUES ('merge', ?)", (-_MERGE_PAGES,))
            return connection.total_changes - before >= 2

        self._untidy = self._write(merge)
        if not self._untidy:
            self._file.checkpoint()
        return self._untidy

    def when_lost(self, refill: Callable[[], None]) -> None:
        """See ``TraceIndex.when_lost``."""
        self._refill = refill

    def close(self) -> None:
        """See ``TraceIndex.close``."""
        with self._writing:
            self._file.close()

    def _write(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._writing:
            return self._once_more_if_lost(lambda: self._transact(work))

    def _transact(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with self._file.writer() as connection, _transaction(connection, "IMMEDIATE"):
            return work(connection)

    def _read(self, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
        def read() -> Answer:
            with self._file.reader() as connection, _transaction(connection, "DEFERRED"):
                return work(connection)

        return self._once_more_if_lost(read)

    def _once_more_if_lost(self, work: Callable[[], Answer]) -> Answer:
        """What ``work`` answers; where the file is gone or broken, what it answers on a new one."""
        with _translated():
            try:
                return work()
            except LostError as lost:
                if self._file.renew(lost.generation):
                    _log.warning("index was lost and is filled anew", extra={"reason": str(lost)})
                    self._refill()
                return work()


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str) -> Iterator[None]:
    """One picture for all that is read, one step for all that is written."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except LostError as error:
        raise UnavailableError("The index cannot be used now") from error
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise StorageFullError from error
        raise UnavailableError(f"The index cannot be used now: {error}") from error


def _find(connection: sqlite3.Connection, query: TraceQuery, position: Position | None) -> TracePage:
    question = Question(query)
    if not _ask_equal(connection, question):
        return _NOTHING
    question.ask_ranges()
    if query.q is not None and query.q.strip() and not _ask_text(connection, question, query.q):
        return _NOTHING
    rows: list[tuple[int, int | float, str]] = []
    for part in question.parts(position):
        if len(rows) <= query.limit:
            rows += connection.execute(part.sql(), part.parameters).fetchall()
    return _page(query, rows)


def _ask_equal(connection: sqlite3.Connection, question: Question) -> bool:
    """Narrow the question down to traces with these names. ``False`` where nobody has one of them."""
    wanted = {column: getattr(question.query, name) for name, column in EQUAL.items()}
    for column, text in wanted.items():
        if text is not None:
            row = connection.execute("SELECT id FROM names WHERE text = ?", (text,)).fetchone()
            if row is None:
                return False
            question.ask(f"{column} = ?", row[0])
    if question.conditions and question.query.sort != "created_at":
        counting = f"SELECT count(*) FROM (SELECT 1 FROM traces WHERE {' AND '.join(question.conditions)} LIMIT ?)"  # noqa: S608 -- fixed names
        if connection.execute(counting, (*question.parameters, _MANY)).fetchone()[0] == _MANY:
            # the sign keeps SQLite from the index of this column, and so from sorting what it finds there
            question.conditions = [f"+{condition}" for condition in question.conditions]
    return True


def _ask_text(connection: sqlite3.Connection, question: Question, text: str) -> bool:
    """Narrow the question down to traces with this text. ``False`` where there is none."""
    expression = match_expression(text)
    if expression is None:
        return False
    matches = "SELECT rowid FROM search WHERE search MATCH ?"
    counting = f"SELECT count(*) FROM ({matches} LIMIT ?)"  # noqa: S608 -- fixed text
    count = int(connection.execute(counting, (expression, _FEW + 1)).fetchone()[0])
    if count <= _FEW:
        question.ask(f"id IN ({matches})", expression)
    else:
        question.ask(f"EXISTS ({matches} AND rowid = traces.id)", expression)
    return count > 0


def _page(query: TraceQuery, rows: list[tuple[int, int | float, str]]) -> TracePage:
    shown = rows[: query.limit]
    items = tuple(TraceSummary.model_validate_json(summary) for _, _, summary in shown)
    if len(rows) <= query.limit:
        return TracePage(items=items, next_cursor=None)
    key, value, _ = shown[-1]
    return TracePage(items=items, next_cursor=render_cursor(query, Position(value, key)))


def _put(connection: sqlite3.Connection, entry: IndexEntry) -> None:
    key = _find_key(connection, entry.described.summary.trace_id)
    if key is None:
        key = _new_row(connection, entry)
    else:
        sets = ", ".join(f"{name} = ?" for name in _PUT_COLUMNS)
        connection.execute(f"UPDATE traces SET {sets} WHERE id = ?", (*_row(connection, entry), key))  # noqa: S608 -- fixed names
    _put_text(connection, key, entry.described.text)


def _new_row(connection: sqlite3.Connection, entry: IndexEntry) -> int:
    trace_id = entry.described.summary.trace_id
    key = key_of(trace_id)
    while connection.execute("SELECT 1 FROM traces WHERE id = ?", (key,)).fetchone() is not None:
        key = (key + 1) & (2**63 - 1)
    marks = ", ".join("?" * (len(_PUT_COLUMNS) + 2))
    sql = f"INSERT INTO traces (id, trace_id, {', '.join(_PUT_COLUMNS)}) VALUES ({marks})"  # noqa: S608 -- fixed names
    connection.execute(sql, (key, trace_id, *_row(connection, entry)))
    return key


def _row(connection: sqlite3.Connection, entry: IndexEntry) -> tuple[object, ...]:
    summary = entry.described.summary
    names = (summary.developer_id, summary.bug_id, summary.repo, summary.status, summary.verdict)
    return (
        entry.fingerprint,
        *(_name(connection, name) for name in names),
        microseconds(summary.created_at),
        microseconds(summary.start_time),
        NO_SCORE if summary.reasoning_score is None else summary.reasoning_score,
        summary.num_events,
        summary.duration_s,
        event_bits(entry.described.event_types),
        summary.model_dump_json(),
    )


def _name(connection: sqlite3.Connection, text: str | None) -> int | None:
    if text is None:
        return None
    row = connection.execute("SELECT id FROM names WHERE text = ?", (text,)).fetchone()
    if row is not None:
        return int(row[0])
    return connection.execute("INSERT INTO names (text) VALUES (?)", (text,)).lastrowid


def _find_key(connection: sqlite3.Connection, trace_id: str) -> int | None:
    row = connection.execute("SELECT id FROM traces WHERE trace_id = ?", (trace_id,)).fetchone()
    return None if row is None else int(row[0])


def _forget_row(connection: sqlite3.Connection, key: int) -> None:
    """The row, and the names that no other trace has."""
    columns = tuple(EQUAL.values())
    names = connection.execute(f"SELECT {', '.join(columns)} FROM traces WHERE id = ?", (key,)).fetchone()  # noqa: S608 -- fixed names
    connection.execute("DELETE FROM traces WHERE id = ?", (key,))
    unused = " AND ".join(f"NOT EXISTS (SELECT 1 FROM traces WHERE {column} = names.id)" for column in columns)  # noqa: S608 -- fixed names
    for name in filter(None, names):
        connection.execute(f"DELETE FROM names WHERE id = ? AND {unused}", (name,))  # noqa: S608 -- fixed names


def _put_text(connection: sqlite3.Connection, key: int, text: str) -> None:
    packed = zlib.compress(text.encode(), 1)
    row = connection.execute("SELECT packed FROM texts WHERE id = ?", (key,)).fetchone()
    if row is not None and row[0] == packed:
        return
    _forget_text(connection, key)
    connection.execute("INSERT INTO texts (id, packed) VALUES (?, ?)", (key, packed))
    connection.execute("INSERT INTO search (rowid, text) VALUES (?, ?)", (key, text))


def _forget_text(connection: sqlite3.Connection, key: int) -> None:
    """A table without content of its own is told what it forgets."""
    row = connection.execute("SELECT packed FROM texts WHERE id = ?", (key,)).fetchone()
    if row is not None:
        text = zlib.decompress(row[0]).decode()
        connection.execute("INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", (key, text))
        connection.execute("DELETE FROM texts WHERE id = ?", (key,))
