"""``compare``: two traces side by side."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from app.cli.client import client_of
from app.cli.compare import command
from app.errors import NotFoundError
from tests.builders import a_session, an_edit
from tests.unit.cli.conftest import STORED

GOLDEN = STORED.parent / "commands" / "compare-finalized-1-open-1.txt"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_two_traces_are_compared_as_they_always_were() -> None:
    result = run("finalized-1", "open-1", "--data-dir", str(STORED))

    assert result.exit_code == 0
    assert result.output == GOLDEN.read_text()


def test_a_trace_is_like_itself() -> None:
    shown = run("finalized-1", str(STORED / "traces" / "finalized-1.json"), "--data-dir", str(STORED)).output

    assert [line for line in shown.splitlines() if line.startswith("*")] == []
    assert "fixed" in shown


def test_json_holds_both(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(a_session(events=[an_edit(minute=1), an_edit("b.py", minute=2)])))

    compared = json.loads(run("finalized-1", str(path), "--data-dir", str(STORED), "--json").output)

    assert compared["first"]["session"]["verdict"] == "fixed"
    assert compared["first"]["reasoning"]["reasoning-5 depth"] == 0.25
    assert compared["second"]["work"] == {
        "events": 2, "edits": 2, "files edited": 2, "lines changed": 4, "commands": 0, "test runs": 0, "minutes": 1.0,
    }  # fmt: skip
    assert compared["second"]["tests"] == {}


def test_a_server_is_asked_for_both(server: str) -> None:
    client = client_of(server)
    client.post("/traces", a_session(trace_id="a", bug_id="1"))
    client.post("/traces", a_session(trace_id="b", developer_id="another"))

    shown = run("a", "b", "--server", server).output

    assert [line.split()[1] for line in shown.splitlines() if line.startswith("*")] == ["trace", "developer"]


def test_one_that_is_not_there_is_not_found() -> None:
    assert isinstance(run("finalized-1", "nowhere", "--data-dir", str(STORED)).exception, NotFoundError)
    assert run("finalized-1").exit_code == 2
