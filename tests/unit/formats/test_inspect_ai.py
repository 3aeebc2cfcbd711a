"""Logs of Inspect AI."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from app.formats.errors import FormatError, NothingUsableError, UnreadableSourceError
from app.formats.inspect_ai import InspectAi
from app.formats.registry import detect
from tests.unit.formats.reading import SAMPLES, a_source, counts, event, extra, lost, of_document, read_all, read_sample

HEADER = {"version": 2, "status": "success", "plan": {}, "eval": {"eval_id": "e", "model": "m"}}


@pytest.mark.parametrize("name", ["log-v2.json", "log-v2.eval"])
def test_a_sample_has_its_events(name: str) -> None:
    session = read_sample(f"inspect-ai/{name}")

    assert counts(session) == {"reasoning_step": 4, "terminal_command": 3}
    assert session.trace.bug_id == "calc-1"
    assert session.trace.task is not None
    assert session.trace.task.description == "The test suite fails. Find the bug and fix it."
    assert lost(session) == {
        "event sample_init": 1, "event sandbox": 6, "event score": 1, "event span_begin": 10, "event span_end": 10,
        "event state": 3,
    }  # fmt: skip


def test_scores_are_notes_and_no_results() -> None:
    trace = read_sample("inspect-ai/log-v2.json").trace

    assert trace.session is not None
    assert trace.session.recorder is not None
    scores: Any = (trace.session.recorder.extra or {})["scores"]
    assert scores["includes"]["value"] == "C"


def test_a_command_has_its_time_and_no_exit_code() -> None:
    command = event(read_sample("inspect-ai/log-v2.json"), "for_tool_call_c3c83b0a-99ab-4ae7-8a1e-01cee11e6708")

    assert (command.command, command.exit_code, command.duration_ms) == ("python3 -m pytest -q", None, 420)
    assert command.output == "/usr/bin/python3: No module named pytest\n\n"


def a_sample(*events: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "x", "epoch": 1, "uuid": "u-1", "input": "Fix it.", "events": list(events), **more}


def a_tool_event(function: str = "bash", **more: Any) -> dict[str, Any]:
    fields = {"event": "tool", "id": "c1", "timestamp": "2026-03-02T12:00:00Z", "arguments": {"command": "ls"}, "result": "a"}
    return {**fields, "function": function, **more}


def read(*samples: dict[str, Any]) -> list[Any]:
    return read_all(InspectAi(), of_document({**HEADER, "samples": list(samples)}))


def test_what_the_log_keeps_apart_is_found_again() -> None:
    (session,) = read(a_sample(a_tool_event(result="attachment://1"), attachments={"1": "long"}))

    assert event(session, "c1").output == "long"


def test_what_was_not_approved_was_not_done() -> None:
    (session,) = read(a_sample(a_tool_event(error={"type": "approval", "message": "no"})))

    assert extra(session, "c1")["refused"] is True


def test_a_log_without_events_is_read_by_its_messages() -> None:
    call = {"id": "c1", "function": "bash", "arguments": {"command": "ls"}}
    said = [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Yes."}]
    messages = [
        {"role": "assistant", "id": "m1", "content": said, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "a"},
    ]

    (session,) = read(a_sample(messages=messages))

    assert counts(session) == {"reasoning_step": 2, "terminal_command": 1}
    assert event(session, "c1").output == "a"


def test_every_sample_is_a_session_of_its_own() -> None:
    sessions = read(a_sample(a_tool_event()), a_sample(a_tool_event(), uuid="u-2", epoch=2))

    assert [session.trace.trace_id for session in sessions] == ["inspect-ai-u-1", "inspect-ai-u-2"]


def test_a_log_without_samples_is_refused() -> None:
    with pytest.raises(NothingUsableError, match="a log of Inspect AI"):
        read()


def a_log(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def a_log_of(*samples: dict[str, Any]) -> dict[str, bytes]:
    files = {f"samples/{number}.json": json.dumps(sample).encode() for number, sample in enumerate(samples)}
    return {"header.json": json.dumps(HEADER).encode(), **files}


def test_an_archive_may_be_packed_in_any_usual_way() -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2):
        (session,) = read_all(InspectAi(), a_source(a_log(a_log_of(a_sample(a_tool_event())), method)))

        assert counts(session) == {"terminal_command": 1}


def test_an_archive_that_unpacks_to_far_more_than_it_is_gets_no_further() -> None:
    bomb = a_log({**a_log_of(), "samples/1.json": b"[" + b" " * 40_000_000 + b"]"})
    assert len(bomb) < 100_000

    with pytest.raises(FormatError, match="unpacks to more than"):
        read_all(InspectAi(), a_source(bomb))


def test_a_name_in_an_archive_is_never_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    escaping = {"../samples/1.json": b"{}", "samples/../../1.json": b"{}", "/samples/1.json": b"{}"}

    (session,) = read_all(InspectAi(), a_source(a_log({**escaping, **a_log_of(a_sample(a_tool_event()))})))

    assert counts(session) == {"terminal_command": 1}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [100, 1000, 5000, 9000])
def test_a_damaged_archive_is_refused(cut: int) -> None:
    whole = (SAMPLES / "inspect-ai/log-v2.eval").read_bytes()

    with pytest.raises(FormatError):
        read_all(InspectAi(), a_source(whole[:cut]))


def test_an_archive_whose_directory_points_elsewhere_is_refused() -> None:
    whole = bytearray((SAMPLES / "inspect-ai/log-v2.eval").read_bytes())
    entry = whole.index(b"PK\x01\x02")
    whole[entry + 42 : entry + 46] = struct.pack("<I", 7)

    with pytest.raises(FormatError):
        read_all(InspectAi(), a_source(bytes(whole).replace(b"header.json", b"nobody.json")))


def test_another_archive_is_of_no_format() -> None:
    with pytest.raises((FormatError, UnreadableSourceError), match="a zip archive"):
        detect(a_source(a_log({"a.txt": b"a"}), "a.zip"))
