"""What integration tests need of the machine. Where it is absent they are skipped with the reason; with CI=true they fail."""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import DEFAULT_IMAGE, SandboxProfile
from tests.integration.sandbox_runs import MIB, containers_of
from tests.integration.wire import Wire


@pytest.fixture(scope="session")
def runner_image() -> str:
    """The name of an image that the container engine has: ``RUNNER_IMAGE``, or the default one."""
    return an_image_that_is_here(os.environ.get("RUNNER_IMAGE", DEFAULT_IMAGE))


@pytest.fixture(scope="session")
def node_image() -> str:
    """The name of an image with Node.js that the container engine has: ``RUNNER_NODE_IMAGE``, or what ``make nodeimage``
    makes."""
    return an_image_that_is_here(os.environ.get("RUNNER_NODE_IMAGE", "pr-telemetry-runner-node:1"))


def an_image_that_is_here(image: str) -> str:
    state = DockerSandbox(SandboxProfile(owner="tests", image=image)).state()
    if not state.ready:
        absent = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        absent(f"needs a container engine with the image {image}: {state.reason}")
    return image


@pytest.fixture
def profile(runner_image: str) -> SandboxProfile:
    """Small bounds, and an owner that no other test has."""
    return SandboxProfile(
        owner=f"test-{uuid.uuid4().hex}",
        image=runner_image,
        memory_bytes=256 * MIB,
        work_bytes=64 * MIB,
        tmp_bytes=32 * MIB,
        timeout_s=60,
    )


@pytest.fixture
def engine() -> Iterator[Engine]:
    """The engine itself, to look behind the sandbox."""
    with Engine(timeout_s=30) as engine:
        yield engine


@pytest.fixture
def sandbox(profile: SandboxProfile, engine: Engine) -> Iterator[DockerSandbox]:
    """A sandbox whose test fails if it leaves a container behind."""
    yield DockerSandbox(profile)

    assert containers_of(engine, profile) == []


@pytest.fixture
def wire() -> Iterator[Wire]:
    """A way to the real engine that can be cut."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if not host.startswith("unix://"):
        pytest.skip("needs an engine on a local socket, to stand between")
    with tempfile.TemporaryDirectory() as folder:
        wire = Wire(Path(folder) / "engine", host.removeprefix("unix://"))
        yield wire
        wire.cut()
