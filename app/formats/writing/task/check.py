"""Runs the tests that decided, and writes the reward: 1 where every test that has to pass does, else 0.

It stands beside ``expected.json``, which says what has to pass, and ``files``, the tests as they were when that was found out.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SETTINGS = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini")
PASSED = ("passed", "xpassed")


def main() -> int:
    """Put the tests in place, run them, compare. Returns the exit status: 0 where the fix holds."""
    expected = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    workspace = Path(sys.argv[1])
    put_in_place(HERE / "files", workspace, expected["removed"])
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "outcomes.jsonl"
        status = run(expected, workspace, report)
        missing = not_passed(expected["must_pass"], outcomes(report)) if expected["by_test"] else []
    is_fixed = not missing and (expected["by_test"] or status == 0)
    for name in missing:
        sys.stdout.write(f"did not pass: {name}\n")
    return 0 if is_fixed else 1


def put_in_place(tests: Path, workspace: Path, removed: list[str]) -> None:
    """The tests that decide take the place of the workspace's; settings that steer tests and are none of theirs go."""
    known = {path.relative_to(tests) for path in tests.rglob("*") if path.is_file()}
    for found in [path for name in SETTINGS for path in workspace.rglob(name)]:
        if found.relative_to(workspace) not in known:
            found.unlink()
    for name in removed:
        (workspace / name).unlink(missing_ok=True)
    for path in sorted(known):
        target = workspace / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tests / path, target)


def run(expected: dict[str, Any], workspace: Path, report: Path) -> int:
    """The exit status of the test command."""
    words = shlex.split(expected["test_command"])
    settings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    while words and "=" in words[0] and words[0].partition("=")[0].isidentifier():
        name, _, value = words.pop(0).partition("=")
        settings[name] = value
    if expected["by_test"]:
        paths = [str(HERE), *filter(None, [settings.get("PYTHONPATH")])]
        settings |= {"PYTHONPATH": os.pathsep.join(paths), "TASK_OUTCOMES": str(report)}
        settings["PYTEST_ADDOPTS"] = f"{settings.get('PYTEST_ADDOPTS', '')} -p outcomes".strip()
    return subprocess.run(words, cwd=workspace, env=settings, check=False).returncode


def outcomes(report: Path) -> dict[str, str]:
    """How each test ended, by its node id."""
    if not report.exists():
        return {}
    lines = report.read_text(encoding="utf-8").splitlines()
    return dict(json.loads(line) for line in lines)


def not_passed(names: list[str], found: dict[str, str]) -> list[str]:
    """The tests that have to pass and did not, or did not run."""
    return [name for name in names if found.get(name) not in PASSED]


if __name__ == "__main__":
    sys.exit(main())
