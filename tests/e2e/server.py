"""A real server in a process of its own, for tests that need its memory, its sockets or its death."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "e2e-token"


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def client(self, timeout_s: float = 120) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=timeout_s)

    def peak_memory_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024

    def kill(self) -> None:
        """As a crash would end it."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@contextmanager
def a_server_process(data_dir: Path, **settings: str) -> Iterator[Server]:
    """``python -m app serve`` on a free port, until the context ends."""
    environment = {
        **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "DOCKER_HOST", "RUNNER_IMAGE", "LANG")},
        "API_TOKEN": TOKEN,
        "DATA_DIR": str(data_dir),
        "JUDGE": "heuristic",
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve", "--port", "0"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        said, address = "", None
        while address is None:
            line = process.stderr.readline()
            assert line, f"the server did not start: {said}"
            said += line
            address = re.search(r"listens on http://([\d.]+):(\d+)", line)
        server = Server(process, address[1], int(address[2]))
        with httpx.Client() as probe:
            probe.get(f"{server.url}/health", timeout=60)
        yield server
    finally:
        process.terminate()
        process.wait(60)
        process.stderr.close()
