"""Guests, run as they are run in a container, but on this machine's own interpreter: nothing here is a wall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from app.qa.base import RunResult, RunSpec
from app.qa.frameworks.base import Reading, Selection
from app.qa.frameworks.choice import framework_of
from app.qa.pytest_settings import read_pytest_settings
from app.qa.sandbox.bundle import bundle
from tests.replaying import MemoryTree

KEY = "k" * 32
_HOST = """
import json, sys
config = dict(json.loads(sys.argv[1]), records_fd=int(sys.argv[2]))
exec(compile(sys.stdin.read(), "<guest>", "exec"), {"__name__": "guest", "GUEST_CONFIG": config})
"""


def run_guest(source: str, config: Mapping[str, JsonValue], folder: Path) -> RunResult:
    """Run a program in a folder. Returns what it says and what it reports."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as records:
        process = subprocess.Popen(
            [sys.executable, "-P", "-s", "-c", _HOST, json.dumps(config), str(writer)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(writer,),
            env={"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
        )
        os.close(writer)
        assert process.stdin is not None
        process.stdin.write(source.encode())
        process.stdin.close()
        told = records.read()
    assert process.stdout is not None
    output = process.stdout.read()
    process.stdout.close()
    code = process.wait()
    code = code if code >= 0 else 128 - code
    return RunResult("exited", exit_code=code, output_head=output, records=told, records_bytes=len(told), duration_s=0.0)


def lay_out(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def run_tests(
    folder: Path, files: Mapping[str, str | bytes], command: str = "pytest", only: tuple[str, ...] | None = None
) -> Reading:
    """What a test command shows on a tree."""
    lay_out(folder, files)
    tree = MemoryTree({path: content.encode() if isinstance(content, str) else content for path, content in files.items()})
    framework = framework_of(command, read_pytest_settings(None, tree))
    spec: RunSpec = framework.spec(tree, Selection(only), KEY)
    assert spec.guest is not None
    return framework.read(run_guest(spec.guest.source, spec.guest.config, folder), frozenset(files), KEY)


def run_disguise(folder: Path, runs: list[JsonValue]) -> RunResult:
    """Have the test files of a folder put in other words."""
    return run_guest(bundle("disguise"), {"key": KEY, "runs": runs}, folder)
