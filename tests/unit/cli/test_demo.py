"""``demo`` where no engine answers: what it can show all the same, and what it says."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.demo import CHOICES, NAMES, SAMPLE_REPO, SESSIONS, pack_workspace
from app.cli.demo_check import _EXPECTED
from tests.e2e.server import ROOT


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: a server sets logging up for the whole of it."""
    command_line = [sys.executable, "-m", "app", "demo", *arguments, "--data-dir", str(tmp_path / "data")]
    return subprocess.run(command_line, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def test_every_name_has_something_to_show() -> None:
    assert tuple(CHOICES) == NAMES
    assert set(_EXPECTED) == set(SESSIONS)


def test_the_judge_is_told_without_a_sandbox(tmp_path: Path) -> None:
    assert "rules over the events" in run(tmp_path, "judge").stdout
    assert json.loads(run(tmp_path, "judge", "--json").stdout)["rubrics"] == ["reasoning-5", "process-6"]


@pytest.mark.parametrize("arguments", [("simple",), ("all",), ("compare",), ()])
def test_sessions_need_a_sandbox_and_say_so(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = run(tmp_path, *arguments)

    assert result.returncode == 69
    assert "sandbox:" in result.stderr


def test_the_check_says_what_is_missing_and_ends_with_1(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "--json")

    assert result.returncode == 1
    found = {line["what"]: line["is_fine"] for line in map(json.loads, result.stdout.splitlines())}
    assert found == {"data_dir": True, "sandbox": False, "judge": True}


def test_a_name_that_there_is_not_is_a_wrong_option(tmp_path: Path) -> None:
    assert run(tmp_path, "everything").returncode == 2


def test_the_workspace_is_the_project_without_its_sessions() -> None:
    assert pack_workspace(SAMPLE_REPO) == pack_workspace(SAMPLE_REPO)
    assert len(pack_workspace(SAMPLE_REPO)) < 100_000


def test_on_a_terminal_there_is_a_menu_that_goes_on_after_a_problem(tmp_path: Path) -> None:
    said = at_a_terminal("1\n6\n9\nq\n", "demo", "--data-dir", str(tmp_path / "data"))

    assert said.count("What shall be shown?") == 4
    assert "sandbox:" in said
    assert "Judge: rules over the events" in said
    assert "There is no 9." in said


def test_the_end_of_input_leaves_the_menu(tmp_path: Path) -> None:
    assert at_a_terminal("\x04", "demo", "--data-dir", str(tmp_path / "data")).count("What shall be shown?") == 1


def at_a_terminal(typed: str, *arguments: str) -> str:
    """What a command shows that somebody types at."""
    person, terminal = pty.openpty()
    command_line = [sys.executable, "-m", "app", *arguments]
    ran = subprocess.Popen(command_line, stdin=terminal, stdout=terminal, stderr=terminal, cwd=ROOT)
    os.close(terminal)
    os.write(person, typed.encode())
    said = b""
    try:
        while block := os.read(person, 4096):
            said += block
    except OSError:
        pass  # the other side is closed
    assert ran.wait(60) == 0, said.decode()
    os.close(person)
    return said.decode().replace("\r\n", "\n")
