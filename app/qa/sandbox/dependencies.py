"""Images with the dependencies that traces declare: one for each set, made once, out of wheels alone.

The server downloads the wheels, from its operator's index or folder, and runs nothing of them: source distributions, whose
building is running code, are refused. A container without a network unpacks them into a folder of their own, and becomes the
image.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from app.qa.base import RunSpec, Sandbox
from app.qa.images import DEPENDENCIES, ImageError
from app.qa.sandbox.bundle import bundle
from app.qa.sandbox.engine import Engine, EngineUnavailableError
from app.qa.sandbox.profile import DEADLINE_LABEL, LABEL, OWNER_LABEL, SandboxProfile
from app.qa.sandbox.session import new_name
from app.qa.trees import EmptyTree
from app.utils.clock import Clock, utc_now

REPOSITORY = "pr-telemetry-deps"
IMAGE_LABEL = "pr-telemetry.dependencies"
"""On every image that was made here."""

_log = logging.getLogger(__name__)
_FORMAT = "1"
_WHEELS = "/opt/pr-telemetry/wheels"
_WHEEL_NAME = re.compile(r"^[A-Za-z0-9._!+-]+\.whl$")
_LEFT_TO_THE_IMAGE = ("pytest", "_pytest", "py", "pluggy", "iniconfig")
"""The test runner and what it stands on: the image's own runs the tests."""
_ASK = (
    "import json, platform, sys; print(json.dumps([sys.version_info[:2], sys.implementation.name, platform.machine(), "
    "platform.libc_ver()]))"
)
_OF_THE_SYSTEM = frozenset({"PATH", "HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY",
                            "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"})  # fmt: skip


@dataclass(frozen=True)
class WheelSource:
    """Where wheels come from, and how much of them is taken."""

    folder: Path | None = None
    """The operator's folder of wheels; pip's own configuration where it is left out."""
    timeout_s: float = 300.0
    """For getting them, and again for unpacking them."""
    packed_bytes: int = 1024 * 1024 * 1024
    unpacked_bytes: int = 2 * 1024 * 1024 * 1024
    most: int = 300
    """How many wheels one set may come to."""


class WheelImages:
    """See ``DependencyImages``. Any number of threads may use one object at the same time; one image is made at a time."""

    def __init__(
        self, sandbox: Sandbox, profile: SandboxProfile, source: WheelSource, most_images: int, clock: Clock = utc_now
    ) -> None:
        """``sandbox`` tells what an image has; of ``profile`` it is the owner and the bounds that count."""
        self._sandbox = sandbox
        self._profile = profile
        self._source = source
        self._most_images = most_images
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}

    def find_or_make(self, requirements: Sequence[str], base: str | None) -> str:
        """See ``DependencyImages.find_or_make``."""
        pinned = sorted({_normal(line) for line in requirements})
        ground = self._sandbox.image(base)
        if ground.digest is None:
            raise ImageError(f"the image {ground.name} is not here, or no engine answers, so nothing can be added to it")
        key = hashlib.sha256(json.dumps([_FORMAT, ground.digest, pinned]).encode()).hexdigest()[:32]
        name = f"{REPOSITORY}:{key}"
        with self._lock:
            try:
                if self._sandbox.image(name).digest is None:
                    self._make(name, ground.digest, pinned, base)
            except EngineUnavailableError as error:
                raise ImageError(f"the image for the declared dependencies could not be made: {error.detail}") from error
            self._used[name] = time.monotonic()
            self._drop_the_oldest()
        return name

    def _make(self, name: str, ground: str, pinned: Sequence[str], base: str | None) -> None:
        platform = self._platform(base)
        with tempfile.TemporaryDirectory(prefix="pr-telemetry-wheels-") as folder:
            wheels = self._download(Path(folder), pinned, platform)
            with tempfile.TemporaryFile() as packed:
                _pack(wheels, packed)
                packed.seek(0)
                self._unpack(name, ground, packed)
        _log.info("An image with dependencies was made", extra={"image": name, "packages": len(wheels)})

    def _platform(self, base: str | None) -> list[str]:
        """pip's options for wheels that fit the image."""
        result = self._sandbox.run(RunSpec(("python3", "-c", _ASK), EmptyTree(), image=base))
        try:
            (major, minor), implementation, machine, (libc, version) = json.loads(result.output_head)
        except ValueError as error:
            raise ImageError(f"the image does not tell which Python it has: {result.reason or result.kind}") from error
        if implementation != "cpython" or libc != "glibc":
            raise ImageError("dependencies can be added to images with CPython and glibc only")
        newest = int(str(version).split(".")[1])
        tags = [f"manylinux_2_{number}" for number in range(newest, 4, -1)] + [
            "manylinux2014",
            "manylinux2010",
            "manylinux1",
            "linux",
        ]
        return [
            "--implementation",
            "cp",
            "--python-version",
            f"{major}.{minor}",
            *(f"--platform={tag}_{machine}" for tag in tags),
        ]

    def _download(self, folder: Path, pinned: Sequence[str], platform: Sequence[str]) -> list[Path]:
        wanted = folder / "requirements.txt"
        wanted.write_text("".join(f"{line}\n" for line in pinned), encoding="ascii")
        wheels = folder / "wheels"
        command = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "--no-input",
            "download",
            "--quiet",
            "--no-cache-dir",
        ]
        command += ["--only-binary=:all:", "--dest", str(wheels), "--requirement", str(wanted), *platform]
        if self._source.folder is not None:
            command += ["--isolated", "--no-index", "--find-links", str(self._source.folder)]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=pip_environment(os.environ, folder, own_index=self._source.folder is None),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self._source.timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ImageError(f"the declared dependencies were not there within {self._source.timeout_s:g} s") from None
        if done.returncode != 0:
            raise ImageError(f"the declared dependencies cannot be had as wheels: {_last_line(done.stderr)}")
        return self._checked(wheels)

    def _checked(self, folder: Path) -> list[Path]:
        wheels = sorted(folder.iterdir())
        strange = [path.name for path in wheels if not _WHEEL_NAME.match(path.name) or not path.is_file() or path.is_symlink()]
        if strange:
            raise ImageError(f"{strange[0]} is no wheel")
        if len(wheels) > self._source.most or sum(path.stat().st_size for path in wheels) > self._source.packed_bytes:
            raise ImageError(f"the declared dependencies come to {len(wheels)} packages, which is too much")
        return wheels

    def _unpack(self, name: str, ground: str, packed: IO[bytes]) -> None:
        container = new_name()
        with Engine(self._source.timeout_s, None) as engine:
            try:
                engine.create(container, self._container_options(ground), self._host_options())
                engine.put_files(container, "/", packed)  # type: ignore[arg-type]  # a file is read piece by piece
                engine.start(container)
                ended = engine.wait(container, self._source.timeout_s)
                if ended is None or ended.exit_code != 0:
                    raise ImageError(
                        f"the declared dependencies cannot be unpacked: {_last_line(engine.logs(container).encode())}"
                    )
                repository, _, tag = name.partition(":")
                engine.commit(container, repository, tag, {"Cmd": ["python3"], "Labels": {IMAGE_LABEL: tag}})
            finally:
                engine.remove(container)

    def _container_options(self, ground: str) -> dict[str, Any]:
        order = {
            "wheels": _WHEELS,
            "target": DEPENDENCIES,
            "limit_bytes": self._source.unpacked_bytes,
            "left_to_the_image": list(_LEFT_TO_THE_IMAGE),
        }
        removable_from = self._clock() + timedelta(seconds=2 * self._source.timeout_s)
        return {
            "image": ground,
            "entrypoint": ["python3", "-I", "-c", bundle("install_wheels"), json.dumps(order)],
            # The folder belongs to the image, and nobody who runs in it later can write to it
            "user": "0:0",
            "labels": {
                LABEL: "1",
                OWNER_LABEL: self._profile.owner,
                DEADLINE_LABEL: str(int(removable_from.timestamp()) + 1),
            },
            "use_config_proxy": False,
        }

    def _host_options(self) -> dict[str, Any]:
        return {
            "network_mode": "none",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "mem_limit": self._profile.memory_bytes,
            "memswap_limit": self._profile.memory_bytes,
            "pids_limit": self._profile.pids,
            "runtime": self._profile.runtime,
        }

    def _drop_the_oldest(self) -> None:
        """Those that nobody has asked for the longest, the ones from before this process first."""
        with Engine(self._profile.engine_timeout_s, None) as engine:
            images = [name for name in engine.images(IMAGE_LABEL) if name.startswith(f"{REPOSITORY}:")]
            # stable: of those that were not used here, the newest first
            images.sort(key=lambda name: self._used.get(name, 0.0), reverse=True)
            for name in images[self._most_images :]:
                engine.remove_image(name)


def _normal(requirement: str) -> str:
    name, _, version = requirement.partition("==")
    return f"{re.sub(r'[-_.]+', '-', name).lower()}=={version}"


def pip_environment(own: Mapping[str, str], folder: Path, *, own_index: bool) -> dict[str, str]:
    """Nothing of the server's secrets; pip's own settings where the operator's index is to be asked."""
    kept = {name: value for name, value in own.items() if name in _OF_THE_SYSTEM or (own_index and name.startswith("PIP_"))}
    return {**kept, "TMPDIR": str(folder), **({} if own_index else {"PIP_CONFIG_FILE": os.devnull})}


def _pack(wheels: Sequence[Path], sink: IO[bytes]) -> None:
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in wheels:
            info = tarfile.TarInfo(f"{_WHEELS.lstrip('/')}/{path.name}")
            info.size, info.mode = path.stat().st_size, 0o644
            with path.open("rb") as content:
                archive.addfile(info, content)


def _last_line(output: bytes) -> str:
    lines = [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]
    return (lines or ["no reason was given"])[-1][:300]
