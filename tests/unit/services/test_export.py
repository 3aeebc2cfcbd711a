"""Exports out of a store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from app.errors import CorruptError, UnavailableError
from app.formats.writing.registry import UnknownWriterError
from app.formats.writing.selection import Filters
from app.formats.writing.splits import Shares
from app.models.base import STORED
from app.models.query import TracePage, TraceQuery
from app.models.trace import Session, Trace
from app.qa.workspaces import Workspaces
from app.rules.metrics import facts_of
from app.rules.sequence import AcceptedEvent
from app.rules.summaries import summarise
from app.services.export import Export, ExportRequest, ExportService, NoLinesError
from app.services.export_code import CodeReader
from app.storage.base import Record, TraceHead
from tests.builders import an_edit
from tests.fakes import MemoryTraceStore
from tests.unit.formats.writing.sessions import (
    BUGGY,
    DIFF,
    MENDED,
    Files,
    a_finalized,
    a_repository,
    content_of,
    stored,
)

TRACES = (
    a_finalized("a", score=2.0),
    a_finalized("b", "not_fixed", events=stored(an_edit("till.py", DIFF.replace("sum", "len")))),
    a_finalized("c", score=4.0, events=stored(an_edit("other.py", DIFF))),
    a_finalized("d", session=Session()),
    a_finalized("e", status="open", qa_results=None),
)


def a_store(traces: Iterable[Trace]) -> MemoryTraceStore:
    store = MemoryTraceStore()
    for trace in traces:
        events = tuple(
            AcceptedEvent(
                event.seq or 0, event.event_id or "", event.timestamp, event.model_dump_json().encode(), b"", facts_of(event)
            )
            for event in trace.events
        )
        store.create(trace.model_copy(update={"events": ()}), Record(events=events))
    return store


@dataclass
class Pages:
    """Finds traces of a store, two to a page, in whatever order it is given."""

    traces: Sequence[Trace]
    complete: bool = True

    def __call__(self, query: TraceQuery) -> TracePage:
        start = int(query.cursor or 0)
        fitting = [trace for trace in self.traces if query.developer_id in (None, trace.developer_id)]
        items = tuple(summarise(trace) for trace in fitting[start : start + 2])
        following = str(start + 2) if start + 2 < len(fitting) else None
        return TracePage(items=items, next_cursor=following, complete=self.complete)


def a_service(traces: Sequence[Trace] = TRACES, store: MemoryTraceStore | None = None, complete: bool = True) -> ExportService:
    workspaces = Workspaces(base=Files({"till.py": BUGGY, "other.py": BUGGY, ".pytest_cache/x": "1", ".git/HEAD": "x"}))
    code = CodeReader(lambda trace: workspaces, lambda text: text.replace("hunter2", "[REDACTED]"))
    return ExportService(store or a_store(traces), Pages(traces, complete), code, lambda text: "hunter2" in text, "1.2.3")


def files_of(export: Export) -> dict[str, bytes]:
    return {file.path: content_of(file) for file in export.files()}


def export(format_name: str = "jsonl", service: ExportService | None = None, **more: Any) -> dict[str, bytes]:
    return files_of((service or a_service()).prepare(ExportRequest(format_name, **more)))


def ids_in(files: dict[str, bytes]) -> list[str]:
    lines = [line for path, content in files.items() if path.startswith("data/") for line in content.splitlines()]
    return [json.loads(line)["trace_id"] for line in lines]


def manifest_in(files: dict[str, bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files["MANIFEST.json"])
    return found


def test_what_fits_is_written_and_what_does_not_is_counted() -> None:
    files = export("messages")

    assert list(files) == ["data/train-00000-of-00001.jsonl", "README.md", "MANIFEST.json"]
    assert ids_in(files) == ["a", "c"]
    traces = manifest_in(files)["traces"]
    assert traces == {"found": 5, "chosen": 2, "left_out": {"consent_not_stated": 1, "not_finalized": 1, "verdict": 1}}


@pytest.mark.parametrize("format_name", ["jsonl", "messages", "preference", "process", "swe-bench", "harbor", "atif"])
def test_every_trace_in_scope_is_chosen_or_left_out_once(format_name: str) -> None:
    traces = manifest_in(export(format_name))["traces"]

    assert traces["found"] == traces["chosen"] + sum(traces["left_out"].values()) == len(TRACES)


def test_the_order_in_which_traces_came_plays_no_part() -> None:
    backwards = TRACES[::-1]

    assert export("preference") == export("preference", a_service(backwards))
    assert ids_in(export("jsonl", a_service(backwards))) == ["a", "b", "c"]


def test_nothing_tells_when_it_was_made() -> None:
    assert export("messages") == export("messages")
    assert manifest_in(export("messages"))["program"] == {"name": "pr-telemetry", "version": "1.2.3"}


def test_the_scope_bounds_what_is_counted() -> None:
    traces = manifest_in(export("jsonl", scope=TraceQuery(developer_id="nobody")))["traces"]

    assert traces == {"found": 0, "chosen": 0, "left_out": {}}


def test_filters_choose() -> None:
    assert ids_in(export("jsonl", filters=Filters(min_score=3.0, verdicts=frozenset({"fixed"})))) == ["c"]
    assert ids_in(export("jsonl", filters=Filters(consent="not_refused"), dedup=False)) == ["a", "b", "c", "d"]


def test_of_the_same_work_the_best_is_kept() -> None:
    twins = (a_finalized("a", score=2.0), a_finalized("b", score=5.0), a_finalized("c", score=5.0))

    files = export("jsonl", a_service(twins))

    assert ids_in(files) == ["b"]
    assert manifest_in(files)["traces"]["left_out"] == {"duplicate": 2}
    assert ids_in(export("jsonl", a_service(twins), dedup=False)) == ["a", "b", "c"]


def test_no_repository_is_in_two_splits() -> None:
    repositories = [a_repository(name=f"r{number // 3}", url=f"https://example.org/x/r{number // 3}") for number in range(60)]
    traces = [a_finalized(f"t-{number:02}", repo=repo) for number, repo in enumerate(repositories)]

    files = export("jsonl", a_service(traces), shares=Shares((0.5, 0.3, 0.2)), dedup=False)

    found: dict[str, set[str]] = {}
    for path, content in files.items():
        for line in content.splitlines() if path.startswith("data/") else ():
            found.setdefault(json.loads(line)["repo"]["url"], set()).add(path.split("/")[1].split("-")[0])
    assert len(found) == 20
    assert all(len(splits) == 1 for splits in found.values())
    assert set.union(*found.values()) == {"train", "validation", "test"}
    splits = manifest_in(files)["splits"]
    assert sum(counts["rows"] for counts in splits.values()) == 60
    assert sum(counts["repositories"] for counts in splits.values()) == 20


def test_a_line_is_the_stored_document() -> None:
    store = a_store(TRACES)

    lines = export("jsonl", a_service(store=store))["data/train-00000-of-00001.jsonl"].splitlines()

    for line in lines:
        assert Trace.model_validate_json(line, context=STORED) == store.load(json.loads(line)["trace_id"])


def test_lines_are_the_rows_alone() -> None:
    prepared = a_service().prepare(ExportRequest("messages"))

    assert b"".join(prepared.lines()) == export("messages")["data/train-00000-of-00001.jsonl"]
    with pytest.raises(NoLinesError, match="harbor is a folder"):
        a_service().prepare(ExportRequest("harbor")).lines()


def test_a_format_that_is_not_known_is_named() -> None:
    with pytest.raises(UnknownWriterError, match="xlsx"):
        export("xlsx")


def test_an_index_that_is_still_being_built_is_no_answer() -> None:
    with pytest.raises(UnavailableError, match="does not know all traces yet"):
        export("jsonl", a_service(complete=False))


def test_a_trace_that_goes_or_changes_meanwhile_is_counted() -> None:
    store = a_store(TRACES)
    prepared = a_service(store=store).prepare(ExportRequest("messages"))
    store.delete("a", {})
    store.update("c", lambda trace, chain: trace.model_copy(update={"bug_id": "other"}))

    files = files_of(prepared)

    assert ids_in(files) == []
    assert manifest_in(files)["traces"]["left_out"]["changed_meanwhile"] == 2


class DamagedStore(MemoryTraceStore):
    """Cannot read one of its traces."""

    def head(self, trace_id: str) -> TraceHead:
        if trace_id == "a":
            raise CorruptError
        return super().head(trace_id)


def test_a_damaged_trace_does_not_stop_the_others() -> None:
    damaged = DamagedStore()
    damaged.__dict__.update(a_store(TRACES).__dict__)

    files = export("messages", a_service(store=damaged))

    assert ids_in(files) == ["c"]
    assert manifest_in(files)["traces"]["left_out"]["unreadable"] == 1


def test_the_code_is_that_of_the_workspace_with_the_edits() -> None:
    (line,) = export("swe-bench", filters=Filters(min_score=4.0))["data/train-00000-of-00001.jsonl"].splitlines()

    instance = json.loads(line)

    assert instance["patch"].startswith("diff --git a/other.py b/other.py\n")
    assert "+    return sum(lines)" in instance["patch"]


def test_a_task_holds_the_workspace_as_it_was_verified() -> None:
    files = export("harbor", filters=Filters(min_score=4.0))

    workspace = {path.split("/workspace/")[1] for path in files if "/environment/workspace/" in path}
    assert workspace == {"till.py", "other.py", ".pytest_cache/x"}
    assert files["tasks/train/c/solution/files/other.py"] == MENDED.encode()


def test_progress_is_told_for_both_passes() -> None:
    told: list[tuple[str, int, int]] = []

    files_of(a_service().prepare(ExportRequest("messages"), lambda *step: told.append(step)))

    assert told[0] == ("choosing", 1, 5)
    assert told[4:] == [("choosing", 5, 5), ("writing", 1, 2), ("writing", 2, 2)]
