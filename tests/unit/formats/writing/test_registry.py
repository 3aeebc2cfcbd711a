"""Every format, and what it promises."""

from __future__ import annotations

import pytest

from app.formats.writing.base import Code, Writer
from app.formats.writing.registry import WRITERS, UnknownWriterError, find_writer
from tests.unit.formats.writing.sessions import a_finalized, a_session_of, written

BY_NAME = {"argvalues": WRITERS, "ids": [writer.name for writer in WRITERS]}


def test_a_format_is_found_by_its_name() -> None:
    assert [find_writer(writer.name) for writer in WRITERS] == list(WRITERS)
    with pytest.raises(UnknownWriterError, match="there are jsonl, parquet"):
        find_writer("xlsx")


@pytest.mark.parametrize("writer", **BY_NAME)  # type: ignore[arg-type]  # names of parameters
def test_the_same_sessions_give_the_same_files(writer: Writer) -> None:
    sessions = [a_session_of(a_finalized("a")), a_session_of(a_finalized("b", "not_fixed"))]

    first = written(writer, *sessions)

    assert first.files
    assert first.files == written(writer, *sessions).files
    assert first.tally.rows["train"] > 0


@pytest.mark.parametrize("writer", **BY_NAME)  # type: ignore[arg-type]  # names of parameters
def test_the_files_of_tables_are_where_readers_look_for_them(writer: Writer) -> None:
    files = written(writer, a_session_of(a_finalized("a")), a_session_of(a_finalized("b", "not_fixed"))).files

    for pattern in writer.tables.values():
        start, _, end = pattern.format(split="train").partition("*")
        assert any(path.startswith(start) and path.endswith(end) for path in files)


@pytest.mark.parametrize("writer", **BY_NAME)  # type: ignore[arg-type]  # names of parameters
def test_the_card_names_every_field_of_a_row(writer: Writer) -> None:
    found = written(writer, a_session_of(a_finalized("a")), a_session_of(a_finalized("b", "not_fixed")))

    if writer.fields:
        assert [list(row) for row in found.rows()] == [list(writer.fields)] * len(found.rows())
        assert found.rows()


@pytest.mark.parametrize("writer", **BY_NAME)  # type: ignore[arg-type]  # names of parameters
def test_a_session_whose_code_cannot_be_had_breaks_no_export(writer: Writer) -> None:
    session = a_session_of(a_finalized(), "the archive is damaged")

    assert not isinstance(session.code(), Code)
    written(writer, session)
