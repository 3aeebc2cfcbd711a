"""The server as it is shipped: its image, under the compose file's restrictions, re-executing the bundled session."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
SESSION = ROOT / "sample_repo" / "sessions" / "thoughtful-fix.json"
IMAGE = "pr-telemetry-api:e2e"
START_TIMEOUT_S = 60


@dataclass(frozen=True)
class Server:
    """A server that answers, and the container it runs in."""

    url: str
    token: str
    container_id: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["docker", "exec", self.container_id, *command], capture_output=True, text=True, check=False, timeout=60
        )

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=300)


class Launcher(Protocol):
    """Brings the compose file's service up and down."""

    def up(self, env: Mapping[str, str]) -> str:
        """Start it with this environment for ``${…}``; answers with the container's id."""
        ...

    def down(self, env: Mapping[str, str]) -> None:
        """Remove the container, its network and its volume."""
        ...


class Compose:
    """The real thing."""

    def __init__(self, command: list[str], project: str, env_file: Path) -> None:
        self._command = [*command, "--env-file", str(env_file), "-p", project, "-f", str(ROOT / "docker-compose.yml")]

    def up(self, env: Mapping[str, str]) -> str:
        _run([*self._command, "up", "-d", "--no-build"], env)
        return _run([*self._command, "ps", "-q", "api"], env)

    def down(self, env: Mapping[str, str]) -> None:
        _run([*self._command, "down", "--volumes", "--timeout", "5"], env)


class PlainDocker:
    """The flags that the compose file stands for, where no compose is installed."""

    def __init__(self, project: str) -> None:
        self._name = project
        self._volume = f"{project}_data"

    def up(self, env: Mapping[str, str]) -> str:
        text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
        service = yaml.safe_load(_interpolate(text, env))["services"]["api"]
        return _run(["docker", "run", "-d", "--name", self._name, *self._flags(service), service["image"]], env)

    def down(self, env: Mapping[str, str]) -> None:
        for command in (["docker", "rm", "--force", self._name], ["docker", "volume", "rm", "--force", self._volume]):
            subprocess.run(command, capture_output=True, check=False, env=env, timeout=60)

    def _flags(self, service: Mapping[str, Any]) -> list[str]:
        flags = ["--init", "--read-only", f"--memory={service['mem_limit']}", f"--pids-limit={service['pids_limit']}"]
        assert service["read_only"]
        flags += [f"--env={name}" + ("" if value is None else f"={value}") for name, value in service["environment"].items()]
        flags += [f"--volume={re.sub('^data:', self._volume + ':', volume)}" for volume in service["volumes"]]
        for key, option in (("ports", "publish"), ("group_add", "group-add"), ("tmpfs", "tmpfs")):
            flags += [f"--{option}={value}" for value in service[key]]
        for key, option in (("cap_drop", "cap-drop"), ("security_opt", "security-opt")):
            flags += [f"--{option}={value}" for value in service[key]]
        return flags


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    engine_socket = _engine_socket()
    subprocess.run([ROOT / "scripts" / "build_runner_image.sh"], check=True, timeout=900)
    subprocess.run([ROOT / "scripts" / "build_api_image.sh"], check=True, timeout=900, env={**os.environ, "API_IMAGE": IMAGE})
    token, port = secrets.token_hex(16), _free_port()
    # a developer's own .env must not decide what is tested
    no_settings = tmp_path_factory.mktemp("compose") / "empty.env"
    no_settings.touch()
    launcher = _launcher(f"pr-telemetry-e2e-{secrets.token_hex(4)}", no_settings)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "API_IMAGE": IMAGE,
        "API_TOKEN": token,
        "PORT": str(port),
        "DOCKER_SOCKET": str(engine_socket),
        "DOCKER_GID": str(engine_socket.stat().st_gid),
        "JUDGE": "heuristic",
        **{name: os.environ[name] for name in ("DOCKER_HOST", "RUNNER_IMAGE") if name in os.environ},
    }
    try:
        server = Server(f"http://127.0.0.1:{port}", token, launcher.up(env))
        _wait_until_healthy(server)
        yield server
    finally:
        launcher.down(env)


def test_the_server_does_not_run_as_root(server: Server) -> None:
    assert server.run("id", "-u").stdout.strip() == "10001"


def test_the_server_holds_no_capability_and_can_gain_none(server: Server) -> None:
    status = server.run("cat", "/proc/1/status").stdout

    assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.MULTILINE)


def test_nothing_but_data_and_tmp_can_be_written(server: Server) -> None:
    mounts = [line.split() for line in server.run("cat", "/proc/mounts").stdout.splitlines()]
    options_of_root = next(options.split(",") for _, target, _, options, *_ in mounts if target == "/")

    assert "ro" in options_of_root
    assert server.run("touch", "/srv/pr-telemetry/app/planted.py").returncode != 0
    assert server.run("touch", "/data/written", "/tmp/written").returncode == 0


def test_memory_and_processes_are_limited(server: Server) -> None:
    host_config = json.loads(_run(["docker", "inspect", "--format", "{{json .HostConfig}}", server.container_id]))

    assert host_config["Memory"] == 2 * 1024**3
    assert host_config["PidsLimit"] == 256


def test_the_image_calls_itself_healthy(server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    state = ""
    while state != "healthy" and time.monotonic() < deadline:
        state = _run(["docker", "inspect", "--format", "{{.State.Health.Status}}", server.container_id])
        time.sleep(0.2)

    assert state == "healthy"


def test_the_image_holds_what_the_recorder_hands_out(server: Server) -> None:
    program = (
        "import pathlib; from app.recorder.plugin import lay_out_plugin; from app.recorder.state import StateFolder; "
        "folder = StateFolder(pathlib.Path('/tmp/recording')); folder.path.mkdir(); lay_out_plugin(folder); "
        "print(sorted(path.name for path in folder.plugin.iterdir()))"
    )

    done = server.run("python", "-c", program)

    assert done.stdout.strip() == "['pr_telemetry_pytest-1.dist-info', 'pr_telemetry_pytest.py']", done.stderr


def test_a_stranger_without_the_token_is_refused(server: Server) -> None:
    assert httpx.get(f"{server.url}/traces/any").status_code == 401


def test_the_bundled_session_is_re_executed(server: Server) -> None:
    session = json.loads(SESSION.read_text(encoding="utf-8"))

    with server.client() as client:
        created = client.post("/traces", json=session)
        assert created.status_code == 201, created.text
        finalized = client.post(f"/traces/{created.json()['trace_id']}/finalize")

    assert finalized.status_code == 200, finalized.text
    qa_results = finalized.json()["qa_results"]
    assert qa_results["verification"]["verdict"] == "fixed", qa_results["verification"]
    assert qa_results["tests_passed"] is True


def _launcher(project: str, env_file: Path) -> Launcher:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0:
            return Compose(command, project, env_file)
    return PlainDocker(project)


def _engine_socket() -> Path:
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    path = Path(host.removeprefix("unix://"))
    if not host.startswith("unix://") or not stat.S_ISSOCK(path.stat().st_mode):
        pytest.skip(f"the engine at {host} has no socket here that a container could be given")
    return path.resolve()


def _wait_until_healthy(server: Server) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{server.url}/health", timeout=2).json() == {"status": "healthy"}:
                return
        except (httpx.HTTPError, json.JSONDecodeError):
            time.sleep(0.2)
    logs = subprocess.run(["docker", "logs", server.container_id], capture_output=True, text=True, check=False)
    pytest.fail(f"/health did not answer within {START_TIMEOUT_S} s; the container's log:\n{logs.stdout}{logs.stderr}")


def _interpolate(text: str, env: Mapping[str, str]) -> str:
    """``${NAME}``, ``${NAME:-default}`` and ``${NAME:?message}``, outside of comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return re.sub(
        r"\$\{(\w+)(?::([-?])([^}]*))?\}",
        lambda match: env.get(match[1]) or (match[3] if match[2] == "-" else ""),
        "\n".join(lines),
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _run(command: list[str], env: Mapping[str, str] | None = None) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
    assert finished.returncode == 0, f"{command}:\n{finished.stdout}{finished.stderr}"
    return finished.stdout.strip()
