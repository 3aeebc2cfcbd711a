"""What integration tests need of the machine. Where it is absent they are skipped with the reason; with CI=true they fail."""

from __future__ import annotations

import os

import pytest

from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.profile import DEFAULT_IMAGE, SandboxProfile


@pytest.fixture(scope="session")
def runner_image() -> str:
    """The name of an image that the container engine has: ``RUNNER_IMAGE``, or the default one."""
    image = os.environ.get("RUNNER_IMAGE", DEFAULT_IMAGE)
    state = DockerSandbox(SandboxProfile(owner="tests", image=image)).state()
    if not state.ready:
        absent = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        absent(f"needs a container engine with the runner image: {state.reason}")
    return image
