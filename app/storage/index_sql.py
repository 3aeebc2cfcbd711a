"""The tables of ``SqliteTraceIndex``, and its questions to them as SQL.

Strings that many traces share stand once in ``names``, so that index entries are a few integers. A trace's ``id`` is made from
its trace id: it breaks ties, and a rebuilt index breaks them alike. For every equality filter, and every pair of them, there is
an index that ends in ``created_at``: a page in that order reads its own rows and no others, however many traces there are.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from typing import get_args

from app.models.query import EventType, TraceQuery
from app.rules.cursors import Position
from app.utils.clock import in_zone

SCHEMA_VERSION = 1
NO_SCORE = -1.0
"""Stands for "no score": below all scores in every order."""

EQUAL = {"developer_id": "developer", "bug_id": "bug", "repo": "repo", "status": "status", "verdict": "verdict"}
"""Filters that compare for equality, with their columns."""

_TABLES = """
CREATE TABLE names (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE traces (
    id INTEGER PRIMARY KEY, trace_id TEXT NOT NULL UNIQUE, fingerprint TEXT NOT NULL,
    developer INTEGER NOT NULL, bug INTEGER, repo INTEGER, status INTEGER NOT NULL, verdict INTEGER,
    created_at INTEGER NOT NULL, start_time INTEGER NOT NULL, score REAL NOT NULL,
    num_events INTEGER NOT NULL, duration REAL NOT NULL, event_types INTEGER NOT NULL, summary TEXT NOT NULL
) STRICT;
CREATE TABLE texts (id INTEGER PRIMARY KEY, packed BLOB NOT NULL) STRICT;
CREATE VIRTUAL TABLE search USING fts5(text, content='', tokenize='unicode61 remove_diacritics 2');
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = {name: 1 << place for place, name in enumerate(get_args(EventType))}
_WORD = re.compile(r'"([^"]*)"?|([^\s"]+)')


def schema() -> str:
    """The script that makes an empty index."""
    columns = EQUAL.values()
    lines = [_TABLES]
    # score and event_types ride along: where they are asked for too, rows that do not fit are passed over unread
    lines += [f"CREATE INDEX by_{a} ON traces ({a}, created_at, id, score, event_types);" for a in columns]
    lines += [f"CREATE INDEX by_{a}_{b} ON traces ({a}, {b}, created_at);" for a, b in combinations(columns, 2)]
    lines += [f"CREATE INDEX by_{name} ON traces ({name});" for name in ("start_time", "score", "num_events", "duration")]
    lines.append("CREATE INDEX by_created_at ON traces (created_at, id, score, event_types);")
    lines.append(f"PRAGMA user_version = {SCHEMA_VERSION};")
    return "\n".join(lines)


def key_of(trace_id: str) -> int:
    """The ``id`` of a trace; with two traces of one key, the later one takes the next free number."""
    return int.from_bytes(hashlib.blake2b(trace_id.encode(), digest_size=8).digest(), "big") >> 1


def microseconds(moment: datetime) -> int:
    """A moment as a number that keeps its order."""
    delta = in_zone(moment) - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def event_bits(event_types: frozenset[str]) -> int:
    """Kinds of events as bits of one number."""
    return sum(_BITS[name] for name in event_types)


def match_expression(text: str) -> str | None:
    """An FTS5 expression for words and ``"quoted phrases"`` that must all be there; ``None`` where the text has no word.

    Every piece is quoted, so that nothing in it is an operator.
    """
    pieces = (phrase or word for phrase, word in _WORD.findall(text.replace("\x00", " ")))
    quoted = [f'"{piece}"' for piece in pieces if any(character.isalnum() for character in piece)]
    return " ".join(quoted) or None


@dataclass
class Question:
    """A query as SQL. Values are parameters, never part of the text."""

    query: TraceQuery
    conditions: list[str] = field(default_factory=list)
    parameters: list[object] = field(default_factory=list)

    def ask(self, condition: str, *parameters: object) -> None:
        """Narrow the answer down."""
        self.conditions.append(condition)
        self.parameters.extend(parameters)

    def ask_ranges(self) -> None:
        """Score, time and event type."""
        query = self.query
        if query.score_min is not None or query.score_max is not None:
            self.ask("score BETWEEN ? AND ?", query.score_min or 0.0, 5.0 if query.score_max is None else query.score_max)
        bounds = (
            ("created_at >=", query.created_from),
            ("created_at <", query.created_to),
            ("start_time >=", query.started_from),
            ("start_time <", query.started_to),
        )
        for comparison, moment in bounds:
            if moment is not None:
                self.ask(f"{comparison} ?", microseconds(moment))
        if query.event_type is not None:
            self.ask("event_types & ?", _BITS[query.event_type])

    def parts(self, position: Position | None) -> list[Question]:
        """What comes after this place, in questions whose answers stand one behind the other: its ties, then the rest.

        One comparison of pairs would have SQLite read all ties from their beginning.
        """
        if position is None:
            return [self]
        sort, way = self.query.sort, "<" if self.query.descending else ">"
        return [
            self._narrowed(f"{sort} = ? AND id {way} ?", position.value, position.key),
            self._narrowed(f"{sort} {way} ?", position.value),
        ]

    def sql(self) -> str:
        """One row more than the page holds tells whether there is another page."""
        where = f"WHERE {' AND '.join(self.conditions)} " if self.conditions else ""
        way = "DESC" if self.query.descending else "ASC"
        sort = self.query.sort
        return (
            f"SELECT id, {sort}, summary FROM traces {where}"  # noqa: S608 -- names are from fixed sets, values are parameters
            f"ORDER BY {sort} {way}, id {way} LIMIT {self.query.limit + 1}"
        )

    def _narrowed(self, condition: str, *parameters: object) -> Question:
        return Question(self.query, [*self.conditions, condition], [*self.parameters, *parameters])
