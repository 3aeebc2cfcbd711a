"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_LIBRARIES = ("fastapi", "starlette", "uvicorn", "httptools", "uvloop", "pydantic", "pydantic-core", "rfc8785")
_FSYNCS = 200


@dataclass(frozen=True)
class Machine:
    """The machine, without its name and its paths."""

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    architecture: str
    python: str
    sqlite: str
    libraries: dict[str, str]
    filesystem: str
    fsync_ms: dict[str, float]
    """Of an append of 4 KiB with ``fdatasync``: p50, p95 and p99."""
    load_average: float
    """At the start: what else was running."""
    taken_at: str

    @property
    def host_class(self) -> str:
        """Machines of one class may be compared."""
        return f"linux-{self.architecture}-{self.cores}cpu"

    def fields(self) -> dict[str, Any]:
        """As JSON says it."""
        return asdict(self)


def describe_machine(folder: Path) -> Machine:
    """Look at this machine, and at the disk under ``folder``."""
    return Machine(
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        kernel=platform.release(),
        architecture=platform.machine(),
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        libraries={name: version(name) for name in _LIBRARIES},
        filesystem=_filesystem(folder),
        fsync_ms=_fsync_ms(folder),
        load_average=round(os.getloadavg()[0], 2),
        taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _filesystem(folder: Path) -> str:
    """The type of the mount that holds the folder: the longest mount point that it lies under."""
    kinds = {}
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if folder.resolve().is_relative_to(place):
            kinds[place] = kind
    return kinds[max(kinds, key=len)] if kinds else "unknown"


def _fsync_ms(folder: Path) -> dict[str, float]:
    path = folder / "fsync"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(_FSYNCS):
            file.write(b"x" * 4096)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - started) * 1000)
    path.unlink()
    cuts = statistics.quantiles(times, n=100)
    return {"p50": round(cuts[49], 3), "p95": round(cuts[94], 3), "p99": round(cuts[98], 3)}
