"""Trees and runs for the tests that use a real sandbox."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

import docker

from app.qa.base import RunResult, RunSpec, TreeFile
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.sandbox.engine import Engine
from app.qa.sandbox.profile import OWNER_LABEL, SandboxProfile

MIB = 1 << 20


@dataclass(frozen=True)
class FileTree:
    """A tree from a mapping."""

    contents: Mapping[str, bytes] = field(default_factory=dict)
    executable: frozenset[str] = frozenset()

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        for path, content in self.contents.items():
            yield TreeFile(path, len(content), io.BytesIO(content), path in self.executable)


class Zeros(io.RawIOBase):
    """So many zeros, made when they are read."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]  # as much of a buffer as is used here
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


@dataclass(frozen=True)
class ZeroTree:
    """One large file; ``short_bytes`` are missing at its end."""

    size_bytes: int
    short_bytes: int = 0

    def files(self) -> Iterator[TreeFile]:
        """Every file once."""
        content = cast(BinaryIO, io.BufferedReader(Zeros(self.size_bytes - self.short_bytes)))
        yield TreeFile("zeros.bin", self.size_bytes, content)


def shell(sandbox: DockerSandbox, script: str, **spec: object) -> RunResult:
    return sandbox.run(replace(RunSpec(("sh", "-c", script), FileTree()), **spec))  # type: ignore[arg-type]


def python(sandbox: DockerSandbox, program: str, **spec: object) -> RunResult:
    return sandbox.run(replace(RunSpec(("python3", "-c", program), FileTree()), **spec))  # type: ignore[arg-type]


def said(result: RunResult) -> str:
    return result.output_head.decode()


def containers_of(engine: Engine, profile: SandboxProfile) -> list[str]:
    return [found.name for found in engine.containers(f"{OWNER_LABEL}={profile.owner}")]


@contextmanager
def starts(profile: SandboxProfile) -> Iterator[Iterator[object]]:
    """One item for each container of the profile that starts from here on."""
    client = docker.APIClient(timeout=60)
    # the engine may begin to listen after it has answered: it is asked for what it remembers, too
    wanted = {"label": f"{OWNER_LABEL}={profile.owner}", "event": "start"}
    events = client.events(since=int(time.time()) - 1, filters=wanted, decode=True)
    try:
        yield iter(events)
    finally:
        events.close()
        client.close()
