"""A sandbox without an engine: every answer is a value, with the reason."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.qa.base import RunSpec, TreeFile
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine, EngineUnavailableError
from app.qa.sandbox.profile import SandboxProfile

PROFILE = SandboxProfile(owner="test", engine_timeout_s=5)
NOBODY = "tcp://127.0.0.1:1"


class NoFiles:
    """An empty tree."""

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        return iter(())


def a_sandbox(host: str) -> DockerSandbox:
    return DockerSandbox(PROFILE, environment={"DOCKER_HOST": host})


@pytest.mark.parametrize("host", [NOBODY, "unix:///nonexistent/docker.sock", "nonsense://", "ssh://nobody@127.0.0.1:1"])
def test_without_an_engine_nothing_runs_and_nothing_raises(host: str) -> None:
    sandbox = a_sandbox(host)

    result = sandbox.run(RunSpec(("true",), NoFiles()))

    assert result.kind == "could_not_run"
    assert host.split("/")[0] in (result.reason or "")
    assert sandbox.state().ready is False
    assert sandbox.state().reason == result.reason
    assert sandbox.image().digest is None
    assert sandbox.sweep() == 0


def test_an_absent_engine_is_named_with_what_to_do() -> None:
    assert a_sandbox(NOBODY).state().reason == f"no container engine answers at {NOBODY}: start it, or set DOCKER_HOST"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_a_socket_that_is_not_for_this_user_is_named(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(0)

        assert "may not use the container engine" in (a_sandbox(f"unix://{path}").state().reason or "")


def test_an_engine_that_never_answers_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "engine"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        with pytest.raises(EngineUnavailableError, match="did not answer within"):
            Engine(timeout_s=0.2, environment={"DOCKER_HOST": f"unix://{path}"})


def test_limits_are_known_without_an_engine() -> None:
    assert a_sandbox(NOBODY).limits.pids == PROFILE.pids
