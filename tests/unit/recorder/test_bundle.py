"""A recording in one file."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from app import __version__
from app.errors import MalformedError
from app.models.trace import TraceStart
from app.recorder.bundle import FileExistsAlreadyError, forget_unpacked, trace_document, unpacked, write_bundle
from app.recorder.recording import Recording
from app.recorder.sender import Step
from tests.recording import ScriptedLink, a_recording, a_work_tree, events_of, write


@pytest.fixture
def stopped(tmp_path: Path) -> Recording:
    tree = a_work_tree(tmp_path / "tree")
    recording = a_recording(tree, server="http://server", api_token="the-api-token", test_command="pytest -q")
    write(tree, "a.py", "changed\n")
    recording.runs.recover()
    recording.tell({"type": "rationale_note", "freeform": "done"})
    recording.stop()
    return recording


def send_all(recording: Recording, link: ScriptedLink) -> Step:
    sender = replace(recording.sender, make_link=link)
    while (step := sender.step()).kind == "went_on":
        pass
    return step


def test_a_file_holds_the_session_and_no_token(stopped: Recording, tmp_path: Path) -> None:
    write_bundle(stopped, tmp_path / "session.tar")

    with tarfile.open(tmp_path / "session.tar") as tar:
        assert {"trace.json", "outbox.jsonl", "workspace.tar.gz", "final_workspace.tar.gz"} <= set(tar.getnames())
    assert b"the-api-token" not in (tmp_path / "session.tar").read_bytes()


def test_the_trace_in_the_file_is_one(stopped: Recording) -> None:
    trace = TraceStart.model_validate_json(json.dumps(trace_document(stopped)))

    assert [event.event_id for event in trace.events] == [event["id"] for event in events_of(stopped)]
    assert trace.repo.test_command == "pytest -q"


def test_the_trace_in_the_file_says_who_worked_on_what(stopped: Recording) -> None:
    trace = trace_document(stopped)

    assert (trace["session"]["role"], trace["repo"]["branch"]) == ("human_dev", "main")
    assert trace["session"]["recorder"] == {"name": "pr-telemetry", "version": __version__}
    assert trace["session"]["client_clock"]["tz"] == stopped.session.time_zone


def test_a_recording_of_an_earlier_version_is_sent_as_far_as_it_goes(stopped: Recording) -> None:
    later = ("branch", "time_zone", "recorder_version", "end_commit")
    said = json.loads(stopped.folder.session_file.read_text())
    stopped.folder.session_file.write_text(json.dumps({name: value for name, value in said.items() if name not in later}))
    link = ScriptedLink()

    send_all(stopped, link)

    _, begun = link.calls[0]
    assert "branch" not in begun
    assert begun["recorder"] == {"name": "pr-telemetry"}
    assert begun["client_clock"] == {"start_unix_s": stopped.session.started_at}


def test_a_file_of_that_name_stays_as_it_is(stopped: Recording, tmp_path: Path) -> None:
    (tmp_path / "session.tar").write_text("mine")

    with pytest.raises(FileExistsAlreadyError):
        write_bundle(stopped, tmp_path / "session.tar")

    assert (tmp_path / "session.tar").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session.tar", "tree"]


def test_a_file_is_sent_to_any_server(stopped: Recording, tmp_path: Path) -> None:
    write_bundle(stopped, tmp_path / "session.tar")
    link = ScriptedLink()

    with unpacked(tmp_path / "session.tar", "http://other", "token") as recording:
        send_all(recording, link)

    assert link.event_ids == [event["id"] for event in events_of(stopped)]
    assert [path.rpartition("/")[2] for path, _ in link.calls][-2:] == ["final_workspace", "complete"]


def test_what_a_server_has_already_is_not_stored_twice(stopped: Recording, tmp_path: Path) -> None:
    link = ScriptedLink()
    sender = replace(stopped.sender, make_link=link)
    for _ in range(3):
        assert sender.step().kind == "went_on"
    write_bundle(stopped, tmp_path / "session.tar")

    with unpacked(tmp_path / "session.tar", "http://server", "token") as recording:
        send_all(recording, link)

    assert [path for path, _ in link.calls].count("/v1/traces") == 1
    assert link.event_ids == [event["id"] for event in events_of(stopped)]


def test_a_submission_that_was_interrupted_goes_on_with_the_same_trace(stopped: Recording, tmp_path: Path) -> None:
    write_bundle(stopped, tmp_path / "session.tar")
    link = ScriptedLink()
    with unpacked(tmp_path / "session.tar", "http://other", "token") as recording:
        assert replace(recording.sender, make_link=link).step().kind == "went_on"

    with unpacked(tmp_path / "session.tar", "http://other", "token") as recording:
        send_all(recording, link)

    assert [path for path, _ in link.calls].count("/v1/traces") == 1
    forget_unpacked(tmp_path / "session.tar")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["session.tar", "tree"]


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b broken"])
def test_what_is_no_recording_is_refused_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "session.tar").write_bytes(content)

    with (
        pytest.raises(MalformedError, match="is no recording"),
        unpacked(tmp_path / "session.tar", "http://server", "token"),
    ):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["session.tar"]


def test_members_that_leave_the_file_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "session.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("../outside.json"))

    with (
        pytest.raises(MalformedError),
        unpacked(tmp_path / "session.tar", "http://server", "token"),
    ):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["session.tar"]
