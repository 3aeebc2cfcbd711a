"""W2 and W2-one: many clients at once, on many traces and on a single one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.client import Load, Request
from benchmarks.measure import Side, interleave
from benchmarks.processes import Server
from benchmarks.results import Result, disk_ratio, rates, ratio, row
from benchmarks.sessions import Body, Sessions, chunk_body
from benchmarks.workloads.base import (
    CLIENTS,
    OURS,
    WITHOUT_REDACTION,
    Scale,
    append_requests,
    for_a_while,
    new_trace,
    servers,
    validate_ratios,
)

_REFERENCES = ("bare-validate", "bare-validate-bytes", "bare-fsync", "bare-group", "do-nothing")
_TRACES = 64


def run_many_traces(folder: Path, scale: Scale) -> Result:
    """W2."""
    result = Result("w2", "50 events per request, 16 clients, many traces", scale.repetitions)
    sessions = Sessions()
    return _run(result, folder, scale, [chunk_body(sessions, 50) for _ in range(64)], traces=_TRACES, at_least=0.9)


def run_one_trace(folder: Path, scale: Scale) -> Result:
    """W2-one."""
    result = Result("w2-one", "one event per request, 16 clients, one trace", scale.repetitions)
    sessions = Sessions()
    return _run(result, folder, scale, [chunk_body(sessions, 1) for _ in range(2048)], traces=1, at_least=0.85)


class _Appending:
    """Appends to new traces in each run; the references take the same bodies."""

    def __init__(self, server: Server, bodies: Sequence[Body], traces: int, seconds: float, *, is_ours: bool) -> None:
        self._server = server
        self._bodies = bodies
        self._traces = traces
        self._seconds = seconds
        self._is_ours = is_ours
        self._requests: list[Request] = append_requests(["bare"], bodies)

    def make_traces(self) -> None:
        if self._is_ours:
            sessions = Sessions(1)
            ids = [new_trace(self._server.port, sessions) for _ in range(self._traces)]
            self._requests = append_requests(ids, self._bodies)
        for_a_while(self._server.port, self._requests, CLIENTS, self._seconds / 10)

    def run(self) -> Load:
        return for_a_while(self._server.port, self._requests, CLIENTS, self._seconds)


def _run(result: Result, folder: Path, scale: Scale, bodies: Sequence[Body], traces: int, at_least: float) -> Result:
    with servers(folder, _REFERENCES) as running:
        sides = []
        for name, server in running.items():
            work = _Appending(server, bodies, traces, scale.seconds, is_ours=name not in _REFERENCES)
            sides.append(Side(name, server, work.run, work.make_traces))
        samples = interleave(sides, scale.repetitions)
        result.rows = [row(name, running[name], samples[name]) for name in running]
    for name, target in ((OURS, at_least), (WITHOUT_REDACTION, None)):
        result.ratios += validate_ratios(name, samples, target)
    result.ratios.append(ratio("ours ÷ bare-group", rates(samples[OURS]), rates(samples["bare-group"])))
    result.ratios.append(disk_ratio(result.rows[0]))
    mean = sum(body.event_bytes for body in bodies) / sum(body.events for body in bodies)
    result.notes.append(f"an event is {mean:,.0f} bytes long on average; do-nothing shows how much faster the client could be")
    return result
