from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from app.cli.doctor import command


@pytest.fixture(autouse=True)
def _no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")


def test_a_sandbox_that_is_not_there_is_not_well() -> None:
    result = CliRunner().invoke(command, ["--sandbox", "--json"])

    assert result.exit_code == 1
    (check,) = (json.loads(line) for line in result.output.splitlines())
    assert (check["name"], check["state"], check["is_well"]) == ("sandbox", "not ready", False)
    assert "DOCKER_HOST" in check["detail"]


def test_without_an_attack_nothing_is_said_to_be_stopped() -> None:
    result = CliRunner().invoke(command, [])

    assert "not ready" in result.output
    assert "stopped" not in result.output
