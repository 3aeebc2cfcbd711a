"""W5: the same questions to a small and to a large index.

The index is filled directly, without a million documents under it; the server is told that they are there. Everything else is
the server's own: routes, limits, threads, the index and its file.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path

from benchmarks.client import Load, fetch, request, run_load
from benchmarks.filled_index import QUESTIONS, fill
from benchmarks.measure import Sample, Side, interleave, percentile_ms, spread
from benchmarks.processes import Server, a_server, reference_server
from benchmarks.results import Ratio, Result, ratio, row
from benchmarks.workloads.base import Scale

_SMALL, _LARGE = "ours, 10,000", "ours, 1,000,000"
_MOST_MS = 10.0


def run(folder: Path, scale: Scale) -> Result:
    """W5: one client, two filters in five combinations, pages of 50."""
    counts = {_SMALL: 10_000, _LARGE: 50_000 if scale.is_quick else 1_000_000}
    result = Result(
        "w5", f"list with two filters, {counts[_SMALL]:,} and {counts[_LARGE]:,} traces, one client", scale.repetitions
    )
    files = {name: _filled(result, scale.index_dir or folder, count) for name, count in counts.items()}
    with _listing(folder / "small", _SMALL, files[_SMALL]) as small, _listing(folder / "large", _LARGE, files[_LARGE]) as large:
        (folder / "static").mkdir()
        (folder / "static" / "answer.json").write_bytes(fetch(large.port, request("GET", f"/traces?{QUESTIONS[0]}")))
        with reference_server(folder / "static", "static") as static:
            sides = [_side(_SMALL, small, scale), _side(_LARGE, large, scale)]
            bare = request("GET", "/memory")
            sides.append(Side("bare, the same bytes", static, lambda: run_load(static.port, [cycle([bare])], scale.seconds)))
            samples = interleave(sides, scale.repetitions)
            result.rows = [row(side.name, side.server, samples[side.name], "requests/s") for side in sides]
            _by_question(result, small, large)
    p50 = {name: _p50(of) for name, of in samples.items()}
    result.ratios.insert(0, ratio("p50 at the large ÷ at the small", p50[_LARGE], p50[_SMALL], at_most=2))
    absolute = spread(p50[_LARGE])
    result.ratios.insert(1, Ratio("p50 at the large, ms", absolute, f"≤ {_MOST_MS:g}", absolute.median <= _MOST_MS))
    result.ratios.insert(2, ratio("p50 at the large ÷ bare", p50[_LARGE], p50["bare, the same bytes"]))
    return result


def _filled(result: Result, folder: Path, count: int) -> Path:
    path = folder / f"filled-{count}.sqlite"
    seconds = fill(path, count)
    how = "from an earlier run" if seconds is None else f"in {seconds:.0f} s"
    result.notes.append(f"{count:,} entries put into the index directly, {how}: {path.stat().st_size / 2**20:,.0f} MiB")
    return path


def _listing(home: Path, name: str, index: Path) -> AbstractContextManager[Server]:
    home.mkdir()
    settings = {"DATA_DIR": str(home / "data"), "JUDGE": "off"}
    return a_server(name, ("benchmarks.filled_index", str(index)), home, settings)


def _side(name: str, server: Server, scale: Scale) -> Side:
    asked = [request("GET", f"/traces?{question}") for question in QUESTIONS]

    def ask(seconds: float) -> Load:
        return run_load(server.port, [cycle(asked)], seconds)

    return Side(name, server, lambda: ask(scale.seconds), lambda: ask(scale.seconds / 10))


def _by_question(result: Result, small: Server, large: Server) -> None:
    """The combinations one by one, so that a slow one does not hide behind the others."""
    for question in QUESTIONS:
        plan = [request("GET", f"/traces?{question}")] * 100
        times = {server: run_load(server.port, [iter(plan)]).latencies_s for server in (small, large)}
        shown = [f"{percentile_ms(times[server], 50):.2f}" for server in (small, large)]
        result.notes.append(f"p50 of {question}: {shown[0]} ms and {shown[1]} ms")


def _p50(samples: list[Sample]) -> list[float]:
    return [percentile_ms(sample.load.latencies_s, 50) for sample in samples]
