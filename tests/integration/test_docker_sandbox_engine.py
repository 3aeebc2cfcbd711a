"""A sandbox whose image, engine or server fails, and what is left of its containers."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import docker
import pytest

from app.qa.base import RunResult, RunSpec
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import DEADLINE_LABEL, LABEL, OWNER_LABEL, SandboxProfile
from tests.integration.sandbox_runs import MIB, FileTree, containers_of, shell, starts
from tests.integration.wire import Wire

pytestmark = pytest.mark.docker


def test_an_image_that_is_missing_is_named(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, image="pr-telemetry-runner:none"))

    result = sandbox.run(RunSpec(("true",), FileTree()))

    assert result.kind == "could_not_run"
    assert result.reason == sandbox.state().reason == "the image pr-telemetry-runner:none is not here: run `make image`"
    assert sandbox.image().digest is None


def test_a_runtime_that_is_missing_is_named(profile: SandboxProfile) -> None:
    sandbox = DockerSandbox(replace(profile, runtime="no-such-runtime"))

    result = sandbox.run(RunSpec(("true",), FileTree()))

    assert result.kind == "could_not_run"
    assert "no-such-runtime" in (result.reason or "")
    assert "no-such-runtime" in (sandbox.state().reason or "")


def test_a_container_that_does_not_start_is_removed(profile: SandboxProfile, engine: Engine) -> None:
    result = DockerSandbox(replace(profile, memory_bytes=7 * MIB)).run(RunSpec(("true",), FileTree()))

    assert result.kind in ("could_not_run", "out_of_memory")
    assert containers_of(engine, profile) == []


def test_a_container_that_an_operator_kills_says_nothing_of_its_command(
    sandbox: DockerSandbox, profile: SandboxProfile, engine: Engine
) -> None:
    found: list[RunResult] = []
    run = threading.Thread(target=lambda: found.append(shell(sandbox, "sleep 600")))
    with starts(profile) as started:
        run.start()
        next(started)
        (name,) = containers_of(engine, profile)
        subprocess.run(["docker", "kill", name], check=True, capture_output=True)
        run.join()

    assert (found[0].kind, "ended from outside" in (found[0].reason or "")) == ("could_not_run", True)


def test_the_image_has_a_digest(sandbox: DockerSandbox, runner_image: str) -> None:
    image = sandbox.image()

    assert image.name == runner_image
    assert (image.digest or "").startswith("sha256:")


def test_an_engine_that_dies_during_a_run_is_no_failed_run(profile: SandboxProfile, engine: Engine, wire: Wire) -> None:
    sandbox = DockerSandbox(profile, environment={"DOCKER_HOST": wire.host})
    results: list[RunResult] = []
    run = threading.Thread(target=lambda: results.append(shell(sandbox, "sleep 600")))

    with starts(profile) as started:
        run.start()
        next(started)
        wire.cut()
        run.join()

    assert results[0].kind == "could_not_run"
    assert "no container engine answers" in (results[0].reason or "")
    assert DockerSandbox(profile).sweep() == 1


# --- leftovers


def a_leftover(profile: SandboxProfile, owner: str, deadline: float) -> str:
    """A container as a server that died would leave it."""
    name = f"pr-telemetry-test-{uuid.uuid4().hex}"
    labels = {LABEL: "1", OWNER_LABEL: owner, DEADLINE_LABEL: str(int(deadline))}
    client = docker.from_env()
    try:
        client.containers.create(profile.image, ["true"], name=name, labels=labels)
    finally:
        client.close()
    return name


def test_a_sweep_takes_ours_and_overdue_ones_and_leaves_others(profile: SandboxProfile, engine: Engine) -> None:
    now = datetime.now(UTC)
    later, earlier = now.timestamp() + 1000, now.timestamp() - 1000
    ours = a_leftover(profile, profile.owner, later)
    overdue = a_leftover(profile, f"other-{profile.owner}", earlier)
    foreign = a_leftover(profile, f"other-{profile.owner}", later)
    try:
        removed = DockerSandbox(profile, clock=lambda: now).sweep()
        left = {found.name for found in engine.containers(LABEL)}
    finally:
        engine.remove(foreign)

    assert removed >= 2
    assert ours not in left
    assert overdue not in left
    assert foreign in left


SERVER = """
import json, sys
from app.qa.base import RunSpec
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import SandboxProfile

class NoFiles:
    def files(self):
        return iter(())

DockerSandbox(SandboxProfile(**json.loads(sys.argv[1]))).run(RunSpec(("sleep", "600"), NoFiles()))
"""


def test_a_container_ends_when_its_server_is_killed(profile: SandboxProfile, engine: Engine) -> None:
    arguments = json.dumps({"owner": profile.owner, "image": profile.image})
    with starts(profile) as started:
        server = subprocess.Popen([sys.executable, "-c", SERVER, arguments], cwd=Path(__file__).parents[2])
        try:
            next(started)
        finally:
            server.kill()
            server.wait()

    (name,) = containers_of(engine, profile)
    ended = engine.wait(name, timeout_s=60)
    swept = DockerSandbox(profile).sweep()

    assert ended is not None
    assert ended.exit_code != 0
    assert swept >= 1
    assert containers_of(engine, profile) == []
