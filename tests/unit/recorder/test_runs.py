"""Commands are told once: with their end, or with the word that nobody saw it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.recorder.output import HEAD_BYTES, TAIL_BYTES, KeptOutput
from app.recorder.recording import Recording
from app.recorder.runs import cwd_within
from tests.recording import EVERYTHING, NOTHING, a_recording, a_work_tree, events_of


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return a_recording(a_work_tree(tmp_path / "tree"))


def kept(*blocks: bytes) -> KeptOutput:
    output = KeptOutput()
    for block in blocks:
        output.take(block)
    return output


def a_run(recording: Recording, *argv: str, output: bytes = b"", **more: Any) -> None:
    with recording.runs.begun(argv, more.get("cwd")) as run:
        recording.runs.end(run, more.get("exit_code", 0), 0.25, kept(output))


def test_a_command_is_told_with_how_it_ended(recording: Recording) -> None:
    a_run(recording, "make", "a b", output=b"done\n", exit_code=2, cwd="sub")

    (event,) = events_of(recording)
    told = {name: event[name] for name in ("cmd", "exit_code", "duration_ms", "output", "cwd")}
    assert told == {"cmd": "make 'a b'", "exit_code": 2, "duration_ms": 250, "output": "done\n", "cwd": "sub"}


def test_a_command_stands_before_what_happened_while_it_ran(recording: Recording) -> None:
    with recording.runs.begun(["make"], None) as run:
        recording.tell({"type": "rationale_note", "freeform": "meanwhile"})
        recording.runs.end(run, 0, 1.0, kept())

    by_time = sorted(events_of(recording), key=lambda event: event["ts_client_s"])
    assert [event["type"] for event in by_time] == ["cmd_run", "rationale_note"]


def test_a_command_whose_recorder_was_killed_is_told_without_its_end(recording: Recording) -> None:
    leave_behind(recording, "make", "TOKEN=ghp_" + "a1B2" * 9)

    assert recording.runs.recover() == 1
    assert recording.runs.recover() == 0
    (event,) = events_of(recording)
    assert event["cmd"].startswith("make ")
    assert "a1B2a1B2" not in event["cmd"]
    assert "exit_code" not in event
    assert event["extra"]["unknown"] == ["exit_code", "duration_ms", "output"]


def test_a_command_that_is_under_way_is_not_taken_for_lost(recording: Recording) -> None:
    with recording.runs.begun(["make"], None):
        assert recording.runs.recover() == 0


def test_a_command_that_was_told_before_its_recorder_was_killed_is_not_told_again(recording: Recording) -> None:
    leave_behind(recording, "make")
    (file,) = recording.folder.runs.glob("*.json")
    left = file.read_bytes()
    recording.runs.recover()
    file.write_bytes(left)

    assert recording.runs.recover() == 0
    assert len(events_of(recording)) == 1


def test_without_consent_no_word_of_a_command_is_written(tmp_path: Path) -> None:
    recording = a_recording(a_work_tree(tmp_path / "other"), consent=NOTHING)
    with recording.runs.begun(["make", "love"], None) as run:
        files = [path.read_text() for path in recording.folder.runs.glob("*.json")]
        recording.runs.end(run, 0, 1.0, kept(b"printed"))

    assert "love" not in "".join(files)
    assert events_of(recording) == []
    assert EVERYTHING.commands


def test_of_a_long_output_the_beginning_and_the_end_are_kept() -> None:
    lines = [f"line {number}\n".encode() for number in range(50_000)]

    output = kept(*lines)

    text = output.text()
    assert output.is_cut
    assert output.total_bytes == sum(map(len, lines))
    assert text.startswith("line 0\n")
    assert text.endswith("line 49999\n")
    assert f"[… {output.total_bytes} bytes in all, " in text
    assert len(text) < HEAD_BYTES + TAIL_BYTES + 200


def test_an_output_that_fits_is_kept_as_it_is() -> None:
    content = b"x" * (HEAD_BYTES + TAIL_BYTES)

    output = kept(content[:100], content[100:])

    assert output.text() == content.decode()
    assert not output.is_cut


def test_one_block_larger_than_everything_is_cut() -> None:
    output = kept(b"y" * 500_000)

    assert output.is_cut
    assert len(output.text()) < HEAD_BYTES + TAIL_BYTES + 200


def test_where_a_command_runs_is_told_from_the_root_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "sub" / "deep").mkdir(parents=True)

    assert cwd_within(tmp_path, tmp_path) is None
    assert cwd_within(tmp_path, tmp_path / "sub" / "deep") == "sub/deep"


def leave_behind(recording: Recording, *argv: str) -> None:
    """A run whose recorder dies: its lock goes with it, its note stays."""
    with recording.runs.begun(argv, None):
        pass
