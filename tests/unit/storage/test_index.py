"""What the SQLite index promises: every filter, every order, every page; and that losing it costs nothing but time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from app.errors import InvalidError, UnavailableError
from app.models.query import SortField, TraceQuery
from app.rules.cursors import Position, render_cursor
from app.storage.index_sql import EQUAL, Question, key_of, match_expression
from app.storage.sqlite_index import SqliteTraceIndex
from tests.index_entries import an_entry


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


@pytest.fixture
def index(path: Path) -> Iterator[SqliteTraceIndex]:
    index = SqliteTraceIndex(path)
    yield index
    index.close()


def found(index: SqliteTraceIndex, **query: Any) -> list[str]:
    return [item.trace_id for item in index.find(TraceQuery(**query)).items]


def all_pages(index: SqliteTraceIndex, between: Callable[[], None] = lambda: None, **query: Any) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        page = index.find(TraceQuery(**query, cursor=cursor))
        ids += [item.trace_id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return ids
        between()


def test_an_empty_index_finds_nothing(index: SqliteTraceIndex) -> None:
    page = index.find(TraceQuery())

    assert page.items == ()
    assert page.next_cursor is None


def test_the_newest_stand_first(index: SqliteTraceIndex) -> None:
    index.put([an_entry("old", 1), an_entry("new", 3), an_entry("middle", 2)])

    assert found(index) == ["new", "middle", "old"]
    assert found(index, descending=False) == ["old", "middle", "new"]


def test_a_summary_comes_back_as_it_was(index: SqliteTraceIndex) -> None:
    entry = an_entry("t", 5, status="finalized", verdict="fixed", tests_passed=True, reasoning_score=4.25, task_title="Ünïcode")
    index.put([entry])

    assert index.find(TraceQuery()).items == (entry.described.summary,)


FILTERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"developer_id": "dev-2"}, {"developer_id": "dev-2"}),
    ({"bug_id": "B-2"}, {"bug_id": "B-2"}),
    ({"repo": "other"}, {"repo": "other"}),
    ({"status": "finalized"}, {"status": "finalized"}),
    ({"verdict": "flaky"}, {"verdict": "flaky"}),
    ({"reasoning_score": 4.5}, {"score_min": 4.0}),
    ({"reasoning_score": 4.5}, {"score_max": 5.0}),
    ({"event_types": ("commit",)}, {"event_type": "commit"}),
    ({"text": "each line is rounded"}, {"q": "rounded"}),
]


@pytest.mark.parametrize(("fields", "query"), FILTERS)
def test_a_filter_finds_what_fits_and_nothing_else(
    index: SqliteTraceIndex, fields: dict[str, Any], query: dict[str, Any]
) -> None:
    index.put([an_entry("fits", 1, **fields), an_entry("not", 2)])

    assert found(index, **query) == ["fits"]


@pytest.mark.parametrize(("one", "other"), list(combinations(FILTERS, 2)))
def test_two_filters_both_have_to_fit(
    index: SqliteTraceIndex, one: tuple[dict[str, Any], dict[str, Any]], other: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    index.put([an_entry("both", 1, **one[0], **{k: v for k, v in other[0].items() if k not in one[0]})])
    index.put([an_entry("one", 2, **one[0]), an_entry("none", 3)])

    names = found(index, **{**one[1], **other[1]})

    assert "none" not in names
    assert "both" in names
    assert ("one" in names) == (one[0].keys() == other[0].keys())


def test_a_name_that_nobody_has_finds_nothing(index: SqliteTraceIndex) -> None:
    index.put([an_entry("t")])

    assert found(index, developer_id="nobody") == []


def test_times_begin_inclusive_and_end_exclusive(index: SqliteTraceIndex) -> None:
    entries = [an_entry(f"t-{minute}", minute) for minute in range(4)]
    index.put(entries)
    moments = [entry.described.summary.created_at for entry in entries]

    assert found(index, created_from=moments[1], created_to=moments[3]) == ["t-2", "t-1"]
    assert found(index, started_from=moments[3]) == ["t-3"]


def test_traces_without_a_score_stand_below_all_scores(index: SqliteTraceIndex) -> None:
    index.put([an_entry("none"), an_entry("low", reasoning_score=1.0), an_entry("high", reasoning_score=5.0)])

    assert found(index, sort="score") == ["high", "low", "none"]
    assert found(index, sort="score", score_min=0.0) == ["high", "low"]


def test_an_entry_takes_the_place_of_the_earlier_one(index: SqliteTraceIndex) -> None:
    index.put([an_entry("t", text="before", status="open", fingerprint="1")])
    index.put([an_entry("t", text="after", status="finalized", fingerprint="2")])

    assert found(index, status="open") == []
    assert found(index, q="before") == []
    assert found(index, status="finalized", q="after") == ["t"]
    assert index.fingerprints_of(["t", "unknown"]) == {"t": "2"}


def test_a_removed_trace_is_found_by_nothing(index: SqliteTraceIndex) -> None:
    index.put([an_entry("gone", text="needle"), an_entry("stays", text="needle")])

    index.remove(["gone", "never-known"])

    assert found(index, q="needle") == ["stays"]
    assert list(index.known()) == ["stays"]


def test_nothing_of_a_removed_trace_is_left_in_the_files(index: SqliteTraceIndex, path: Path) -> None:
    index.put([an_entry(f"t-{n}", text=f"ordinary words {n}") for n in range(50)])
    index.put([an_entry("secretive", developer_id="hushhush", text="say xylophonic twice")])

    index.remove(["secretive"])
    while index.tidy():
        pass

    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    for word in (b"xylophonic", b"hushhush", b"secretive"):
        assert word not in content


def test_traces_of_one_key_are_kept_apart(index: SqliteTraceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.storage.sqlite_index.key_of", lambda trace_id: 2**63 - 1)
    index.put([an_entry("a", text="one"), an_entry("b", text="two")])

    assert sorted(found(index)) == ["a", "b"]
    assert found(index, q="two") == ["b"]


@pytest.mark.parametrize("sort", ["created_at", "start_time", "score", "num_events", "duration"])
@pytest.mark.parametrize("descending", [True, False])
def test_pages_hold_everything_once_also_among_ties(index: SqliteTraceIndex, sort: SortField, descending: bool) -> None:
    index.put([an_entry(f"t-{n}", n // 5, num_events=n // 4, duration_s=float(n // 3)) for n in range(23)])

    paged = all_pages(index, sort=sort, descending=descending, limit=4)

    assert paged == found(index, sort=sort, descending=descending, limit=200)
    assert sorted(paged) == sorted(f"t-{n}" for n in range(23))


def test_ties_stand_in_the_same_order_in_a_rebuilt_index(index: SqliteTraceIndex, tmp_path: Path) -> None:
    entries = [an_entry(f"t-{n}") for n in range(30)]
    index.put(entries)
    rebuilt = SqliteTraceIndex(tmp_path / "again.sqlite")
    rebuilt.put(entries[::-1])

    assert found(rebuilt) == found(index)
    rebuilt.close()


def test_a_cursor_belongs_to_its_query(index: SqliteTraceIndex) -> None:
    index.put([an_entry(f"t-{n}", n) for n in range(3)])
    cursor = index.find(TraceQuery(limit=1)).next_cursor

    assert found(index, cursor=cursor, limit=2) == ["t-1", "t-0"]
    for other in ({"status": "open"}, {"sort": "score"}, {"descending": False}, {"q": "x"}):
        with pytest.raises(InvalidError, match="belongs to another query"):
            index.find(TraceQuery(cursor=cursor, **other))


def test_an_altered_cursor_is_refused() -> None:
    query = TraceQuery()
    cursor = render_cursor(query, Position(1_772_000_000_000_000, key_of("t-1")))

    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    index = SqliteTraceIndex(Path("never-opened"))
    altered = {cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))}
    for wrong in (*altered, cursor[:-1], cursor + "A", cursor + "=", "", "é", "A" * 900):
        with pytest.raises(InvalidError, match="damaged"):
            index.find(TraceQuery(cursor=wrong))


@pytest.mark.parametrize(("one", "other"), list(combinations(EQUAL.values(), 2)))
def test_two_equalities_read_the_rows_of_the_page_alone(index: SqliteTraceIndex, path: Path, one: str, other: str) -> None:
    index.put([an_entry("t")])
    question = Question(TraceQuery())
    question.ask(f"{other} = ?", 1)
    question.ask(f"{one} = ?", 1)
    connection = sqlite3.connect(path)
    plans = [
        connection.execute(f"EXPLAIN QUERY PLAN {part.sql()}", part.parameters).fetchall()
        for part in (question, *question.parts(Position(1, 1)))
    ]
    connection.close()

    used = f"SEARCH traces USING INDEX by_{one}_{other} ({one}=? AND {other}=?"
    assert [[step[3] for step in plan] for plan in plans] == [
        [f"{used})"],
        [f"{used} AND created_at=? AND rowid<?)"],
        [f"{used} AND created_at<?)"],
    ]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("rounding", ["a", "b"]),
        ("ROUNDING sum", ["b"]),
        ('"the sum"', ["b"]),
        ('"sum the"', []),
        ("test_total", ["a"]),
        ("tests/test_till.py::test_total", ["a"]),
        ("naive", ["a"]),
        ("rounding OR nothing", []),
        ("NOT rounding", []),
        ("sum*", ["b"]),
        ("text:rounding", []),
        ('"the sum', ["b"]),
        ("", ["b", "a"]),
        ("   ", ["b", "a"]),
        ("!!!", []),
        ("rounding !!!", ["b", "a"]),
    ],
)
def test_full_text_takes_words_and_phrases(index: SqliteTraceIndex, text: str, ids: list[str]) -> None:
    index.put(
        [
            an_entry("a", 1, text="naïve rounding, pytest tests/test_till.py::test_total"),
            an_entry("b", 2, text="Rounding: the sum"),
        ]
    )

    assert sorted(found(index, q=text)) == sorted(ids)


def test_common_words_are_looked_up_in_the_order_of_the_page(index: SqliteTraceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.storage.sqlite_index._FEW", 3)  # what is common in a small index
    index.put([an_entry(f"t-{n}", n, text="often" if n % 2 else "seldom") for n in range(20)])

    assert all_pages(index, q="often", limit=3) == [f"t-{n}" for n in range(19, 0, -2)]


def test_many_traces_are_walked_through_in_another_order(index: SqliteTraceIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.storage.sqlite_index._MANY", 3)  # what is many in a small index
    index.put([an_entry(f"t-{n}", num_events=n, repo="other" if n % 3 else "till") for n in range(20)])

    assert all_pages(index, repo="till", sort="num_events", limit=3) == [f"t-{n}" for n in range(18, -1, -3)]


def test_every_piece_of_a_text_is_quoted() -> None:
    assert match_expression('a "b c" AND-d "e') == '"a" "b c" "AND-d" "e"'
    assert match_expression('""') is None


def test_an_index_of_another_version_is_made_anew(index: SqliteTraceIndex, path: Path) -> None:
    index.put([an_entry("t")])
    index.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    again = SqliteTraceIndex(path)

    assert found(again) == []
    again.put([an_entry("t")])
    assert found(again) == ["t"]
    again.close()


@pytest.mark.parametrize("content", [b"", b"no database", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_index_is_made_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    index = SqliteTraceIndex(path)

    index.put([an_entry("t")])

    assert found(index) == ["t"]
    index.close()


def test_an_index_that_breaks_while_it_is_used_is_made_anew_and_filled_again(index: SqliteTraceIndex, path: Path) -> None:
    lost: list[str] = []
    index.when_lost(lambda: lost.append("lost"))
    index.put([an_entry(f"t-{n}", text="words " * 500) for n in range(200)])
    index.close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xaa" * (len(content) - 4096))
    broken = SqliteTraceIndex(path)
    broken.when_lost(lambda: lost.append("lost"))

    assert found(broken) == []
    assert lost == ["lost"]
    broken.put([an_entry("t")])
    assert found(broken) == ["t"]
    broken.close()


def test_an_index_that_is_deleted_while_it_is_used_is_made_anew_and_filled_again(index: SqliteTraceIndex, path: Path) -> None:
    lost: list[str] = []
    index.when_lost(lambda: lost.append("lost"))
    index.put([an_entry("t")])
    path.unlink()

    assert found(index) == []
    assert lost == ["lost"]
    index.put([an_entry("t")])
    assert found(index) == ["t"]
    assert lost == ["lost"]


def test_what_is_kept_is_there_after_a_restart(index: SqliteTraceIndex, path: Path) -> None:
    index.put([an_entry("t", text="word")])
    index.close()

    again = SqliteTraceIndex(path)

    assert found(again, q="word") == ["t"]
    again.close()


def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    index = SqliteTraceIndex(tmp_path / "missing" / "index.sqlite")

    with pytest.raises(UnavailableError):
        index.put([an_entry("t")])
    with pytest.raises(UnavailableError):
        index.find(TraceQuery())


def test_a_full_disk_leaves_the_index_as_it_was(index: SqliteTraceIndex) -> None:
    index.put([an_entry("t")])
    with index._file.writer() as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    with pytest.raises(UnavailableError) as caught:
        index.put([an_entry(f"t-{n}", text=f"word{n} " * 400) for n in range(300)])

    assert caught.value.code == "storage_full"
    assert found(index) == ["t"]


def test_a_closed_index_is_unavailable(index: SqliteTraceIndex) -> None:
    index.close()

    with pytest.raises(UnavailableError):
        index.find(TraceQuery())
    index.close()
