"""What the journal promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.errors import CorruptError
from app.models.trace import Consent
from app.recorder.outbox import Outbox
from app.recorder.privacy import Privacy
from app.rules.redaction.policy import RedactionPolicy
from app.utils.clock import Clock
from tests.recording import ticking


def an_outbox(folder: Path, clock: Clock | None = None) -> Outbox:
    privacy = Privacy(RedactionPolicy(), Consent())
    return Outbox(folder / "outbox.jsonl", folder / "outbox.lock", privacy, clock or ticking())


def a_note(text: str = "a thought") -> dict[str, str]:
    return {"type": "rationale_note", "freeform": text}


def test_events_are_numbered_without_holes_by_whoever_writes(tmp_path: Path) -> None:
    an_outbox(tmp_path).append([a_note(), a_note()])

    assert an_outbox(tmp_path).append([a_note()]) == [3]
    assert [written.event["id"] for written in an_outbox(tmp_path).read()] == ["e1", "e2", "e3"]


def test_a_torn_line_is_cut_off_and_its_number_given_again(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([a_note("whole")])
    with outbox.path.open("ab") as file:
        file.write(b'{"seq":2,"clock":1.0,"event":{"id":"e2","ty')

    assert [written.seq for written in outbox.read()] == [1]
    assert outbox.append([a_note("next")]) == [2]
    assert [written.event["freeform"] for written in outbox.read()] == ["whole", "next"]


def test_a_whole_line_that_cannot_be_read_is_told_and_not_skipped(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([a_note()])
    outbox.path.write_bytes(b"garbage\n" + outbox.path.read_bytes())

    with pytest.raises(CorruptError):
        list(outbox.read())


def test_time_never_runs_backwards(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path, ticking(step_s=-60))
    outbox.append([a_note(), a_note()])
    reserved = outbox.reserve_time()
    outbox.append([a_note()])

    times = [written.event["ts_client_s"] for written in outbox.read()]
    assert times == sorted(set(times))
    assert times[1] < reserved < times[2]


def test_a_reserved_moment_is_no_event(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.reserve_time()

    assert list(outbox.read()) == []
    assert outbox.append([a_note()]) == [1]


def test_an_event_may_bring_its_own_id_and_moment(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    moment = outbox.reserve_time()
    outbox.append([a_note()])
    outbox.append([{**a_note(), "id": "run-1", "ts_client_s": moment}])

    (note, run) = outbox.read()
    assert (run.event["id"], run.event["ts_client_s"]) == ("run-1", moment)
    assert run.event["ts_client_s"] < note.event["ts_client_s"]


def test_nothing_is_written_of_events_that_the_server_would_not_take(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)

    with pytest.raises(ValidationError):
        outbox.append([a_note(), {"type": "commit"}])

    assert outbox.size_bytes() == 0


def test_secrets_do_not_reach_the_disk(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([{"type": "cmd_run", "cmd": "psql postgres://me:hx82kdm3@db/x", "output": "GH_TOKEN=ghp_" + "a1B2" * 9}])

    text = outbox.path.read_text()
    assert "hx82kdm3" not in text
    assert "a1B2a1B2" not in text
    assert text.count("[REDACTED:") == 2


def test_reading_goes_on_after_a_number(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([a_note(str(number)) for number in range(5)])

    assert [written.seq for written in outbox.read(3)] == [4, 5]
    assert outbox.last_seq() == 5


def test_the_end_is_found_behind_lines_of_any_length(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([a_note("x" * 300_000)])

    assert outbox.append([a_note()]) == [2]
    assert [json.loads(line)["seq"] for line in outbox.path.read_text().splitlines()] == [1, 2]
