"""The workload ``exchange``: what is made for it goes in and out as it is meant to, and figures are put side by side."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path

import pytest

from app.formats.base import ReadOptions, ReadSession
from app.formats.registry import read_sessions
from app.formats.source import Source
from benchmarks.agent_sessions import claude_code_session
from benchmarks.exchange_tasks import (
    Done,
    copy_documents,
    export_lines,
    import_files,
    ingest_bodies,
    make_sessions,
    make_traces,
    parse_lines,
    peak_bytes,
    read_files,
)
from benchmarks.sessions import Sessions
from benchmarks.workloads.exchange import IN, IN_TENTH, OUT, OUT_TENTH, notes_of, ratios_of

COUNT = 3


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exchange") / "sessions"
    make_sessions(folder, COUNT)
    return folder


def read(content: bytes) -> ReadSession:
    (session,) = read_sessions(Source("session.jsonl", io.BytesIO(content)), None, ReadOptions())
    return session


def test_the_same_seed_gives_the_same_session() -> None:
    assert claude_code_session(Sessions(7), "s", 20) == claude_code_session(Sessions(7), "s", 20)
    assert claude_code_session(Sessions(7), "s", 20) != claude_code_session(Sessions(8), "s", 20)


def test_a_session_is_read_without_a_loss() -> None:
    told = Counter(event["event_type"] for event in Sessions(7).events(60))

    session = read(claude_code_session(Sessions(7), "s", 60))

    found = Counter(event.event_type for event in session.trace.events)
    assert session.losses == ()
    assert found["code_edit"] == told["code_edit"]
    assert found["file_open"] == told["file_open"]
    assert found["terminal_command"] == told["terminal_command"] + told["test_result"]


def test_both_ways_in_store_the_same_traces(source: Path, tmp_path: Path) -> None:
    imported, ingested = tmp_path / "imported", tmp_path / "ingested"

    one, other = import_files(source, COUNT, imported), ingest_bodies(source, COUNT, ingested)

    def events(data_dir: Path) -> dict[str, int]:
        documents = [json.loads(path.read_bytes()) for path in (data_dir / "traces").glob("*.json")]
        return {document["trace_id"]: len(document["events"]) for document in documents}

    assert one.items == other.items == len(events(imported)) == COUNT
    assert events(imported) == events(ingested)
    assert 0 < one.storing_s < one.seconds


def test_reading_and_parsing_go_over_the_same_bytes(source: Path) -> None:
    size = sum(path.stat().st_size for path in source.iterdir())

    assert parse_lines(source, COUNT).size_bytes == read_files(source, COUNT).size_bytes == size
    assert parse_lines(source, 1).items == 1


def test_what_does_not_go_in_stops_the_benchmark(source: Path, tmp_path: Path) -> None:
    import_files(source, COUNT, tmp_path / "data")

    with pytest.raises(RuntimeError, match="3 sessions were to go in, 0 did"):
        import_files(source, COUNT, tmp_path / "data")


def test_every_trace_that_is_made_comes_out(tmp_path: Path) -> None:
    made = make_traces(tmp_path / "data", COUNT)

    exported, copied = export_lines(tmp_path / "data", tmp_path / "out"), copy_documents(tmp_path / "data", tmp_path / "copy")

    (lines,) = (tmp_path / "out" / "data").iterdir()
    assert exported.items == copied.items == COUNT
    assert lines.read_bytes().replace(b"\n", b"") == (tmp_path / "copy").read_bytes().replace(b"\n", b"")
    assert exported.size_bytes == copied.size_bytes == made.size_bytes


def test_a_peak_is_that_of_the_process() -> None:
    assert peak_bytes("Name:\tpython\nVmPeak:\t  90 kB\nVmHWM:\t  50 kB\nVmRSS:\t  40 kB\n") == 50 * 1024
    with pytest.raises(RuntimeError, match="does not tell"):
        peak_bytes("Name:\tpython\n")


def taken(peak_mib: int = 100) -> dict[str, list[Done]]:
    mib = 1 << 20
    return {
        "parse": [Done(10, 20 * mib, 1.0)],
        "read": [Done(10, 20 * mib, 5.0)],
        IN: [Done(10, 20 * mib, 8.0, 3.0, peak_mib * mib)],
        "ingest": [Done(10, 20 * mib, 4.0, 2.0)],
        IN_TENTH: [Done(1, 2 * mib, 1.0, 0.3, 91 * mib)],
        OUT: [Done(100, 50 * mib, 6.0, peak_bytes=peak_mib * mib)],
        "copy": [Done(100, 50 * mib, 0.5)],
        OUT_TENTH: [Done(10, 5 * mib, 0.6, peak_bytes=91 * mib)],
    }


def test_each_side_is_set_against_the_least_that_could_do() -> None:
    found = {one.what: one.value.median for one in ratios_of(taken())}

    assert found == {
        "reading ÷ json.loads of every line": 5.0,
        "storing ÷ ingest of the same traces": 1.5,
        "export of jsonl ÷ copying the same documents": 12.0,
        "import: peak memory ÷ that with a tenth": pytest.approx(100 / 91),
        "export: peak memory ÷ that with a tenth": pytest.approx(100 / 91),
    }


@pytest.mark.parametrize(("peak_mib", "is_met"), [(100, True), (101, False)])
def test_memory_that_grows_with_the_data_misses_its_target(peak_mib: int, is_met: bool) -> None:
    assert [one.is_met for one in ratios_of(taken(peak_mib)) if one.target] == [is_met, is_met]


def test_rates_and_memory_are_told() -> None:
    notes = notes_of(taken())

    assert "import: 1 sessions a second (1–1), 2.5 MiB/s" in notes
    assert "import: peak memory 100 MiB (100–100), 1024.0 KiB for each further session" in notes
    assert "export: peak memory 100 MiB (100–100), 102.4 KiB for each further trace" in notes
