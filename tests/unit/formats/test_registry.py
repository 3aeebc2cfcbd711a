"""Which format a file is of, and what becomes of a file that is of none, or hostile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.formats.base import ReadOptions
from app.formats.errors import FormatError, UnknownFormatError, UnreadableSourceError
from app.formats.registry import FORMATS, detect, find_format, read_sessions
from app.formats.source import MAX_LINE_BYTES, Source
from app.models.events import CodeEdit, Event
from app.rules.diffs import DiffError, apply_diff, parse_diff
from tests.unit.formats.reading import SAMPLES, a_source, lost, of_document, of_lines, open_sample, sample_files

NAMES = [path.relative_to(SAMPLES).as_posix() for path in sample_files()]
READABLE = [name for name in NAMES if name != "swe-bench/report.json"]
FORMAT_OF = {"openhands/v0-trajs-basic.json": "openhands-v0"}


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_recognised_as_itself_and_as_nothing_else(name: str) -> None:
    recognised = [found.name for found in FORMATS if found.recognises(open_sample(name))]

    assert recognised == [FORMAT_OF.get(name, name.partition("/")[0])]


def test_every_format_but_our_own_has_a_sample() -> None:
    own = {"trace", "recording"}

    assert {detect(open_sample(name)).name for name in NAMES} == {found.name for found in FORMATS} - own


def documents(name: str, **options: Any) -> list[str]:
    return [
        session.trace.model_dump_json() + repr(session.artifacts) + repr(session.losses)
        for session in read_sessions(open_sample(name), None, ReadOptions(**options))
    ]


@pytest.mark.parametrize("name", READABLE)
def test_the_same_file_is_the_same_trace(name: str) -> None:
    assert documents(name) == documents(name) != []


@pytest.mark.parametrize("name", READABLE)
def test_every_event_has_an_id_of_its_own_and_they_follow_each_other(name: str) -> None:
    for session in read_sessions(open_sample(name), None, ReadOptions()):
        ids = [event.event_id for event in session.trace.events]
        moments = [event.timestamp for event in session.trace.events]

        assert len(set(ids)) == len(ids)
        assert moments == sorted(moments)


@pytest.mark.parametrize("name", READABLE)
def test_a_diff_that_is_stated_whole_can_be_read_and_another_says_that_it_is_not(name: str) -> None:
    def is_whole(event: Event) -> bool:
        unknown: Any = (event.data.extra or {}).get("unknown", [])
        return "diff" not in unknown

    edits = [
        event
        for session in read_sessions(open_sample(name), None, ReadOptions(folder="/workspace"))
        for event in session.trace.events
        if isinstance(event, CodeEdit)
    ]

    for edit in edits:
        if is_whole(edit):
            assert parse_diff(edit.data.diff).hunks
        elif (edit.data.extra or {}).get("unanchored"):
            with pytest.raises(DiffError):
                apply_diff(b"anything\n", edit.data.diff)


def test_a_format_is_asked_for_by_its_name() -> None:
    assert [find_format(found.name) for found in FORMATS] == list(FORMATS)
    assert find_format("nothing") is None


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (of_document({"a": 1}), "one JSON document with a, and of no format that is known: trace,"),
        (of_document([1, 2]), "one JSON document, and of no format"),
        (of_lines([{"a": 1}, {"b": 2}]), "JSON lines with a, and of no format"),
        (of_document("text"), "of no format"),
    ],
)
def test_other_json_is_refused_in_a_sentence(source: Source, words: str) -> None:
    with pytest.raises(UnknownFormatError, match=words):
        detect(source)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"no json", b"\xff\xfe", b"{", b"\x00" * 100, b"PK\x03\x04", b"1" * 5000])
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        list(read_sessions(a_source(content), None, ReadOptions()))


def test_another_format_than_the_one_asked_for_is_named() -> None:
    source = open_sample("codex/codex-0.50.0-rollout.jsonl")

    with pytest.raises(UnknownFormatError, match="is not an ATIF trajectory; it looks like a rollout of Codex"):
        list(read_sessions(source, "atif", ReadOptions()))


def test_a_document_that_is_nested_without_end_is_refused() -> None:
    with pytest.raises(UnreadableSourceError, match="nested too deeply"):
        detect(a_source("[" * 200_000))


def test_lines_that_cannot_be_read_are_counted_and_passed_over(tmp_path: Path) -> None:
    good = (SAMPLES / "codex/codex-0.50.0-rollout.jsonl").read_bytes()
    path = tmp_path / "rollout.jsonl"
    with path.open("wb") as file:
        file.write(good)
        file.write(b'{"type":"event_msg","payload":' + b"[" * 100_000 + b"\n")
        file.write(b'{"huge":"' + b"x" * (MAX_LINE_BYTES + 1) + b'"}\n')
        file.write(b'{"cut":\n')

    with path.open("rb") as file:
        (session,) = read_sessions(Source("rollout.jsonl", file), None, ReadOptions())

    assert lost(session)["line"] == 3
    assert len(session.trace.events) == 10


def test_half_of_a_surrogate_pair_and_large_numbers_can_be_stored() -> None:
    lines = [
        {"type": "session_meta", "timestamp": "2026-03-02T12:00:00Z", "payload": {"id": "s\ud800", "cwd": "/r"}},
        {
            "type": "response_item",
            "timestamp": 10**400,
            "payload": {
                "type": "function_call",
                "call_id": "c\ud800",
                "name": "update_plan",
                "arguments": '{"explanation":"\ud800"}',
            },
        },
    ]

    (session,) = read_sessions(of_lines(lines), None, ReadOptions())

    assert json.loads(session.trace.model_dump_json())["events"][0]["data"]["content"] == "�"


def test_a_clock_that_runs_wild_is_none() -> None:
    lines = [
        {"type": "event_msg", "timestamp": stamp, "payload": {"type": "agent_message", "message": str(number)}}
        for number, stamp in enumerate(["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z", 1e300, None, "soon"])
    ]

    (session,) = read_sessions(of_lines(lines), None, ReadOptions())

    assert [event.timestamp.year for event in session.trace.events] == [1970] * 5
