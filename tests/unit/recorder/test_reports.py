"""Test runs as the plugin tells them, and the plugin itself in other people's test runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.recorder.plugin import with_plugin
from app.recorder.recording import Recording
from app.recorder.reports import Report, take_report
from app.recorder.runs import RUN_VARIABLE
from tests.e2e.server import ROOT
from tests.recording import NOTHING, a_recording, a_work_tree, edits_of, events_of, write

TESTS = """
import pytest

def test_good(): pass
def test_bad(): assert False
@pytest.mark.skip
def test_left_out(): pass
@pytest.mark.xfail
def test_known(): assert False
@pytest.fixture
def broken(): raise RuntimeError
def test_error(broken): pass
"""


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return a_recording(a_work_tree(tmp_path / "tree", test_a_DOT_py=TESTS, app____init___DOT_py="", app__own_DOT_py="x = 1\n"))


def run_pytest(
    folder: Path, *arguments: str, plugin: bool = True, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    loaded = ("-p", "pr_telemetry_pytest") if plugin else ()
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *loaded, *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder_of_the_plugin(folder)), "PYTHONDONTWRITEBYTECODE": "1",
             **(environment or {})},
    )  # fmt: skip


def folder_of_the_plugin(near: Path) -> Path:
    """The plugin alone, as ``pip install --no-deps`` would leave it beside a project's own packages."""
    folder = near.parent / "site"
    folder.mkdir(exist_ok=True)
    (folder / "pr_telemetry_pytest.py").write_bytes((ROOT / "pr_telemetry_pytest.py").read_bytes())
    return folder


def test_runs(recording: Recording) -> list[dict[str, Any]]:
    return [event for event in events_of(recording) if event["type"] == "test_run"]


test_runs.__test__ = False  # type: ignore[attr-defined]


def test_a_run_is_told_with_its_outcomes(recording: Recording) -> None:
    done = run_pytest(recording.folder.root, environment={RUN_VARIABLE: "run-1"})

    (event,) = test_runs(recording)
    assert done.returncode == 1
    assert event["test_command"] == "python -m pytest -q -p no:cacheprovider -p pr_telemetry_pytest"
    assert (event["tests_passed"], event["num_passed"], event["num_failed"]) == (False, 1, 2)
    assert event["summary"] == "1 failed, 1 error, 1 passed, 1 skipped, 1 xfailed"
    assert event["extra"]["outcomes"] == {
        "test_a.py::test_good": "passed",
        "test_a.py::test_bad": "failed",
        "test_a.py::test_error": "error",
        "test_a.py::test_left_out": "skipped",
        "test_a.py::test_known": "xfailed",
    }
    assert (event["extra"]["run"], event["extra"]["exit_code"]) == ("run-1", 1)


def test_a_python_that_knows_nothing_of_the_recorder_finds_the_plugin(recording: Recording) -> None:
    environment = with_plugin({"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}, recording.folder)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

    subprocess.run(command, cwd=recording.folder.root, env=environment, capture_output=True, check=False, timeout=120)
    # installed, named and found at once: it is one plugin all the same
    named = {**environment, "PYTEST_PLUGINS": "pr_telemetry_pytest"}
    done = subprocess.run(command, cwd=recording.folder.root, env=named, capture_output=True, check=False, timeout=120)

    assert done.returncode == 1
    assert [event["num_failed"] for event in test_runs(recording)] == [2, 2]


def test_where_the_environment_was_cleared_there_is_no_plugin_and_no_fault(recording: Recording) -> None:
    environment = with_plugin({"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}, recording.folder)
    command = [sys.executable, "-E", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "good"]

    done = subprocess.run(command, cwd=recording.folder.root, env=environment, capture_output=True, check=False, timeout=120)

    assert done.returncode == 0


def test_the_tests_see_nothing_of_the_plugin(recording: Recording) -> None:
    with_plugin = run_pytest(recording.folder.root)
    without = run_pytest(recording.folder.root, plugin=False)

    assert with_plugin.returncode == without.returncode
    assert with_plugin.stderr == without.stderr
    assert [line for line in with_plugin.stdout.splitlines() if " in " not in line] == [
        line for line in without.stdout.splitlines() if " in " not in line
    ]


def test_where_nothing_is_recorded_nothing_is_told(tmp_path: Path) -> None:
    write(tmp_path, "test_b.py", "def test_b(): pass\n")

    assert run_pytest(tmp_path).returncode == 0
    assert not (tmp_path / ".pr-telemetry").exists()


def test_a_project_may_have_an_app_of_its_own(recording: Recording) -> None:
    write(recording.folder.root, "test_own.py", "from app.own import x\ndef test_x(): assert x == 1\n")

    assert run_pytest(recording.folder.root, "test_own.py").returncode == 0
    assert test_runs(recording)[0]["tests_passed"] is True


def test_a_recorder_that_is_broken_breaks_no_test(recording: Recording) -> None:
    recording.folder.hook.write_text("{ no json")

    done = run_pytest(recording.folder.root)

    assert done.returncode == 1
    assert done.stderr == ""


def test_a_run_that_somebody_stopped_or_that_was_none_is_not_told(recording: Recording) -> None:
    write(recording.folder.root, "test_c.py", "def test_c(): raise KeyboardInterrupt\n")

    run_pytest(recording.folder.root, "test_c.py")
    run_pytest(recording.folder.root, "--collect-only")
    run_pytest(recording.folder.root, "--no-such-option")

    assert test_runs(recording) == []


def test_files_that_cannot_be_collected_are_told_as_failing(recording: Recording) -> None:
    write(recording.folder.root, "test_d.py", "import no_such_module\n")

    run_pytest(recording.folder.root, "test_d.py")

    (event,) = test_runs(recording)
    assert (event["tests_passed"], event["num_failed"], event["extra"]["outcomes"]) == (False, 1, {"test_d.py": "error"})


def test_of_a_run_that_stops_on_its_way_the_tests_are_named(recording: Recording) -> None:
    run_pytest(recording.folder.root, "-x")

    (event,) = test_runs(recording)
    assert event["test_command"] == "python -m pytest test_a.py::test_good test_a.py::test_bad"


def test_a_run_in_a_subfolder_is_told_as_what_it_was(recording: Recording) -> None:
    write(recording.folder.root, "sub/test_e.py", "def test_e(): pass\n")

    run_pytest(recording.folder.root / "sub")

    (event,) = test_runs(recording)
    assert event["test_command"].startswith("cd sub && python -m pytest")


def test_what_was_saved_before_a_run_is_told_before_it(recording: Recording) -> None:
    write(recording.folder.root, "test_a.py", "def test_new(): pass\n")

    run_pytest(recording.folder.root)

    assert [event["type"] for event in events_of(recording)] == ["file_edit", "test_run"]
    assert edits_of(recording)[0]["file_path"] == "test_a.py"


def a_report(folder: Path, command: str) -> Report:
    counts = {"passed": 1, "failed": 1}
    outcomes = {"test_a.py::test_good": "passed", "test_a.py::test_bad": "failed"}
    return Report(
        command=command,
        cwd=str(folder),
        exit_code=1,
        duration_s=0.5,
        counts=counts,
        failed=("test_a.py::test_bad",),
        outcomes=outcomes,
    )


def test_without_consent_to_commands_only_the_tasks_own_test_run_is_told(tmp_path: Path) -> None:
    recording = a_recording(a_work_tree(tmp_path / "tree"), consent=NOTHING, test_command="python -m pytest -q")

    assert not take_report(recording, a_report(recording.folder.root, "python -m pytest -q -k private"))
    assert take_report(recording, a_report(recording.folder.root, "python -m pytest -q"))
    (event,) = test_runs(recording)
    assert "outcomes" not in event["extra"]
