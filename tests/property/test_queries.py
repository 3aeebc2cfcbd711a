"""Pages hold every trace exactly once and in order, whoever comes in between; and no text is an error."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import InvalidError
from app.models.query import SortField, TraceQuery, TraceSummary
from app.storage.index_sql import NO_SCORE, match_expression
from app.storage.sqlite_index import SqliteTraceIndex
from tests.index_entries import an_entry

SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ENTRY = st.fixed_dictionaries(
    {
        "minute": st.integers(0, 3),
        "num_events": st.integers(0, 2),
        "duration_s": st.sampled_from([0.0, 0.1, 1e6]),
        "reasoning_score": st.sampled_from([None, 1.0, 4.7]),
        "status": st.sampled_from(["open", "finalized"]),
        "text": st.sampled_from(["often", "seldom often", ""]),
    }
)


def place(summary: TraceSummary, sort: str) -> object:
    score = NO_SCORE if summary.reasoning_score is None else summary.reasoning_score
    return {"score": score, "duration": summary.duration_s}.get(sort, getattr(summary, sort, None))


@SLOW
@given(
    there=st.lists(ENTRY, max_size=30),
    arriving=st.lists(ENTRY, max_size=10),
    sort=st.sampled_from(get_args(SortField)),
    descending=st.booleans(),
    status=st.sampled_from([None, "open"]),
    q=st.sampled_from([None, "often"]),
    limit=st.integers(1, 7),
)
def test_pages_hold_everything_once_and_in_order_while_traces_arrive(
    tmp_path_factory: pytest.TempPathFactory,
    there: list[dict[str, object]],
    arriving: list[dict[str, object]],
    sort: SortField,
    descending: bool,
    status: str | None,
    q: str | None,
    limit: int,
) -> None:
    index = SqliteTraceIndex(tmp_path_factory.mktemp("index") / "index.sqlite")
    index.put([an_entry(f"there-{n}", **fields) for n, fields in enumerate(there)])  # type: ignore[arg-type]
    asked = {"sort": sort, "descending": descending, "status": status, "q": q, "limit": limit}
    seen: list[TraceSummary] = []
    cursor: str | None = None
    while True:
        page = index.find(TraceQuery.model_validate({**asked, "cursor": cursor}))
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
        if arriving:
            index.put([an_entry(f"new-{len(arriving)}", **arriving.pop())])  # type: ignore[arg-type]
    index.close()

    ids = [summary.trace_id for summary in seen]
    fitting = {
        f"there-{n}"
        for n, fields in enumerate(there)
        if status in (None, fields["status"]) and (q is None or "often" in str(fields["text"]))
    }
    places = [place(summary, sort) for summary in seen]
    assert len(ids) == len(set(ids))
    assert {trace_id for trace_id in ids if trace_id.startswith("there-")} == fitting
    assert places == sorted(places, reverse=descending)  # type: ignore[type-var]


PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ['"', '""', "*", "(", ")", "AND", "OR", "NOT", "NEAR(", "^", ":", "text:", "-", "+", "{", "}", "\x00", "'", ";", "a"]
    ),
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> SqliteTraceIndex:
    index = SqliteTraceIndex(tmp_path_factory.mktemp("index") / "index.sqlite")
    index.put([an_entry("t", text="a word AND another; text: quoted")])
    return index


@settings(max_examples=400, deadline=None)
@given(pieces=st.lists(PIECES, max_size=12), glue=st.sampled_from([" ", "", '" "']))
def test_no_text_is_an_error(filled: SqliteTraceIndex, pieces: list[str], glue: str) -> None:
    page = filled.find(TraceQuery(q=glue.join(pieces)[:500]))

    assert len(page.items) <= 1


@given(st.text(alphabet=st.characters(categories=["Ll", "Lu", "Nd"], max_codepoint=0x24F), min_size=1, max_size=20))
def test_a_word_is_found_by_itself(tmp_path_factory: pytest.TempPathFactory, word: str) -> None:
    index = SqliteTraceIndex(tmp_path_factory.mktemp("index") / "index.sqlite")
    index.put([an_entry("t", text=f"before {word} after")])

    assert len(index.find(TraceQuery(q=f'{word} "before {word} after"')).items) == 1
    index.close()


@given(st.text(max_size=300))
def test_no_cursor_of_a_stranger_is_taken(cursor: str) -> None:
    with pytest.raises(InvalidError):
        SqliteTraceIndex(Path("never-opened")).find(TraceQuery(cursor=cursor))


@given(st.text())
def test_an_expression_is_quoted_pieces_and_nothing_else(text: str) -> None:
    expression = match_expression(text)

    assert expression is None or all(not piece.strip() for piece in expression.split('"')[::2])
