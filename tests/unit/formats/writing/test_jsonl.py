"""Canonical lines."""

from __future__ import annotations

from app.formats.writing.jsonl import CanonicalLines
from app.models.base import STORED
from app.models.trace import Trace
from tests.unit.formats.writing.sessions import a_finalized, a_session_of, written


def test_a_line_is_the_trace() -> None:
    trace = a_finalized()

    content = written(CanonicalLines(), a_session_of(trace)).files["data/train-00000-of-00001.jsonl"]

    assert content.count(b"\n") == 1
    assert Trace.model_validate_json(content, context=STORED) == trace


def test_files_hold_a_bounded_number_of_traces() -> None:
    sessions = [a_session_of(a_finalized(f"t-{number:04}", events=())) for number in range(1001)]

    files = written(CanonicalLines(), *sessions).files

    assert list(files) == ["data/train-00000-of-00002.jsonl", "data/train-00001-of-00002.jsonl"]
    assert [content.count(b"\n") for content in files.values()] == [1000, 1]
