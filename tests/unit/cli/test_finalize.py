"""``finalize``: traces are checked on a server, and what was found is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.client import client_of
from app.cli.finalize import command
from app.errors import DeniedError
from tests.builders import a_session, a_thought


@pytest.fixture
def traces(server: str) -> str:
    """A server with two traces."""
    for name in ("t-1", "t-2"):
        client_of(server).post("/traces", a_session(trace_id=name, events=[a_thought()]))
    return server


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_the_verdict_is_told_and_plays_no_part_in_the_exit_code(traces: str) -> None:
    result = run("t-1", "t-2", "--server", traces)

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert [line.split(":")[:2] for line in lines if not line.startswith(" ")] == [
        ["t-1", " inconclusive"],
        ["t-2", " inconclusive"],
    ]
    assert lines[1].startswith("  claims: ")


def test_json_is_one_object_for_each_trace(traces: str) -> None:
    result = run("t-1", "nowhere", "--server", traces, "--json")

    found, missing = map(json.loads, result.output.splitlines())
    assert result.exit_code == 1
    assert (found["trace_id"], found["verdict"], found["tests_passed"]) == ("t-1", "inconclusive", None)
    assert (missing["trace_id"], missing["problem"]["code"]) == ("nowhere", "not_found")


def test_what_is_asked_for_reaches_the_server(traces: str) -> None:
    options = ("--judge", "off", "--rubric", "process-6", "--reruns", "2", "--test-command", "python -m pytest -q")

    run("t-1", *options, "--server", traces)

    asked = client_of(traces).get("/traces/t-1")["finalize_request"]
    assert asked == {"judge": "off", "rubrics": ["process-6"], "reruns": 2, "test_command": "python -m pytest -q"}


def test_the_server_chooses_where_nothing_is_asked_for(traces: str) -> None:
    run("t-1", "--server", traces)

    asked = client_of(traces).get("/traces/t-1")["finalize_request"]
    assert set(asked.values()) <= {None}


def test_again_keeps_the_earlier_result(traces: str) -> None:
    run("t-1", "--server", traces)
    run("t-1", "--server", traces)

    assert len(client_of(traces).get("/traces/t-1")["qa_history"]) == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("nowhere",), 66), (("t-1", "--rubric", "none"), 65), (("t-1", "--test-command", "a; b"), 65), ((), 2)],
)
def test_what_cannot_be_done_has_its_code(traces: str, arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments, "--server", traces).exit_code == code


def test_a_wrong_token_is_denied(traces: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "wrong")

    assert isinstance(run("t-1", "--server", traces).exception, DeniedError)


def test_the_stages_are_shown_on_a_terminal_and_gone_at_the_end(
    traces: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import os
    import pty
    import subprocess
    import sys

    watched, terminal = pty.openpty()
    command_line = [sys.executable, "-m", "app", "finalize", "t-1", "--server", traces]
    ran = subprocess.Popen(command_line, stdout=subprocess.PIPE, stderr=terminal, cwd=Path(__file__).parents[3])
    os.close(terminal)
    with ran:
        assert ran.stdout is not None
        out = ran.stdout.read().decode()
    said = b""
    try:
        while block := os.read(watched, 4096):
            said += block
    except OSError:
        pass  # the other side is closed
    os.close(watched)

    assert out.startswith("t-1: inconclusive")
    assert b"1 of 1  t-1: judgement" in said
    assert said.endswith(b"\r\x1b[K")
