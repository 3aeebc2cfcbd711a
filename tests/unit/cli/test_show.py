"""``show``: a trace as a person reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.show import command
from app.cli.terminal import harmless
from app.errors import DeniedError, InvalidError, NotFoundError, SettingsError
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from tests.builders import a_session, a_thought, an_edit, an_event
from tests.unit.cli.conftest import STORED

GOLDEN = STORED.parent / "commands" / "show-finalized-1.txt"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def a_file(folder: Path, **more: Any) -> str:
    path = folder / "session.json"
    path.write_text(json.dumps(a_session(**more)))
    return str(path)


def test_a_finalized_trace_is_shown_as_it_always_was() -> None:
    result = run("finalized-1", "--data-dir", str(STORED))

    assert result.exit_code == 0
    assert result.output.partition("  Reasoning:")[0] == GOLDEN.read_text()


def test_the_file_of_a_trace_is_shown_like_the_trace() -> None:
    by_id = run("finalized-1", "--data-dir", str(STORED))
    by_file = run(str(STORED / "traces" / "finalized-1.json"))

    assert by_file.output == by_id.output


def test_a_trace_on_a_server_is_shown_like_any_other(server: str, tmp_path: Path) -> None:
    from app.cli.client import client_of

    client_of(server).post("/traces", a_session(events=[a_thought("Rounded too early.")]))

    assert "Rounded too early." in run("t-1", "--server", server).output


def test_events_of_a_session_come_in_reading_order(tmp_path: Path) -> None:
    early, late = a_thought("early", 1), a_thought("late", 5)

    shown = run(a_file(tmp_path, events=[late, early]), "--brief").output

    assert shown.index("early") < shown.index("late")
    assert [line.split()[0] for line in shown.splitlines() if "thought" in line] == ["2", "1"]


def test_brief_is_a_line_for_each_event(tmp_path: Path) -> None:
    path = a_file(tmp_path, events=[an_edit(), a_thought("word " * 100)])

    shown, brief = run(path).output, run(path, "--brief").output

    assert "+b" in shown
    assert "+b" not in brief
    assert len([line for line in brief.splitlines() if line.startswith(("   1", "   2"))]) == 2
    assert "word" in brief


def test_a_long_output_is_abridged_unless_it_is_asked_for(tmp_path: Path) -> None:
    lines = [f"line {number}." for number in range(100)]
    event = an_event("terminal_command", command="make", exit_code=2, output="\n".join(lines), duration_ms=1500)
    path = a_file(tmp_path, events=[event])

    short, full = run(path).output, run(path, "--full").output

    assert "make  (exit status 2, 1.5 s)" in short
    assert "line 0." in short
    assert "line 99." in short
    assert "line 50." not in short
    assert "[76 lines left out" in short
    assert all(line in full for line in lines)


def test_a_session_cannot_drive_the_terminal(tmp_path: Path) -> None:
    output = "\x1b[31mred\x1b[0m \x1b]0;title\x07 back\x08space \x9b2J \u202egnp.exe"
    event = an_event("terminal_command", command="x\x1b[2J", exit_code=0, output=output, duration_ms=1)
    task = {"title": "\x1b]8;;http://example.org\x07click"}

    shown = CliRunner().invoke(command, [a_file(tmp_path, events=[event], task=task)], color=True).output

    assert {character for character in shown if ord(character) < 32 or 127 <= ord(character) < 160} == {"\n"}
    assert "red  back\\x08space \\x9b2J \\x202egnp.exe" in shown


def test_harmless_text_stays_as_it_is() -> None:
    assert harmless("tab\tand\nline, ü, 漢, ✓") == "tab\tand\nline, ü, 漢, ✓"


def test_json_is_the_document_as_it_is() -> None:
    path = STORED / "traces" / "finalized-1.json"

    assert run("finalized-1", "--data-dir", str(STORED), "--json").output == path.read_text()


def test_a_directory_that_is_in_use_is_read_all_the_same(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.make()
    for source in (STORED / "traces").iterdir():
        (layout.traces / source.name).write_bytes(source.read_bytes())
    with DataDirLock(layout.lock):
        before = {path: path.stat().st_mtime_ns for path in layout.root.rglob("*")}
        result = run("open-1", "--data-dir", str(layout.root))

        assert "first" in result.output
        assert {path: path.stat().st_mtime_ns for path in layout.root.rglob("*")} == before


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is no JSON document"),
        ("[]", "is no JSON document"),
        ("{}", "developer_id"),
        (json.dumps(a_session()) * 2, "more than one document"),
        (json.dumps(a_session(colour="red")), "colour"),
        (json.dumps(a_session(events=[{"event_type": "code_edit"}])), "event 1"),
    ],
)
def test_what_is_no_trace_is_invalid(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)

    error = run(str(path)).exception

    assert isinstance(error, InvalidError)
    assert told in error.detail


@pytest.mark.parametrize("name", ["nowhere", "../traces/finalized-1", "nowhere.json", "with space"])
def test_what_is_not_there_is_not_found(name: str) -> None:
    assert isinstance(run(name, "--data-dir", str(STORED)).exception, NotFoundError)


def test_a_deleted_trace_is_told_from_one_that_never_was() -> None:
    error = run("deleted-1", "--data-dir", str(STORED)).exception

    assert isinstance(error, NotFoundError)
    assert "was deleted" in error.detail


def test_a_folder_that_is_no_data_directory_is_a_wrong_setting(tmp_path: Path) -> None:
    assert isinstance(run("t-1", "--data-dir", str(tmp_path)).exception, SettingsError)
    assert isinstance(run("t-1", "--data-dir", str(tmp_path), "--server", "http://x").exception, SettingsError)


def test_a_wrong_token_is_denied(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "wrong")

    assert isinstance(run("t-1", "--server", server).exception, DeniedError)


def test_wrong_options_end_with_2() -> None:
    assert run().exit_code == 2
    assert run("finalized-1", "--brief", "--full").exit_code == 2
