"""The commands as a user runs them, one after the other, on a server in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.demo import SAMPLE_REPO
from tests.builders import a_session, a_thought
from tests.e2e.server import ROOT, TOKEN, Server, a_server_process

SESSIONS = SAMPLE_REPO / "sessions"


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def server(data_dir: Path, tmp_path: Path) -> Iterator[Server]:
    """Without an engine: whatever is submitted is inconclusive, and quickly so."""
    with a_server_process(data_dir, DOCKER_HOST=f"unix://{tmp_path}/no-engine.sock") as running:
        yield running


def app(*arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "DOCKER_HOST", "RUNNER_IMAGE")}
    command = [sys.executable, "-m", "app", *map(str, arguments)]
    environment = {**kept, "API_TOKEN": TOKEN, **settings}
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def test_from_a_file_to_a_comparison(server: Server, data_dir: Path) -> None:
    where = ("--server", server.url)

    submitted = app("submit", SESSIONS, "--workspace", SAMPLE_REPO, *where)
    again = app("submit", SESSIONS, "--workspace", SAMPLE_REPO, *where)
    finalized = app("finalize", "sample-careless-success", "sample-failed-attempt", *where)
    listed = app("list", "--status", "finalized", "--sort", "start_time", "--json", *where)
    shown = app("show", "sample-careless-success", *where)
    compared = app("compare", "sample-careless-success", "sample-failed-attempt", *where)

    ran = (submitted, again, finalized, listed, shown, compared)
    assert [(one.returncode, one.stderr) for one in ran] == [(0, "")] * len(ran)
    assert submitted.stdout.count("stored, with workspace") == 3
    assert again.stdout.count("was there already") == 3
    assert finalized.stdout.count("inconclusive") == 2
    found = [json.loads(line)["trace_id"] for line in listed.stdout.splitlines()]
    assert sorted(found) == ["sample-careless-success", "sample-failed-attempt"]
    assert "\x1b" not in shown.stdout + compared.stdout


def test_an_import_over_a_server_keeps_what_each_artifact_is(server: Server) -> None:
    folder = ROOT / "tests" / "data" / "samples" / "swe-bench"
    predictions, instances = folder / "all_preds.jsonl", folder / "swe-bench-dev-easy-first-only.json"
    facts = {"branch": "main", "commit_after": "c1d2e3f", "test_command": "python -m pytest -q"}
    options = [word for name, value in facts.items() for word in (f"--{name.replace('_', '-')}", value)]

    command = ["import", str(predictions), "--instances", str(instances), *options, "--server", server.url, "--json"]
    (stored,), (again,) = (json.loads(app(*command).stdout)["sessions"] for _ in range(2))
    with server.client() as client:
        artifacts = client.get(f"/traces/{stored['trace_id']}/artifacts").json()

    assert (stored["status"], again["status"]) == ("stored", "unchanged")
    assert {name: ref["kind"] for name, ref in artifacts.items()} == {
        "final.patch": "patch",
        "gold": "gold_patch",
        "test_changes": "tests_patch",
        "tests.json": "test_list",
    }


def test_beside_a_running_server_the_directory_says_what_the_server_says(server: Server, data_dir: Path) -> None:
    app("submit", SESSIONS, "--server", server.url).check_returncode()

    for command in (("list", "--sort", "start_time"), ("show", "sample-failed-attempt"), ("list", "--json", "-q", "heap")):
        beside, asked = app(*command, "--data-dir", data_dir), app(*command, "--server", server.url)
        assert beside.returncode == asked.returncode == 0
        assert beside.stdout == asked.stdout


def test_a_trace_that_grows_meanwhile_is_read_whole(server: Server, data_dir: Path) -> None:
    with server.client() as client:
        client.post("/traces", json=a_session()).raise_for_status()
        for number in range(5):
            event = a_thought(f"thought {number}", number)
            client.post("/traces/t-1/events", json={"events": [event]}).raise_for_status()
            shown = app("show", "t-1", "--data-dir", data_dir).stdout
            assert [at for at in range(10) if f"thought {at}" in shown] == list(range(number + 1))


def test_what_a_user_gets_wrong_has_its_exit_code(server: Server, tmp_path: Path) -> None:
    where = ("--server", server.url)
    (tmp_path / "bad.json").write_text("{}")

    assert app("list", *where, API_TOKEN="wrong").returncode == 77
    assert app("show", "nowhere", *where).returncode == 66
    assert app("submit", tmp_path / "bad.json", *where).returncode == 65
    assert app("finalize", "nowhere", *where).returncode == 66
    assert app("list", "--server", "http://127.0.0.1:9").returncode == 69
    assert app("list", "--server", "127.0.0.1").returncode == 78
    assert app("list", "--data-dir", tmp_path).returncode == 78
    assert app("list", "--colour").returncode == 2


@pytest.mark.docker
@pytest.mark.slow
def test_the_demo_checks_itself(tmp_path: Path) -> None:
    checked = app("demo", "check", "--json", "--data-dir", tmp_path / "data")
    compared = app("demo", "compare", "--data-dir", tmp_path / "data")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = {line["what"]: line["is_fine"] for line in map(json.loads, checked.stdout.splitlines())}
    assert set(found.values()) == {True}
    assert {"sandbox", "verdict of failed-attempt", "seal of thoughtful-fix", "data directory"} <= set(found)
    assert compared.returncode == 0, compared.stderr
    assert "sample-careless-success" in compared.stdout
