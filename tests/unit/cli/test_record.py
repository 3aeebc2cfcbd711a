"""The recorder's command line, as far as no server and no watcher is needed."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from app.cli import record
from app.errors import PRTelemetryError
from app.models.trace import Consent
from app.recorder.recording import Recording, find_recording
from app.recorder.state import NoRecordingError, locked
from tests.e2e.server import ROOT
from tests.recording import NOTHING, a_recording, a_work_tree, events_of, write

Watched = Callable[..., Recording]


@pytest.fixture
def watched(tree: Path) -> Iterator[Watched]:
    """Recordings that this process is held to be the watcher of: commands start none."""
    with ExitStack() as held:

        def begin(**given: Any) -> Recording:
            recording = a_recording(tree, **given)
            held.enter_context(locked(recording.folder.lock("watcher")))
            return recording

        yield begin


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tree = a_work_tree(tmp_path / "tree")
    monkeypatch.chdir(tree)
    return tree


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(record.command, arguments, input=typed, env={"API_TOKEN": ""})


def test_consent_is_never_taken_for_granted(tree: Path) -> None:
    result = run("start", "--task", "A bug")

    assert result.exit_code == click.UsageError.exit_code
    assert "--consent" in result.output
    assert not (tree / ".pr-telemetry").exists()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("none",), NOTHING),
        (("rationales", "snapshots"), Consent(commands=False)),
        (("rationales", "commands", "snapshots"), Consent()),
    ],
)
def test_consent_is_what_was_named(given: tuple[str, ...], expected: Consent) -> None:
    assert record._consent(given) == expected


def test_nothing_stands_alone() -> None:
    with pytest.raises(click.UsageError):
        record._consent(("none", "commands"))


@pytest.mark.parametrize("server", ["127.0.0.1:8000", "ftp://host", "http://127.0.0.1:8000"])
def test_a_server_needs_an_address_and_a_token(tree: Path, server: str) -> None:
    result = run("start", "--task", "A bug", "--consent", "none", "--server", server)

    assert result.exit_code == click.UsageError.exit_code
    assert ("API_TOKEN" if server.startswith("http:") else "address") in result.output


@pytest.mark.parametrize(
    "arguments", [("note", "x"), ("run", "--", "true"), ("status",), ("stop", "--out", "x"), ("abort", "--yes")]
)
def test_without_a_recording_every_command_says_so(tree: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert isinstance(result.exception, NoRecordingError)


def test_options_of_the_command_are_its_own(tree: Path, watched: Watched) -> None:
    recording = watched()

    result = run("run", "--", "sh", "-c", "exit 4", "--json", "--help")

    assert result.exit_code == 4
    (event,) = events_of(recording)
    assert event["cmd"] == "sh -c 'exit 4' --json --help"


def test_what_a_command_does_to_the_tree_stands_behind_it(tree: Path, watched: Watched) -> None:
    recording = watched()
    write(tree, "a.py", "by hand\n")

    run("run", "--", "sh", "-c", "echo by command > b.py")

    ordered = sorted(events_of(recording), key=lambda event: event["ts_client_s"])
    assert [event.get("file_path", "-") for event in ordered] == ["a.py", "-", "b.py"]


def test_a_recorder_that_cannot_write_does_not_stop_the_command(tree: Path, watched: Watched) -> None:
    recording = watched()
    recording.folder.tree.write_text("broken")

    result = run("run", "--", "sh", "-c", "exit 6")

    assert result.exit_code == 6
    assert "not recorded" in result.output


def test_a_note_is_read_from_its_parts_and_from_standard_input(tree: Path, watched: Watched) -> None:
    recording = watched()

    run("note", "--observation", "Only renewed keys fail.", "--next-step", "Read expiry.py.")
    run("note", "-", typed="A longer thought.\n")

    (parts, text) = events_of(recording)
    assert parts["structured"] == {"observation": "Only renewed keys fail.", "next_step": "Read expiry.py."}
    assert text["freeform"] == "A longer thought.\n"


def test_an_empty_note_is_refused(tree: Path, watched: Watched) -> None:
    watched()

    assert isinstance(run("note").exception, PRTelemetryError)


def test_the_status_says_what_is_recorded_and_what_waits(tree: Path, watched: Watched) -> None:
    watched(consent=Consent(commands=False))
    run("note", "x")

    found = json.loads(run("status", "--json").output)
    shown = run("status").output

    assert (found["state"], found["events"], found["pending"], found["sent"]) == ("recording", {"rationale_note": 1}, 1, 0)
    assert "not recorded, as agreed: commands" in shown
    assert "1 rationale_note" in shown


def test_a_recording_without_a_server_ends_in_a_file(tree: Path, tmp_path: Path) -> None:
    recording = a_recording(tree)

    assert run("stop").exit_code == click.UsageError.exit_code
    assert find_recording(tree).session.stopped_at is None
    assert run("stop", "--out", str(tmp_path / "session.tar")).exit_code == 0

    assert (tmp_path / "session.tar").exists()
    assert not recording.folder.path.exists()


def test_a_file_that_is_there_keeps_the_recording_where_it_is(tree: Path, tmp_path: Path) -> None:
    recording = a_recording(tree)
    (tmp_path / "session.tar").write_text("mine")

    assert isinstance(run("stop", "--out", str(tmp_path / "session.tar")).exception, PRTelemetryError)

    assert recording.folder.session_file.exists()


def test_a_verdict_is_asked_of_a_server_only(tree: Path) -> None:
    a_recording(tree)

    assert run("stop", "--finalize", "--out", "x.tar").exit_code == click.UsageError.exit_code


@pytest.mark.parametrize("consent", [Consent(), Consent(commands=False)])
def test_what_became_of_a_command_is_told_beside_what_it_prints(tree: Path, watched: Watched, consent: Consent) -> None:
    recording = watched(consent=consent)
    command = [sys.executable, "-m", "app", "record", "run", "--json", "--", "sh", "-c", "echo out; echo err >&2; exit 4"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 4
    assert sorted(done.stderr.splitlines()) == ["err", "out"]
    said = json.loads(done.stdout)
    assert (said["exit_code"], said["output_bytes"]) == (4, 8)
    assert said["duration_ms"] >= 0
    assert [event["id"] for event in events_of(recording)] == ([said["event_id"]] if consent.commands else [])
    assert (said["event_id"] is None) is not consent.commands


def test_a_recorder_that_cannot_look_names_what_it_did_record(tree: Path, watched: Watched) -> None:
    recording = watched()
    recording.folder.tree.write_text("broken")

    result = run("run", "--json", "--", "sh", "-c", "exit 6")

    (event,) = events_of(recording)
    assert json.loads(result.stdout)["event_id"] == event["id"]
    assert "not recorded" in result.stderr


def test_a_note_says_which_event_it_is(tree: Path, watched: Watched) -> None:
    recording = watched()

    said = [json.loads(run("note", "--json", "--plan", "x").stdout) for _ in range(2)]

    assert said == [{"event_id": event["id"]} for event in events_of(recording)]


def test_what_is_asked_does_not_stand_in_what_programs_read(tree: Path, watched: Watched) -> None:
    recording = watched()
    ours, theirs = pty.openpty()
    command, environment = [sys.executable, "-m", "app", "record", "note", "--json"], {**os.environ, "PYTHONPATH": str(ROOT)}
    os.write(ours, b"the plan\n" + b"\n" * 5)

    done = subprocess.run(
        command, cwd=tree, env=environment, stdin=theirs, capture_output=True, text=True, timeout=120, check=False
    )

    os.close(ours)
    os.close(theirs)
    assert json.loads(done.stdout) == {"event_id": "e1"}
    assert "hypothesis" in done.stderr
    (event,) = events_of(recording)
    assert event["structured"] == {"plan": "the plan"}


def test_an_abort_asks_beside_what_programs_read(tree: Path) -> None:
    recording = a_recording(tree)

    aborted = run("abort", "--json", typed="y\n")

    assert json.loads(aborted.stdout) == {"folder": str(recording.folder.path), "trace_id": None, "server": None}
    assert "Remove everything" in aborted.stderr


@pytest.mark.parametrize("command", record.command.commands.values(), ids=str)
def test_every_command_of_the_recorder_prints_json_for_programs(command: click.Command) -> None:
    assert "--json" in {option for parameter in command.params for option in parameter.opts}


def test_an_abort_says_what_stays_on_the_server(tree: Path) -> None:
    recording = a_recording(tree, server="http://server", api_token="api")
    recording.folder.save_remote(recording.folder.load_remote().model_copy(update={"trace_id": "t-1"}))

    said = json.loads(run("abort", "--yes", "--json").stdout)

    assert said == {"folder": str(recording.folder.path), "trace_id": "t-1", "server": "http://server"}
    assert not recording.folder.path.exists()


def test_an_abort_asks_first(tree: Path) -> None:
    recording = a_recording(tree)

    assert run("abort", typed="n\n").exit_code == 1
    assert recording.folder.session_file.exists()
    assert run("abort", typed="y\n").exit_code == 0
    assert not recording.folder.path.exists()
