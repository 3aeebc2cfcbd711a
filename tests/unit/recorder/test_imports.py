"""The recorder runs on a developer's machine: it carries nothing of the server with it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from tests.e2e.server import ROOT

MODULES = sorted(f"app.recorder.{path.stem}" for path in (ROOT / "app" / "recorder").glob("[a-z]*.py"))


@pytest.mark.parametrize("program", ["app.cli.record", *MODULES])
def test_no_part_of_the_server_is_loaded(program: str) -> None:
    text = f"import {program}, json, sys; print(json.dumps(sorted(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = set(json.loads(done.stdout))
    rooms = {f"app.{room}" for room in ("api", "bootstrap", "dispatch", "formats", "qa", "services", "settings", "storage")}
    assert loaded & ({"fastapi", "starlette", "uvicorn", "docker", "openai"} | rooms) == set()


def test_the_plugin_stands_on_pytest_and_the_standard_library() -> None:
    tree = ast.parse((ROOT / "pr_telemetry_pytest.py").read_text())
    names = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names | {"pytest"}


def test_a_system_without_file_locks_is_told_so_in_a_sentence() -> None:
    absent = "import sys; sys.modules['fcntl'] = None; sys.argv = ['pr-telemetry', 'record', 'status']"
    text = f"{absent}; from app.cli.main import main; main()"

    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 69
    assert done.stderr == "pr-telemetry: the recorder needs Linux or macOS: it stands on their file locks and terminals\n"
