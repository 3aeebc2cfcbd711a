"""Exchange: imports beside bare parsing and bare ingest, exports beside bare copying, and the memory that both take."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.exchange_tasks import EVENTS_PER_SESSION, EVENTS_PER_TRACE, Done
from benchmarks.measure import spread
from benchmarks.processes import ROOT
from benchmarks.results import Ratio, Result, ratio
from benchmarks.workloads.base import Scale

_MIB = 1 << 20
_INHERITED = ("PATH", "HOME", "LANG")
_MOST_GROWTH = 1.1
IN, IN_TENTH, OUT, OUT_TENTH = "import", "import, a tenth", "export", "export, a tenth"

Samples = Mapping[str, Sequence[Done]]


@dataclass(frozen=True)
class _Side:
    """A task with its arguments. What it writes is removed after it."""

    task: str
    arguments: tuple[str | Path, ...]
    writes: Path | None = None


def run(folder: Path, scale: Scale) -> Result:
    """Every side once in each repetition, in a process of its own, each time another one first."""
    sessions, traces = (100, 500) if scale.is_quick else (1_000, 10_000)
    result = Result("exchange", f"import of {sessions:,} sessions, export of {traces:,} traces", scale.repetitions)
    sides = _made(folder, sessions, traces)
    taken: dict[str, list[Done]] = {name: [] for name in sides}
    for repetition in range(scale.repetitions):
        for name in _rotated(list(sides), repetition):
            taken[name].append(_measured(sides[name]))
    result.ratios += ratios_of(taken)
    result.notes += notes_of(taken)
    return result


def ratios_of(taken: Samples) -> list[Ratio]:
    """Ours beside the least that could do, repetition by repetition, and memory with everything beside memory with a tenth."""

    def seconds(name: str) -> list[float]:
        return [done.seconds for done in taken[name]]

    def storing(name: str) -> list[float]:
        return [done.storing_s for done in taken[name]]

    def peaks(name: str) -> list[float]:
        return [float(done.peak_bytes) for done in taken[name]]

    return [
        ratio("reading ÷ json.loads of every line", seconds("read"), seconds("parse")),
        ratio("storing ÷ ingest of the same traces", storing(IN), storing("ingest")),
        ratio("export of jsonl ÷ copying the same documents", seconds(OUT), seconds("copy")),
        ratio("import: peak memory ÷ that with a tenth", peaks(IN), peaks(IN_TENTH), at_most=_MOST_GROWTH),
        ratio("export: peak memory ÷ that with a tenth", peaks(OUT), peaks(OUT_TENTH), at_most=_MOST_GROWTH),
    ]


def notes_of(taken: Samples) -> list[str]:
    """Rates, and memory in MiB."""
    session, trace = _mean_kib(taken[IN]), _mean_kib(taken[OUT])
    rates = [(name, _rates(taken[name], unit)) for name, unit in (("read", "sessions"), (IN, "sessions"), (OUT, "traces"))]
    return [
        f"a session: {EVENTS_PER_SESSION} events, {session} KiB; a trace: {EVENTS_PER_TRACE} events, {trace} KiB",
        *(f"{name}: {told}" for name, told in rates),
        f"import: {_memory(taken[IN], taken[IN_TENTH])} for each further session",
        f"export: {_memory(taken[OUT], taken[OUT_TENTH])} for each further trace",
    ]


def _made(folder: Path, sessions: int, traces: int) -> dict[str, _Side]:
    """What is imported and exported, and the sides that do it."""
    source, full, tenth = folder / "sessions", folder / "traces", folder / "traces-tenth"
    _measured(_Side("make-sessions", (source, str(sessions))))
    _measured(_Side("make-traces", (full, str(traces))))
    _measured(_Side("make-traces", (tenth, str(traces // 10))))
    every, few, scratch = str(sessions), str(sessions // 10), folder / "scratch"
    return {
        "parse": _Side("parse", (source, every)),
        "read": _Side("read", (source, every)),
        IN: _Side("import", (source, every, scratch), scratch),
        "ingest": _Side("ingest", (source, every, scratch), scratch),
        IN_TENTH: _Side("import", (source, few, scratch), scratch),
        OUT: _Side("export", (full, scratch), scratch),
        "copy": _Side("copy", (full, scratch), scratch),
        OUT_TENTH: _Side("export", (tenth, scratch), scratch),
    }


def _measured(side: _Side) -> Done:
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    command = [sys.executable, "-m", "benchmarks.exchange_tasks", side.task, *map(str, side.arguments)]
    ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    if side.writes is not None:
        _remove(side.writes)
    return Done(**json.loads(ran.stdout))


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _rotated(names: Sequence[str], repetition: int) -> list[str]:
    start = repetition % len(names)
    return [*names[start:], *names[:start]]


def _mean_kib(taken: Sequence[Done]) -> int:
    return round(taken[0].size_bytes / taken[0].items / 1024)


def _rates(taken: Sequence[Done], unit: str) -> str:
    items = spread([done.items / done.seconds for done in taken])
    speed = spread([done.size_bytes / _MIB / done.seconds for done in taken])
    return f"{items.median:,.0f} {unit} a second ({items.low:,.0f}–{items.high:,.0f}), {speed.median:,.1f} MiB/s"


def _memory(all_of_it: Sequence[Done], tenth: Sequence[Done]) -> str:
    grown = [
        (one.peak_bytes - other.peak_bytes) / (one.items - other.items) / 1024
        for one, other in zip(all_of_it, tenth, strict=True)
    ]
    peak = spread([done.peak_bytes / _MIB for done in all_of_it])
    return f"peak memory {peak.median:.0f} MiB ({peak.low:.0f}–{peak.high:.0f}), {spread(grown).median:.1f} KiB"
