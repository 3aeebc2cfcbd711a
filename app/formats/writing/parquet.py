"""Parquet: a table with one row a trace, and one with one row an event. Needs the extra ``parquet``.

Types are the same for all rows of all exports. What has no type of its own is text that holds JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from app.errors import UnavailableError
from app.formats.writing.base import Chosen, Context, Item, Needs, OutputFile, Session, one_each
from app.formats.writing.pieces.facts import counts_of
from app.formats.writing.pieces.lines import parts
from app.models.events import Event
from app.models.judgement import Judgement
from app.models.replay import Claim
from app.rules.summaries import describe

_GROUP_BYTES = 8 * 1024 * 1024
"""A row group is written when it holds about so much: readers take one at a time, and so do we."""
_TEXTS = ("trace_id", "developer_id", "bug_id", "repo_name", "repo_url", "branch", "commit_before", "commit_after",
          "test_command", "task_title", "task_description", "role", "agent_name", "agent_version", "agent_model")  # fmt: skip
_EVENT_TEXTS = ("file_path", "diff", "snapshot_after", "language", "hash_before", "hash_after", "command", "cwd", "output",
                "test_command", "summary", "framework", "sha", "parent_sha", "message", "content", "plan", "hypothesis",
                "observation", "decision", "next_step")  # fmt: skip
_METRICS = ("num_events", "num_edits", "num_test_runs", "files_touched")
_TEST_GROUPS = ("fail_to_pass", "pass_to_pass", "pass_to_fail", "fail_to_fail")

TRACE_COLUMNS: Mapping[str, str] = {
    **dict.fromkeys(_TEXTS, "text"),
    "known_failing_tests": "texts",
    **dict.fromkeys(("consent_rationales", "consent_commands", "consent_snapshots"), "bool"),
    **dict.fromkeys(("start_time", "end_time", "created_at", "finalized_at"), "time"),
    **dict.fromkeys(_METRICS, "int"),
    "duration_s": "float",
    "verdict": "text",
    "verdict_reason": "text",
    "tests_passed": "bool",
    **dict.fromkeys(_TEST_GROUPS, "texts"),
    "tests_from": "text",
    "image": "text",
    "image_digest": "text",
    "score": "float",
    "score_rubric": "text",
    "score_judge_kind": "text",
    "needs_review": "bool",
    **dict.fromkeys(("claims_confirmed", "claims_refuted", "claims_unverifiable"), "int"),
    "judgements": "judgements",
    "redactions": "text",
    "revision": "int",
}
"""The table of traces: each column with its type."""
EVENT_COLUMNS: Mapping[str, str] = {
    "trace_id": "text",
    "position": "int",
    "seq": "int",
    "event_id": "text",
    "event_type": "text",
    "timestamp": "time",
    "received_at": "time",
    **dict.fromkeys(_EVENT_TEXTS, "text"),
    "exit_code": "int",
    "duration_ms": "float",
    "tests_passed": "bool",
    "failed_tests": "texts",
    **dict.fromkeys(("num_passed", "num_failed"), "int"),
    "extra": "text",
    "claim_kind": "text",
    "claim_status": "text",
    "claim_reason": "text",
    "hash": "text",
}
"""The table of events: each column with its type."""
_JUDGEMENT_FIELDS = {
    **dict.fromkeys(("rubric", "rubric_version", "judge_kind", "judge", "model", "status"), "text"),
    "total": "float",
    "needs_review": "bool",
    "created_at": "time",
    "dimensions": "text",
}

Row = dict[str, Any]


class ParquetWriter:
    """Two tables, joined by ``trace_id``."""

    name = "parquet"
    title = "two tables: a row for each trace, and a row for each event"
    needs = Needs()
    is_lines = False
    tables: Mapping[str, str] = {"traces": "traces/{split}-*.parquet", "events": "events/{split}-*.parquet"}
    fields: Mapping[str, str] = {}

    def arrange(self, chosen: Sequence[Chosen], context: Context) -> list[Item]:
        """See ``Writer``."""
        del context
        _arrow()
        return one_each(chosen)

    def files(self, split: str, items: Sequence[Item], context: Context) -> Iterator[OutputFile]:
        """See ``Writer``."""
        tables = (("traces", TRACE_COLUMNS, _trace_rows), ("events", EVENT_COLUMNS, _event_rows))
        for folder, columns, rows_of in tables:
            for path, part in parts(split, items, folder, "parquet"):
                yield OutputFile(path, _encode(columns, _rows(split, part, rows_of, context)))


def _rows(split: str, items: Sequence[Item], rows_of: Callable[[Session], Iterator[Row]], context: Context) -> Iterator[Row]:
    for item in items:
        session = context.load(item.first)
        if session is not None:
            context.tally.rows[split] += rows_of is _trace_rows
            yield from rows_of(session)


def _encode(columns: Mapping[str, str], rows: Iterator[Row]) -> Iterator[bytes]:
    """A file of row groups, each handed on when it is full."""
    pa, pq = _arrow()
    schema = pa.schema([(name, _type(pa, kind)) for name, kind in columns.items()])
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            yield sink.take()
    yield sink.take()


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(value) if isinstance(value, str) else 16 for value in row.values())
        if size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class _Sink:
    """A file that is handed on piece by piece."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._end = 0

    def write(self, piece: Any) -> int:
        content = bytes(piece)
        self._pieces.append(content)
        self._end += len(content)
        return len(content)

    def tell(self) -> int:
        return self._end

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        """What is written is there at once."""

    def close(self) -> None:
        """What is written stays until it is taken."""

    def take(self) -> bytes:
        content = b"".join(self._pieces)
        self._pieces.clear()
        return content


def _type(pa: Any, kind: str) -> Any:
    if kind == "judgements":
        return pa.list_(pa.struct([(name, _type(pa, inner)) for name, inner in _JUDGEMENT_FIELDS.items()]))
    types = {
        "text": pa.string(),
        "texts": pa.list_(pa.string()),
        "bool": pa.bool_(),
        "int": pa.int64(),
        "float": pa.float64(),
        "time": pa.timestamp("us", tz="UTC"),
    }
    return types[kind]


def _trace_rows(session: Session) -> Iterator[Row]:
    trace, scored = session.trace, session.scored
    results = trace.qa_results
    checked = results.verification if results is not None else None
    summary, counts = describe(trace).summary, counts_of(trace)
    agent = trace.session.agent if trace.session is not None else None
    consent = trace.session.consent if trace.session is not None else None
    yield {
        **{name: getattr(trace, name) for name in ("trace_id", "developer_id", "bug_id", "start_time", "end_time", "revision")},
        **{name: getattr(trace.repo, name) for name in ("branch", "commit_before", "commit_after", "test_command")},
        **{f"repo_{name}": getattr(trace.repo, name) for name in ("name", "url")},
        **{f"agent_{name}": getattr(agent, name, None) for name in ("name", "version", "model")},
        **{f"consent_{name}": getattr(consent, name, None) for name in ("rationales", "commands", "snapshots")},
        "task_title": trace.task.title if trace.task is not None else None,
        "task_description": trace.task.description if trace.task is not None else None,
        "known_failing_tests": list(trace.task.known_failing_tests) if trace.task is not None else [],
        "role": trace.session.role if trace.session is not None else None,
        "created_at": trace.created_at,
        "finalized_at": trace.finalized_at,
        **{name: getattr(summary, name) for name in (*_METRICS, "duration_s", "verdict", "tests_passed")},
        "verdict_reason": checked.reason if checked is not None else None,
        **{name: list(getattr(checked, name, ())) for name in _TEST_GROUPS},
        "tests_from": checked.tests_from if checked is not None else None,
        "image": checked.image.name if checked is not None and checked.image is not None else None,
        "image_digest": checked.image.digest if checked is not None and checked.image is not None else None,
        "score": scored.total,
        "score_rubric": scored.rubric,
        "score_judge_kind": scored.judge_kind,
        "needs_review": scored.needs_review,
        "claims_confirmed": counts.confirmed,
        "claims_refuted": counts.refuted,
        "claims_unverifiable": counts.unverifiable,
        "judgements": [_judgement(one) for one in (*(results.judgements if results is not None else ()), *trace.judgements)],
        "redactions": _json(trace.redactions),
    }


def _judgement(judgement: Judgement) -> Row:
    return {
        "rubric": judgement.rubric.id,
        "rubric_version": str(judgement.rubric.version),
        "judge_kind": judgement.judge.kind,
        "judge": judgement.judge.name,
        "model": judgement.judge.model,
        "status": judgement.status,
        "total": judgement.total,
        "needs_review": judgement.needs_review,
        "created_at": judgement.created_at,
        "dimensions": _json({name: score.model_dump(mode="json") for name, score in judgement.dimensions.items()}),
    }


def _event_rows(session: Session) -> Iterator[Row]:
    results = session.trace.qa_results
    claims = {claim.event_id: claim for claim in (results.claims if results is not None else ()) if claim.event_id is not None}
    for position, event in enumerate(session.trace.events, 1):
        yield _event_row(session.trace.trace_id, position, event, claims.get(event.event_id or ""))


def _event_row(trace_id: str, position: int, event: Event, claim: Claim | None) -> Row:
    row: Row = {name: getattr(event.data, name, None) for name in EVENT_COLUMNS}
    failed = getattr(event.data, "failed_tests", None)
    return {
        **row,
        **{name: getattr(event, name) for name in ("seq", "event_id", "event_type", "timestamp", "received_at", "hash")},
        "trace_id": trace_id,
        "position": position,
        "failed_tests": list(failed) if failed is not None else None,
        "extra": _json(event.data.extra) if event.data.extra is not None else None,
        "claim_kind": claim.kind if claim is not None else None,
        "claim_status": claim.status if claim is not None else None,
        "claim_reason": claim.reason if claim is not None else None,
    }


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _arrow() -> tuple[Any, Any]:
    """pyarrow and its module for Parquet.

    Raises:
        UnavailableError: it is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise UnavailableError(
            "The format parquet needs pyarrow, which is not installed here: pip install 'pr-telemetry[parquet]'"
        ) from None
    return pa, pq
