"""W1: what the last events of a long trace cost, compared with the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from benchmarks.client import Load, Request, run_load
from benchmarks.measure import Sample, alone, take
from benchmarks.processes import Server
from benchmarks.results import Result, disk_ratio, rates, ratio, row
from benchmarks.sessions import Sessions, chunk_body
from benchmarks.workloads.base import OURS, WITHOUT_REDACTION, Scale, append_requests, new_trace, servers, validate_ratios

_POOL = 2000
_WARM_UP = 500
_PARTS = 10
_OURS = (OURS, WITHOUT_REDACTION)


@dataclass
class _Growing:
    """One side, and what it did in the repetition that runs."""

    name: str
    server: Server
    requests: Sequence[Request]
    parts: list[Load]


def run(folder: Path, scale: Scale) -> Result:
    """Each repetition: a new trace on each of our servers, grown in ten parts, in turns with the references."""
    length = 2000 if scale.is_quick else 20_000
    sessions = Sessions()
    bodies = [chunk_body(sessions, 1) for _ in range(_POOL)]
    samples: dict[str, list[Sample]] = {}
    ends: dict[str, list[float]] = {}
    starts: dict[str, list[float]] = {}
    with servers(folder, ("bare-fsync", "bare-validate", "bare-validate-bytes", "do-nothing")) as running:
        for _ in range(scale.repetitions):
            sides = []
            for name, server in running.items():
                trace_id = new_trace(server.port, sessions) if name in _OURS else "bare"
                sides.append(_Growing(name, server, append_requests([trace_id], bodies), []))
            _warm_up(sides)
            taken = _grow(sides, length // _PARTS)
            for side in sides:
                samples.setdefault(side.name, []).append(taken[side.name])
                starts.setdefault(side.name, []).append(_rate(side.parts[0]))
                ends.setdefault(side.name, []).append(_rate(side.parts[-1]))
        result = Result("w1", f"one event per request, one client, one trace growing to {length:,} events", scale.repetitions)
        result.rows = [row(name, running[name], samples[name]) for name in running]
    for name, target in ((OURS, 0.95), ("bare-validate", None)):
        result.ratios.append(ratio(f"{name}: last tenth ÷ first tenth", ends[name], starts[name], at_least=target))
    for name, target in ((OURS, 0.8), (WITHOUT_REDACTION, None)):
        result.ratios.append(ratio(f"{name} ÷ bare-fsync", rates(samples[name]), rates(samples["bare-fsync"]), target))
    result.ratios += validate_ratios(OURS, samples)
    result.notes.append("bare-validate has nothing that grows: how far its tenths differ is how far the machine did")
    result.ratios.append(disk_ratio(result.rows[0]))
    return result


def _warm_up(sides: Sequence[_Growing]) -> None:
    for side in sides:
        with alone(side.server, [other.server for other in sides]):
            run_load(side.server.port, [islice(cycle(side.requests), _WARM_UP)])


def _grow(sides: Sequence[_Growing], count: int) -> dict[str, Sample]:
    """Part by part, in turns. Only our trace has to grow to its full length; of the others a quarter gives their rate."""
    taken: dict[str, list[Sample]] = {side.name: [] for side in sides}
    for part in range(_PARTS):
        start = part % len(sides)
        for side in (*sides[start:], *sides[:start]):
            run = partial(_part, side, count if side.name == OURS else count // 4)
            with alone(side.server, [other.server for other in sides]):
                taken[side.name].append(take(side.server, run, settle_s=6.0 if part == _PARTS - 1 else 0.0))
    return {name: _joined(samples) for name, samples in taken.items()}


def _part(side: _Growing, count: int) -> Load:
    load = run_load(side.server.port, [islice(cycle(side.requests), count)])
    side.parts.append(load)
    return load


def _joined(samples: Sequence[Sample]) -> Sample:
    whole = Load()
    for sample in samples:
        whole.seconds += sample.load.seconds
        whole.client_cpu_s += sample.load.client_cpu_s
        whole.requests += sample.load.requests
        whole.events += sample.load.events
        whole.event_bytes += sample.load.event_bytes
        whole.latencies_s += sample.load.latencies_s
    return Sample(
        load=whole,
        server_cpu_s=sum(sample.server_cpu_s for sample in samples),
        settled_s=max(sample.settled_s for sample in samples),
        memory_bytes=samples[-1].memory_bytes,
        disk_bytes=sum(sample.disk_bytes for sample in samples),
    )


def _rate(load: Load) -> float:
    return load.events / load.seconds
