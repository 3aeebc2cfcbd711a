"""What a workload found, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.machine import Machine
from benchmarks.measure import Sample, Spread, percentile_ms, spread
from benchmarks.processes import Server


@dataclass(frozen=True)
class Row:
    """One side of a workload."""

    name: str
    unit: str
    rate: Spread
    p50_ms: float
    p95_ms: float
    p99_ms: float
    server_cpu_s: Spread
    """Per 1,000 events, or requests where they carry none."""
    client_cpu: float
    """Share of the client's core that was busy."""
    peak_memory_bytes: int
    memory_bytes: tuple[int, ...]
    """Resident, at the end of each repetition."""
    disk_ratio: float | None
    """Bytes on disk by bytes of the events as they were sent."""
    settled_s: float
    """Longest time that the server worked on behind its last answer."""


@dataclass(frozen=True)
class Ratio:
    """Two sides compared, repetition by repetition."""

    what: str
    value: Spread
    target: str = ""
    is_met: bool | None = None


@dataclass
class Result:
    """A workload's figures."""

    name: str
    title: str
    repetitions: int
    rows: list[Row] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def row(name: str, server: Server, samples: Sequence[Sample], unit: str = "events/s") -> Row:
    """The figures of one side."""
    latencies = [latency for sample in samples for latency in sample.load.latencies_s]
    sent = sum(sample.load.event_bytes for sample in samples)
    stored = sum(sample.disk_bytes for sample in samples)
    return Row(
        name=name,
        unit=unit,
        rate=spread([sample.rate for sample in samples]),
        p50_ms=percentile_ms(latencies, 50),
        p95_ms=percentile_ms(latencies, 95),
        p99_ms=percentile_ms(latencies, 99),
        server_cpu_s=spread([1000 * s.server_cpu_s / (s.load.events or s.load.requests) for s in samples]),
        client_cpu=sum(s.load.client_cpu_s for s in samples) / sum(s.load.seconds for s in samples),
        peak_memory_bytes=server.memory_bytes("VmHWM"),
        memory_bytes=tuple(sample.memory_bytes for sample in samples),
        disk_ratio=stored / sent if sent and stored else None,
        settled_s=max(sample.settled_s for sample in samples),
    )


def ratio(
    what: str, above: Sequence[float], below: Sequence[float], at_least: float | None = None, at_most: float | None = None
) -> Ratio:
    """One figure by the other, taken in the same repetition; met by the median."""
    value = spread([a / b for a, b in zip(above, below, strict=True)])
    if at_least is not None:
        return Ratio(what, value, f"≥ {at_least:g}", value.median >= at_least)
    if at_most is not None:
        return Ratio(what, value, f"≤ {at_most:g}", value.median <= at_most)
    return Ratio(what, value)


def rates(samples: Sequence[Sample]) -> list[float]:
    """The rate of each repetition."""
    return [sample.rate for sample in samples]


def disk_ratio(of: Row) -> Ratio:
    """Bytes on disk by event bytes, with its target."""
    value = of.disk_ratio or 0.0
    return Ratio(f"{of.name}: bytes on disk ÷ event bytes", Spread(value, value, value), "≤ 1.3", value <= 1.3)


def render(result: Result) -> str:
    """The table."""
    head = (
        "side",
        "rate (min–max)",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "server CPU s/1,000",
        "client CPU",
        "peak MiB",
        "disk ÷ events",
    )
    lines = [f"{result.name}: {result.title} ({result.repetitions} repetitions, interleaved)", ""]
    lines += _table([head, *(_cells(one) for one in result.rows)])
    lines += ["", *_table([("ratio", "median (min–max)", "target", ""), *(_ratio_cells(one) for one in result.ratios)])]
    lines += [f"  {note}" for note in result.notes]
    return "\n".join(lines) + "\n"


def as_json(result: Result, machine: Machine) -> str:
    """Everything, with the machine it was taken on."""
    fields: dict[str, Any] = {
        "name": result.name,
        "title": result.title,
        "repetitions": result.repetitions,
        "machine": machine.fields(),
        "ratios": [
            {"what": one.what, **one.value.fields(), "target": one.target or None, "is_met": one.is_met}
            for one in result.ratios
        ],
        "sides": [_row_fields(one) for one in result.rows],
        "notes": result.notes,
    }
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def write(path: Path, result: Result, machine: Machine) -> None:
    """Keep the JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(as_json(result, machine))


def _row_fields(one: Row) -> dict[str, Any]:
    return {
        "name": one.name,
        "unit": one.unit,
        "rate": one.rate.fields(),
        "latency_ms": {"p50": round(one.p50_ms, 3), "p95": round(one.p95_ms, 3), "p99": round(one.p99_ms, 3)},
        "server_cpu_s_per_1000": one.server_cpu_s.fields(),
        "client_cpu_share": round(one.client_cpu, 3),
        "peak_memory_bytes": one.peak_memory_bytes,
        "memory_bytes_after_each": list(one.memory_bytes),
        "disk_bytes_per_event_byte": None if one.disk_ratio is None else round(one.disk_ratio, 3),
        "longest_settling_s": round(one.settled_s, 2),
    }


def _cells(one: Row) -> tuple[str, ...]:
    return (
        one.name,
        f"{_number(one.rate.median)} {one.unit} ({_number(one.rate.low)}–{_number(one.rate.high)})",
        f"{one.p50_ms:.2f}",
        f"{one.p95_ms:.2f}",
        f"{one.p99_ms:.2f}",
        f"{one.server_cpu_s.median:.3f}",
        f"{one.client_cpu:.0%}",
        f"{one.peak_memory_bytes / 2**20:.0f}",
        "" if one.disk_ratio is None else f"{one.disk_ratio:.2f}",
    )


def _ratio_cells(one: Ratio) -> tuple[str, ...]:
    verdict = "" if one.is_met is None else "met" if one.is_met else "MISSED"
    return one.what, f"{one.value.median:.2f} ({one.value.low:.2f}–{one.value.high:.2f})", one.target, verdict


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table in Markdown, with its columns under each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |" for cells in rows]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]
