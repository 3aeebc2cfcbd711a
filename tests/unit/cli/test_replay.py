"""``replay`` on the command line, without an engine: edits are checked all the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.replay import command
from app.errors import InvalidError, SettingsError, TraceNotFoundError
from app.settings import Settings
from app.storage.layout import Layout
from app.storage.lock import DataDirLock
from tests.builders import a_session, a_tar
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox
from tests.replaying import a_change, a_result

HONEST, FALSE = a_change("a.py", b"a\n", b"b\n"), a_change("a.py", b"x\n", b"y\n")


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def workspace(tmp_path: Path) -> str:
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "a.py").write_text("a\n")
    return str(folder)


def a_file(folder: Path, *events: dict[str, Any], name: str = "session.json") -> str:
    path = folder / name
    path.write_text(json.dumps(a_session(events=list(events))))
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_an_honest_session_ends_with_0(tmp_path: Path, workspace: str) -> None:
    result = run(a_file(tmp_path, HONEST, a_result(1, 0)), "--workspace", workspace)

    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0] == "trace t-1: completed: 1 confirmed, 0 refuted, 1 unverifiable (1 runs, 0 known from before)"
    assert lines[1].split()[:4] == ["confirmed", "event", "1", "edit"]


def test_a_refuted_claim_ends_with_1(tmp_path: Path, workspace: str) -> None:
    honest, false = a_file(tmp_path, HONEST), a_file(tmp_path, FALSE, name="false.json")

    assert run(honest, false, "--workspace", workspace).exit_code == 1


def test_a_session_without_its_workspace_ends_with_3(tmp_path: Path) -> None:
    result = run(a_file(tmp_path, HONEST))

    assert result.exit_code == 3
    assert "no --workspace was given" in result.output


def test_a_workspace_may_be_an_archive(tmp_path: Path) -> None:
    (tmp_path / "before.tar.gz").write_bytes(a_tar({"a.py": "a\n"}))
    (tmp_path / "after.tar").write_bytes(a_tar({"a.py": "b\n"}, gzipped=False))

    result = run(
        a_file(tmp_path, HONEST),
        "--workspace",
        str(tmp_path / "before.tar.gz"),
        "--final-workspace",
        str(tmp_path / "after.tar"),
    )

    assert result.exit_code == 0
    assert "2 confirmed" in result.output


def test_json_is_one_object_for_each_session(tmp_path: Path, workspace: str) -> None:
    result = run(a_file(tmp_path, HONEST), a_file(tmp_path, FALSE, name="b.json"), "--workspace", workspace, "--json")

    bodies = [json.loads(line) for line in result.output.splitlines()]
    assert [body["claims"][0]["status"] for body in bodies] == ["confirmed", "refuted"]
    assert all(set(body) == {"trace_id", "replay", "claims"} for body in bodies)


def test_a_trace_of_the_data_directory_is_replayed_by_its_id(settings: Settings) -> None:
    with a_server(settings, ScriptedSandbox()) as client:
        client.post("/traces", json=a_session(events=[HONEST])).raise_for_status()
        content = a_tar({"a.py": "a\n"})
        client.put("/traces/t-1/artifacts/workspace", content=content, headers={"Content-Type": "application/gzip"})

    result = run("t-1")

    assert result.exit_code == 0
    assert "1 confirmed" in result.output
    assert isinstance(run("nowhere").exception, TraceNotFoundError)


def test_a_data_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "data")
    layout.make()
    with DataDirLock(layout.lock):
        assert isinstance(run("t-1").exception, SettingsError)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"developer_id": "x"}'])
def test_what_is_no_session_is_invalid(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)

    assert isinstance(run(str(path)).exception, InvalidError)


def test_wrong_options_end_with_2(tmp_path: Path) -> None:
    assert run().exit_code == 2
    assert run(a_file(tmp_path, HONEST), "--workspace", "nowhere").exit_code == 2
    assert isinstance(run(a_file(tmp_path, HONEST), "--test-command", "a; b").exception, InvalidError)
