"""The attacks of ``doctor --sandbox``: stopped in the sandbox, and not in a container that is none."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace

import docker
import pytest

from app.qa.sandbox.bundle import bundle
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.probes import run_probes
from app.qa.sandbox.profile import SandboxProfile

pytestmark = pytest.mark.docker


def test_every_attack_is_stopped(profile: SandboxProfile) -> None:
    small = replace(profile, pids=64, work_files=2000)

    results = list(run_probes(DockerSandbox(small), small, frozenset({"API_TOKEN"})))

    assert [(result.name, result.state, result.detail) for result in results if not result.is_well] == []


@pytest.mark.parametrize(
    "attack",
    [
        "write_to_the_image", "run_from_scratch_folders", "become_root", "use_setuid_files", "hold_capabilities",
        "use_up_inodes", "find_secrets", "find_host_paths",
    ],
)  # fmt: skip
def test_without_walls_the_attacks_succeed(attack: str, runner_image: str) -> None:
    client = docker.from_env(timeout=60)
    volume = f"test-{uuid.uuid4().hex}"
    order = json.dumps({"attack": attack, "bounds": {"folders": {"/dev/shm": 1}, "files": 1, "settings": []}})
    try:
        said = client.containers.run(
            runner_image,
            ["-s", "-c", bundle("attacks"), order],
            entrypoint="python3",
            user="0:0",
            network_mode="none",
            environment={"API_TOKEN": "x"},
            volumes={volume: {"bind": "/mnt", "mode": "ro"}},
            remove=True,
        )
    finally:
        client.volumes.get(volume).remove()
        client.close()

    assert "achieved" in json.loads(said), said
