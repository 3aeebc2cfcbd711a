"""The program that travels in task folders, run as it is run there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import app.formats.writing.task
from tests.unit.formats.writing.sessions import BUGGY, MENDED

PROGRAMS = Path(app.formats.writing.task.__file__).parent
TESTS = """
import pytest
from till import total

def test_total():
    assert total([1, 2]) == 3

@pytest.mark.xfail
def test_known():
    assert False

def test_other():
    assert total([]) == 0
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task whose workspace is beside it."""
    files, workspace = tmp_path / "tests" / "files" / "tests", tmp_path / "workspace"
    files.mkdir(parents=True)
    (files / "test_till.py").write_text(TESTS)
    workspace.mkdir()
    (workspace / "till.py").write_text(MENDED)
    for program in ("check.py", "outcomes.py"):
        shutil.copy(PROGRAMS / program, tmp_path / "tests" / program)
    expect(tmp_path)
    return tmp_path


def expect(task: Path, **more: object) -> None:
    must_pass = ["tests/test_till.py::test_total", "tests/test_till.py::test_other"]
    expected = {
        "test_command": f"{sys.executable} -m pytest -q -p no:cacheprovider",
        "by_test": True,
        "must_pass": must_pass,
        "removed": ["tests/test_old.py"],
        **more,
    }
    (task / "tests" / "expected.json").write_text(json.dumps(expected))


def check(task: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(task / "tests" / "check.py"), str(task / "workspace")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_fix_that_holds_is_rewarded(task: Path) -> None:
    ran = check(task)

    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_does_not_pass_is_named(task: Path) -> None:
    (task / "workspace" / "till.py").write_text(BUGGY)

    ran = check(task)

    assert ran.returncode == 1
    assert "did not pass: tests/test_till.py::test_total" in ran.stdout
    assert "test_other" not in ran.stdout.split("did not pass", 1)[1]


def test_a_test_that_does_not_run_did_not_pass(task: Path) -> None:
    expect(task, must_pass=["tests/test_till.py::test_that_is_not_there"])

    assert check(task).returncode == 1


def test_tests_and_settings_of_the_workspace_play_no_part(task: Path) -> None:
    tests = task / "workspace" / "tests"
    tests.mkdir()
    (tests / "test_till.py").write_text("def test_total():\n    pass\n\n\ndef test_other():\n    pass\n")
    (tests / "test_old.py").write_text("def test_old():\n    assert False\n")
    (task / "workspace" / "conftest.py").write_text(
        "import pytest\n\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport():\n"
        "    report = yield\n    report.outcome = 'passed'\n    return report\n"
    )
    (task / "workspace" / "till.py").write_text(BUGGY)

    ran = check(task)

    assert ran.returncode == 1
    assert not (tests / "test_old.py").exists()


def test_without_outcomes_by_test_the_exit_status_decides(task: Path) -> None:
    command = f"{sys.executable} -c 'import sys; sys.exit(MARK)'"
    expect(task, by_test=False, must_pass=[], test_command=command.replace("MARK", "0"))
    first = check(task)
    expect(task, by_test=False, must_pass=[], test_command=command.replace("MARK", "1"))

    assert (first.returncode, check(task).returncode) == (0, 1)


def test_variables_before_the_command_are_set(task: Path) -> None:
    command = f'ANSWER=42 {sys.executable} -c \'import os, sys; sys.exit(os.environ["ANSWER"] != "42")\''
    expect(task, by_test=False, must_pass=[], test_command=command)

    assert check(task).returncode == 0
