"""What holds for every command, and for the group that loads them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.cli.main import _COMMANDS, _SUMMARIES, cli
from tests.builders import a_session, a_thought
from tests.e2e.server import ROOT

CONTEXT = click.Context(cli, info_name="pr-telemetry")
WITHOUT_JSON = {"completion", "record", "serve"}
"""A script, a group, and a server: nothing of theirs is a result."""


def loaded(name: str) -> click.Command:
    command = cli.get_command(CONTEXT, name)
    assert command is not None
    return command


def modules_after(*arguments: str, **environment: str) -> set[str]:
    """What a process of its own has imported once the command is over."""
    program = (
        "import sys, json\n"
        "from app.cli.main import cli\n"
        f"try: cli({list(arguments)!r}, prog_name='pr-telemetry')\n"
        "except BaseException: pass\n"
        "print('\\n' + json.dumps(sorted(sys.modules)))"
    )
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")}
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=60
    )
    return set(json.loads(ran.stdout.splitlines()[-1]))


def test_the_summaries_are_the_commands_own() -> None:
    assert {name: loaded(name).get_short_help_str(limit=200) for name in _COMMANDS} == _SUMMARIES


def test_help_names_every_command_with_its_summary() -> None:
    said = " ".join(CliRunner().invoke(cli, ["--help"]).output.split())

    assert [name for name, summary in _SUMMARIES.items() if f"{name} {summary}" not in said] == []


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("nonsense",)])
def test_what_needs_no_command_loads_none(arguments: tuple[str, ...]) -> None:
    modules = modules_after(*arguments)

    assert "app.cli.main" in modules
    assert modules & {"fastapi", "docker", "pydantic", "uvicorn", "app.bootstrap"} == set()
    assert [name for name in modules if name in _COMMANDS.values()] == []


@pytest.mark.parametrize("arguments", [("list",), ("show", "t-1"), ("compare", "a", "b"), ("finalize", "t-1")])
def test_what_asks_a_server_imports_neither_server_nor_sandbox(arguments: tuple[str, ...]) -> None:
    modules = modules_after(*arguments, "--server", "http://127.0.0.1:9", API_TOKEN="x")

    assert _COMMANDS[arguments[0]] in modules
    assert modules & {"fastapi", "docker", "uvicorn", "app.bootstrap", "app.qa.sandbox"} == set()


@pytest.mark.parametrize("name", sorted(_COMMANDS))
def test_every_command_teaches_by_example(name: str) -> None:
    said = CliRunner().invoke(cli, [name, "--help"], prog_name="pr-telemetry").output

    assert re.search(rf"^ +\S*.*\bpr-telemetry {name}\b", said.partition("\n")[2], re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(_COMMANDS) - WITHOUT_JSON))
def test_every_command_speaks_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in loaded(name).params)


def test_a_reader_that_has_enough_ends_the_command_without_a_word(tmp_path: Path) -> None:
    # more than a pipe holds: the command is still writing when its reader is gone
    session = tmp_path / "long.json"
    session.write_text(json.dumps(a_session(events=[a_thought(minute=number) for number in range(5000)])))
    script = f"set -o pipefail; {sys.executable} -m app show {session} | head -1"

    ran = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stdout.count("\n"), ran.stderr) == (141, 1, "")


@pytest.mark.parametrize("value", ["1", "yes"])
def test_no_color_holds_for_every_command(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    session = str(ROOT / "sample_repo" / "sessions" / "careless-success.json")
    coloured = CliRunner().invoke(cli, ["doctor"], color=True, env={"DOCKER_HOST": "unix:///nowhere.sock", "NO_COLOR": ""})
    plain = CliRunner().invoke(cli, ["doctor"], color=True, env={"DOCKER_HOST": "unix:///nowhere.sock", "NO_COLOR": value})
    shown = CliRunner().invoke(cli, ["show", session], color=True, env={"NO_COLOR": value})

    assert "\x1b" in coloured.output
    assert "\x1b" not in plain.output + shown.output


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_is_printed(shell: str) -> None:
    ran = CliRunner().invoke(cli, ["completion", shell], prog_name="pr-telemetry")

    assert ran.exit_code == 0
    assert "_PR_TELEMETRY_COMPLETE" in ran.output
    assert f"{shell}_complete" in ran.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("pr-telemetry su", ["submit"]),
        ("pr-telemetry show --br", ["--brief"]),
        ("pr-telemetry list --verdict p", ["passes"]),
        ("pr-telemetry list --status o", ["open"]),
        ("pr-telemetry completion z", ["zsh"]),
        ("pr-telemetry demo com", ["complex", "compare"]),
    ],
)
def test_a_shell_that_asks_is_told(words: str, expected: list[str]) -> None:
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_PR_TELEMETRY_COMPLETE": "bash_complete"}
    ran = subprocess.run([sys.executable, "-m", "app"], cwd=ROOT, env={**os.environ, **asked}, capture_output=True, text=True)

    assert [line.partition(",")[2] for line in ran.stdout.splitlines()] == expected


def test_completing_a_command_loads_none() -> None:
    program = "import sys, runpy\ntry: runpy.run_module('app')\nexcept SystemExit: pass\nprint('pydantic' in sys.modules)"
    asked = {"COMP_WORDS": "pr-telemetry s", "COMP_CWORD": "1", "_PR_TELEMETRY_COMPLETE": "bash_complete"}
    command = [sys.executable, "-c", program]

    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **asked}, capture_output=True, text=True)

    assert ran.stdout.splitlines() == ["plain,serve", "plain,show", "plain,submit", "False"]


def test_ctrl_c_ends_a_command_without_a_word() -> None:
    command = [sys.executable, "-m", "app", "verify", "-"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as ran:
        assert ran.stdin is not None
        # more than a pipe holds: when this returns, the command is reading
        ran.stdin.write(b" " * 2**20)
        ran.stdin.flush()
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=30)

    assert (ran.returncode, out, err) == (130, b"", b"")
