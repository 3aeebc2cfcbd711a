"""Two tables, opened by their readers."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from app.formats.writing.base import Session
from app.formats.writing.parquet import EVENT_COLUMNS, TRACE_COLUMNS, ParquetWriter
from tests.builders import NOON, a_thought
from tests.unit.formats.writing.sessions import (
    a_claim,
    a_finalized,
    a_sample,
    a_session_of,
    some_events,
    stored,
    written,
)

pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
TRACES, EVENTS = "traces/train-00000-of-00001.parquet", "events/train-00000-of-00001.parquet"


def two_sessions() -> Sequence[Session]:
    claims = (a_claim("e3"), a_claim("e4", "refuted", kind="command"))
    return a_session_of(a_finalized("a", claims=claims)), a_session_of(a_finalized("b", "not_fixed", score=None, events=()))


def tables(*sessions: Session) -> dict[str, list[dict[str, Any]]]:
    import pyarrow.parquet as pq

    files = written(ParquetWriter(), *sessions).files
    return {path.split("/")[0]: pq.read_table(io.BytesIO(content)).to_pylist() for path, content in files.items()}


def test_a_trace_is_a_row_with_types() -> None:
    first, second = tables(*two_sessions())["traces"]

    assert list(first) == list(TRACE_COLUMNS)
    assert (first["trace_id"], first["verdict"], first["score"], first["repo_name"]) == ("a", "fixed", 4.0, "till")
    assert (first["claims_confirmed"], first["claims_refuted"]) == (1, 1)
    assert first["created_at"] == NOON
    assert first["fail_to_pass"] == ["tests/test_till.py::test_total"]
    assert first["consent_commands"] is True
    assert first["judgements"][0]["total"] == 4.0
    assert (second["score"], second["verdict"]) == (None, "not_fixed")


def test_an_event_is_a_row_with_its_claim() -> None:
    rows = tables(*two_sessions())["events"]

    assert list(rows[0]) == list(EVENT_COLUMNS)
    assert [row["event_type"] for row in rows] == [event.event_type for event in some_events()]
    assert [row["position"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert (rows[2]["claim_status"], rows[3]["claim_status"], rows[0]["claim_status"]) == ("confirmed", "refuted", None)
    assert (rows[3]["command"], rows[3]["exit_code"], rows[3]["duration_ms"]) == ("pytest -q", 0, 5.0)
    assert (rows[4]["tests_passed"], rows[4]["failed_tests"]) == (True, [])
    assert rows[1]["hypothesis"] == "It returns 0 always."


def test_types_do_not_depend_on_what_the_rows_hold() -> None:
    import pyarrow.parquet as pq

    full, empty = (written(ParquetWriter(), a_session_of(trace)).files for trace in (a_finalized(), a_finalized(events=())))

    for path in (TRACES, EVENTS):
        assert pq.read_schema(io.BytesIO(full[path])).equals(pq.read_schema(io.BytesIO(empty[path])))


def test_row_groups_are_bounded() -> None:
    import pyarrow.parquet as pq

    thoughts = stored(*(a_thought("x" * 1_000_000) for _ in range(20)))

    files = written(ParquetWriter(), a_session_of(a_finalized(events=thoughts))).files

    metadata = pq.ParquetFile(io.BytesIO(files[EVENTS])).metadata
    assert metadata.num_rows == 20
    assert max(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)) <= 9


def test_the_same_sessions_give_the_same_bytes() -> None:
    sessions = [a_session_of(a_sample(name)) for name in ("thoughtful-fix", "careless-success")]

    assert written(ParquetWriter(), *sessions).files == written(ParquetWriter(), *sessions).files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The tables on disk."""
    for path, content in written(ParquetWriter(), *two_sessions()).files.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_bytes(content)
    return tmp_path


def test_duckdb_joins_them(folder: Path) -> None:
    duckdb = pytest.importorskip("duckdb")

    found = duckdb.sql(
        f"select t.verdict, count(*) from '{folder}/events/*.parquet' e join '{folder}/traces/*.parquet' t using (trace_id) "
        "where e.claim_status = 'refuted' group by all"
    ).fetchall()

    assert found == [("fixed", 1)]


def test_pandas_reads_them(folder: Path) -> None:
    pandas = pytest.importorskip("pandas")

    frame = pandas.read_parquet(folder / TRACES)

    assert list(frame["trace_id"]) == ["a", "b"]
    assert str(frame["start_time"].dtype).startswith("datetime64")
