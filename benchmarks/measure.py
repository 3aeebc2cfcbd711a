"""Samples taken in turns, and what they come to."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.client import Load
from benchmarks.processes import Server

_SETTLE_S = 6.0


@dataclass(frozen=True)
class Sample:
    """One run against one server."""

    load: Load
    server_cpu_s: float
    """What it does behind its answers included, as long as that was waited for."""
    settled_s: float
    """How long after the last answer the server still worked."""
    memory_bytes: int
    """Resident, at the end."""
    disk_bytes: int
    """What its folder has grown by."""

    @property
    def rate(self) -> float:
        """Events per second; requests, where they carry none."""
        return (self.load.events or self.load.requests) / self.load.seconds


@dataclass(frozen=True)
class Side:
    """Something that is measured."""

    name: str
    server: Server
    run: Callable[[], Load]
    unmeasured: Callable[[], object] = lambda: None
    """Makes ready for one run."""


@dataclass(frozen=True)
class Spread:
    """Several values of one figure."""

    median: float
    low: float
    high: float

    def fields(self) -> dict[str, float]:
        """As JSON says it."""
        return {"median": _short(self.median), "min": _short(self.low), "max": _short(self.high)}


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most."""
    return Spread(statistics.median(values), min(values), max(values))


def percentile_ms(seconds: Sequence[float], percent: int) -> float:
    """A percentile of durations, in milliseconds."""
    ordered = sorted(seconds)
    return 1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else 0.0


def interleave(sides: Sequence[Side], repetitions: int) -> dict[str, list[Sample]]:
    """Every side once in each repetition, each time another one first. While one runs, the others' servers are held still."""
    samples: dict[str, list[Sample]] = {side.name: [] for side in sides}
    for repetition in range(repetitions):
        start = repetition % len(sides)
        for side in (*sides[start:], *sides[:start]):
            with alone(side.server, [other.server for other in sides]):
                side.unmeasured()
                samples[side.name].append(take(side.server, side.run))
    return samples


def take(server: Server, run: Callable[[], Load], settle_s: float = _SETTLE_S) -> Sample:
    """One run, with what it costs the server until it rests, or until ``settle_s`` after the last answer."""
    cpu, disk = server.cpu_s(), server.disk_bytes()
    load = run()
    settled_s = server.settle(settle_s) if settle_s else 0.0
    return Sample(load, server.cpu_s() - cpu, settled_s, server.memory_bytes(), server.disk_bytes() - disk)


@contextmanager
def alone(server: Server, servers: Sequence[Server]) -> Iterator[None]:
    """Hold all servers still but one."""
    others = [other for other in servers if other.process.pid != server.process.pid]
    for other in others:
        other.hold()
    try:
        yield
    finally:
        for other in others:
            other.release()


def _short(value: float) -> float:
    return float(f"{value:.4g}")
