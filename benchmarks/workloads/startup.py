"""Start-up: how long ``--help`` takes, beside a Python that does nothing but import click."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import spread
from benchmarks.processes import ROOT
from benchmarks.results import Ratio, Result, ratio
from benchmarks.workloads.base import Scale

_STARTS, _QUICK_STARTS = 20, 5
_TARGET_S = 0.150
_SIDES = {
    "import click": ("-c", "import click"),
    "--help": ("-m", "app", "--help"),
    "list --help": ("-m", "app", "list", "--help"),
}


def run(folder: Path, scale: Scale) -> Result:
    """Each side once in each start, in turns; a repetition is the median of its starts."""
    del folder
    result = Result("startup", "start-up of the command line, beside a bare import of click", scale.repetitions)
    taken: dict[str, list[float]] = {name: [] for name in _SIDES}
    for _ in range(scale.repetitions):
        starts: dict[str, list[float]] = {name: [] for name in _SIDES}
        for _ in range(_QUICK_STARTS if scale.is_quick else _STARTS):
            for name, arguments in _SIDES.items():
                starts[name].append(_seconds(arguments))
        for name, seconds in starts.items():
            taken[name].append(spread(seconds).median)
    for name in ("--help", "list --help"):
        result.ratios.append(ratio(f"{name} ÷ import click", taken[name], taken["import click"]))
    milliseconds = {name: spread([1000 * one for one in seconds]) for name, seconds in taken.items()}
    is_met = milliseconds["--help"].median <= 1000 * _TARGET_S
    result.ratios.append(Ratio("--help, in milliseconds", milliseconds["--help"], f"≤ {1000 * _TARGET_S:g}", is_met))
    result.notes += [f"{name}: {one.median:.0f} ms ({one.low:.0f}–{one.high:.0f})" for name, one in milliseconds.items()]
    return result


def _seconds(arguments: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
