"""W3: sessions that arrive whole."""

from __future__ import annotations

from pathlib import Path

from benchmarks.client import Load, Request, request
from benchmarks.measure import Side, interleave
from benchmarks.processes import Server
from benchmarks.results import Result, disk_ratio, row
from benchmarks.sessions import Sessions, trace_body
from benchmarks.workloads.base import CLIENTS, OURS, WITHOUT_REDACTION, Scale, for_a_while, servers, validate_ratios

_EVENTS = 200
_POOL = 32


def run(folder: Path, scale: Scale) -> Result:
    """W3. The server gives the ids, so that the same bodies make new traces."""
    sessions = Sessions()
    bodies = [trace_body(sessions, _EVENTS) for _ in range(_POOL)]
    requests = [request("POST", "/traces", body.content, body.events, body.event_bytes) for body in bodies]
    result = Result("w3", "whole traces of 200 events, 16 clients", scale.repetitions)
    with servers(folder, ("bare-validate", "bare-validate-bytes", "do-nothing")) as running:
        sides = [_side(name, server, requests, scale.seconds) for name, server in running.items()]
        samples = interleave(sides, scale.repetitions)
        result.rows = [row(name, running[name], samples[name]) for name in running]
    for name, target in ((OURS, 0.8), (WITHOUT_REDACTION, None)):
        result.ratios += validate_ratios(name, samples, target)
    result.ratios.append(disk_ratio(result.rows[0]))
    result.notes.append(f"a body is {sum(len(body.content) for body in bodies) / _POOL / 1024:,.0f} KiB long on average")
    result.notes.append(
        f"the index worked for up to {result.rows[0].settled_s:.1f} s behind the last answer (6 s are waited for)"
    )
    return result


def _side(name: str, server: Server, requests: list[Request], seconds: float) -> Side:
    def warm_up() -> Load:
        return for_a_while(server.port, requests, CLIENTS, seconds / 10)

    return Side(name, server, lambda: for_a_while(server.port, requests, CLIENTS, seconds), warm_up)
