"""An export holds one trace at a time, however many there are."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.rules.metrics import facts_of
from app.rules.sequence import AcceptedEvent
from app.storage.base import Record
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from tests.e2e.server import ROOT
from tests.unit.formats.writing.sessions import a_command, a_finalized, stored

MIB = 1 << 20
TRACE_BYTES = MIB
FEW, MANY = 4, 100
_RUN = """
import resource, sys
from app.cli.main import main
try:
    main()
except SystemExit as end:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, end.code, file=sys.stderr)
"""


def fill(folder: Path, count: int) -> Path:
    layout = Layout(folder)
    layout.make()
    store = FileTraceStore(layout)
    for number in range(count):
        events = stored(*(a_command("make", f"{number} " + "x" * (TRACE_BYTES // 16)) for _ in range(16)))
        accepted = tuple(
            AcceptedEvent(
                event.seq or 0, event.event_id or "", event.timestamp, event.model_dump_json().encode(), b"", facts_of(event)
            )
            for event in events
        )
        store.create(a_finalized(f"t-{number}", events=()), Record(events=accepted))
        store.update(f"t-{number}", lambda trace, chain: trace.model_copy(update={"bug_id": "again"}))
    return folder


def peak_bytes(data_dir: Path, format_name: str) -> int:
    """The most memory that the command held, from its beginning to its end."""
    arguments = ["export", "--format", format_name, "--verdict", "any", "--data-dir", str(data_dir), "--out", "-"]
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    command = [sys.executable, "-c", _RUN, *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=kept, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=300)
    peaks = [line.split() for line in ran.stderr.splitlines() if line.startswith("peak ")]
    assert [peak[2] for peak in peaks] == ["0"], ran.stderr
    return int(peaks[0][1])


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["jsonl", "messages", "parquet", "atif"])
def test_memory_does_not_grow_with_the_number_of_traces(tmp_path: Path, format_name: str) -> None:
    if format_name == "parquet":
        pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    few, many = fill(tmp_path / "few", FEW), fill(tmp_path / "many", MANY)

    grown = peak_bytes(many, format_name) - peak_bytes(few, format_name)

    assert grown < 32 * MIB, f"{MANY - FEW} more traces of {TRACE_BYTES // MIB} MiB took {grown // MIB} MiB more"
