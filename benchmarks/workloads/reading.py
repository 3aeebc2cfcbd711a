"""W4: a long trace, read as a whole."""

from __future__ import annotations

import json
import time
from itertools import cycle
from pathlib import Path

from benchmarks.client import Load, fetch, request, run_load
from benchmarks.measure import Side, interleave
from benchmarks.processes import Server, our_server, reference_server
from benchmarks.results import Result, rates, ratio, row
from benchmarks.sessions import Sessions, chunk_body
from benchmarks.workloads.base import OURS, Scale, append_requests, new_trace

_EVENTS = 2000
_CHUNK = 50
_CLIENTS = 4
_FINALIZE_S = 120.0


def run(folder: Path, scale: Scale) -> Result:
    """W4: the finalized trace against its own bytes, and an open one of the same events."""
    result = Result("w4", "read a 2,000-event trace, 4 clients", scale.repetitions)
    with our_server(folder / "ours", OURS) as ours:
        finalized, still_open = _long_trace(ours, is_final=True), _long_trace(ours, is_final=False)
        document = _finalized_document(ours, finalized)
        (folder / "static").mkdir()
        (folder / "static" / "answer.json").write_bytes(document)
        with reference_server(folder / "static", "static") as static:
            sides = [
                _side("ours, finalized", ours, f"/traces/{finalized}", scale),
                _side("ours, open", ours, f"/traces/{still_open}", scale),
                _side("static file", static, "/file", scale),
                _side("from memory", static, "/memory", scale),
            ]
            samples = interleave(sides, scale.repetitions)
            result.rows = [row(side.name, side.server, samples[side.name], "requests/s") for side in sides]
    for ours_name, target in (("ours, finalized", 0.7), ("ours, open", None)):
        for name in ("static file", "from memory"):
            wanted = target if name == "static file" else None
            result.ratios.append(ratio(f"{ours_name} ÷ {name}", rates(samples[ours_name]), rates(samples[name]), wanted))
    result.notes.append(f"the finalized document has {len(document):,} bytes; no answer is compressed")
    return result


def _side(name: str, server: Server, path: str, scale: Scale) -> Side:
    asked = request("GET", path)

    def read(seconds: float) -> Load:
        return run_load(server.port, [cycle([asked]) for _ in range(_CLIENTS)], seconds)

    return Side(name, server, lambda: read(scale.seconds), lambda: read(scale.seconds / 10))


def _long_trace(server: Server, *, is_final: bool) -> str:
    sessions = Sessions()
    trace_id = new_trace(server.port, sessions)
    bodies = [chunk_body(sessions, _CHUNK) for _ in range(_EVENTS // _CHUNK)]
    run_load(server.port, [iter(append_requests([trace_id], bodies))])
    if is_final:
        run_load(server.port, [iter([request("POST", f"/traces/{trace_id}/finalize", b'{"judge":"off"}')])])
    return trace_id


def _finalized_document(server: Server, trace_id: str) -> bytes:
    deadline = time.monotonic() + _FINALIZE_S
    while time.monotonic() < deadline:
        document = fetch(server.port, request("GET", f"/traces/{trace_id}"))
        if json.loads(document)["status"] == "finalized":
            return document
        time.sleep(0.2)
    raise TimeoutError(f"the trace was not finalized within {_FINALIZE_S:.0f} s")
