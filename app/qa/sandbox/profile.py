"""The bounds of a run, and the container that enforces them, in the engine's own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from docker.types import LogConfig, Ulimit

from app.models.qa import Limits
from app.qa.guest.protocol import WORK

DEFAULT_IMAGE = "pr-telemetry-runner:1"
HOME = "/home/runner"
LABEL = "pr-telemetry.sandbox"
"""On every container of ours."""
OWNER_LABEL = "pr-telemetry.owner"
"""The id of the data directory that the container's server serves."""
DEADLINE_LABEL = "pr-telemetry.deadline"
"""Unix time after which anybody may remove the container."""

_MIB = 1 << 20
_CPU_PERIOD_US = 100_000


@dataclass(frozen=True, kw_only=True)
class SandboxProfile:
    """How much a run may take, and where it happens."""

    owner: str
    """The id of the data directory, by which leftovers of an earlier process are known."""
    image: str = DEFAULT_IMAGE
    runtime: str | None = None
    """The engine's name of another runtime, such as ``runsc``."""
    uid: int = 1000
    gid: int = 1000
    memory_bytes: int = 2048 * _MIB
    """Of all processes together, with what they write to the writable folders. There is no swap."""
    cpus: float = 2.0
    pids: int = 256
    open_files: int = 1024
    """Per process."""
    timeout_s: float = 300.0
    """Of the command."""
    work_bytes: int = 512 * _MIB
    work_files: int = 65_536
    """Files and folders that the work folder can hold."""
    tmp_bytes: int = 256 * _MIB
    home_bytes: int = 64 * _MIB
    shm_bytes: int = 64 * _MIB
    output_head_bytes: int = 256 << 10
    output_tail_bytes: int = 768 << 10
    result_file_bytes: int = 16 * _MIB
    """Of each result file; a larger one does not come back."""
    result_files_bytes: int = 64 * _MIB
    """Of all result files of a run together."""
    records_bytes: int = 64 * _MIB
    """Of what a guest reports."""
    session_s: float = 7200.0
    """How long one container may be used."""
    idle_s: float = 14_400.0
    """How long a container that was started ahead may wait to be used."""
    transfer_s: float = 60.0
    """For bringing the tree in, and again for bringing the report out."""
    grace_s: float = 10.0
    """How long after the command's time is up the harness may take to end it, before the container is killed."""
    engine_timeout_s: float = 30.0
    """How long the engine may take for one answer."""

    @property
    def limits(self) -> Limits:
        """The bounds to tell the world."""
        return Limits(
            memory_bytes=self.memory_bytes,
            cpus=self.cpus,
            timeout_s=self.timeout_s,
            pids=self.pids,
            work_bytes=self.work_bytes,
        )

    def lifetime_s(self, timeout_s: float) -> float:
        """How long one run can take whose command may take ``timeout_s``."""
        return 2 * self.transfer_s + timeout_s + self.grace_s + 4 * self.engine_timeout_s

    @property
    def container_life_s(self) -> float:
        """How long a container can be there."""
        return self.idle_s + self.session_s + self.lifetime_s(self.timeout_s)


def container_options(profile: SandboxProfile, source: str, removable_from: datetime) -> dict[str, Any]:
    """What the engine is told of the container, but for the bounds of ``host_options``. ``source`` is the harness's text."""
    return {
        "image": profile.image,
        # no -I: it would have the interpreter overlook PYTHONHASHSEED
        "entrypoint": ["python3", "-s", "-c", source],
        "user": f"{profile.uid}:{profile.gid}",
        "hostname": "sandbox",
        "working_dir": "/",
        "environment": _environment(),
        "labels": {
            LABEL: "1",
            OWNER_LABEL: profile.owner,
            DEADLINE_LABEL: str(int(removable_from.timestamp()) + 1),
        },
        # Attached, not detached: the engine closes standard input when the server is gone
        "stdin_open": True,
        "detach": False,
        # Process 1 takes no notice of SIGTERM
        "stop_signal": "SIGKILL",
        "healthcheck": {"test": ["NONE"]},
        # The proxy settings of the engine's client may hold credentials
        "use_config_proxy": False,
    }


def host_options(profile: SandboxProfile) -> dict[str, Any]:
    """The bounds of the container. The engine's default seccomp profile and masked paths stay as they are.

    There is no ``init``: the harness is process 1, which nothing in the container can signal.
    """
    return {
        "network_mode": "none",
        "read_only": True,
        "tmpfs": _tmpfs(profile),
        "ipc_mode": "private",
        "shm_size": profile.shm_bytes,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "mem_limit": profile.memory_bytes,
        "memswap_limit": profile.memory_bytes,
        # A quota, not nano_cpus: the engine refuses nano_cpus where the machine has fewer
        "cpu_period": _CPU_PERIOD_US,
        "cpu_quota": int(profile.cpus * _CPU_PERIOD_US),
        "pids_limit": profile.pids,
        "ulimits": _ulimits(profile),
        "log_config": LogConfig(type="none", config={}),
        "runtime": profile.runtime,
        "init": False,
    }


def _environment() -> dict[str, str]:
    return {
        "HOME": HOME,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        # What is imported is the tree, and nothing that an earlier run compiled
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _tmpfs(profile: SandboxProfile) -> dict[str, str]:
    own = f"uid={profile.uid},gid={profile.gid},mode=0755"
    sealed = "rw,noexec,nosuid,nodev"
    files = profile.work_files
    return {
        WORK: f"rw,exec,nosuid,nodev,size={profile.work_bytes},nr_inodes={files},{own}",
        "/tmp": f"{sealed},size={profile.tmp_bytes},nr_inodes={files},mode=1777",  # noqa: S108 - in the container
        HOME: f"{sealed},size={profile.home_bytes},nr_inodes={files},{own}",
        # The engine's own has no bound on the number of files
        "/dev/shm": f"{sealed},size={profile.shm_bytes},nr_inodes={files},mode=1777",  # noqa: S108 - in the container
    }


def _ulimits(profile: SandboxProfile) -> list[Ulimit]:
    return [
        Ulimit(name="nofile", soft=profile.open_files, hard=profile.open_files),
        Ulimit(name="fsize", soft=profile.work_bytes, hard=profile.work_bytes),
        Ulimit(name="core", soft=0, hard=0),
    ]
