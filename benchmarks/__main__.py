"""``python -m benchmarks NAME``: one workload, or all of them, on this machine and on loopback only."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import Machine, describe_machine
from benchmarks.processes import ROOT, cores
from benchmarks.results import Result, render, write
from benchmarks.workloads import WORKLOADS, Scale

_RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Run what is asked for. Returns the exit code: 0 whether or not the targets are met."""
    asked = _parser().parse_args()
    if asked.list or asked.name is None:
        for name, workload in WORKLOADS.items():
            print(f"{name:8} {workload.title}")
        return 0
    base = Path(asked.dir) if asked.dir else ROOT / ".cache"
    base.mkdir(parents=True, exist_ok=True)
    cores()  # as they are before anything is pinned
    scale = Scale(repetitions=asked.repetitions or (2 if asked.quick else 5), is_quick=asked.quick, index_dir=asked.index_dir)
    for name in WORKLOADS if asked.name == "all" else (asked.name,):
        with tempfile.TemporaryDirectory(prefix="benchmark-", dir=base) as folder:
            machine = describe_machine(Path(folder))
            result = _run_pinned(name, Path(folder), scale)
        _tell(result, machine, _destination(asked, result, machine))
    return 0


def _run_pinned(name: str, folder: Path, scale: Scale) -> Result:
    """The client keeps to its core; servers have theirs."""
    everywhere = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores()[1])
    try:
        return WORKLOADS[name].run(folder, scale)
    finally:
        os.sched_setaffinity(0, everywhere)


def _destination(asked: argparse.Namespace, result: Result, machine: Machine) -> Path | None:
    if asked.json:
        return Path(asked.json)
    return None if asked.quick else _RESULTS / f"{result.name}-{machine.host_class}.json"


def _tell(result: Result, machine: Machine, destination: Path | None) -> None:
    print(render(result))
    shown = f"{machine.cpu}, {machine.cores} cores, {machine.filesystem}, fsync p50 {machine.fsync_ms['p50']} ms"
    print(f"  {shown}, load {machine.load_average} before\n")
    if machine.filesystem in ("tmpfs", "ramfs"):
        print("  the data lay in memory, not on a disk: figures with fsync mean nothing. Give another --dir\n", file=sys.stderr)
    if destination is not None:
        write(destination, result, machine)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*WORKLOADS, "all"], metavar="NAME", help="a workload, or all")
    parser.add_argument("--list", action="store_true", help="name the workloads")
    parser.add_argument("--quick", action="store_true", help="small counts, two repetitions; no file is written without --json")
    parser.add_argument("--repetitions", type=int, help="how often each side runs [5]")
    parser.add_argument("--json", metavar="FILE", help="where the figures go [benchmarks/results/NAME-HOST-CLASS.json]")
    parser.add_argument("--dir", help="a folder on the disk to be measured [.cache of the working tree]")
    parser.add_argument("--index-dir", type=Path, help="w5: keep the filled indexes here for the next run [they are removed]")
    return parser


if __name__ == "__main__":
    sys.exit(main())
