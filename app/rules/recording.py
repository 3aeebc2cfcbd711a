"""Between the recording API's words and the trace's, in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from app.models.base import name_unknown
from app.models.events import (
    CodeEdit,
    CodeEditData,
    Commit,
    CommitData,
    Event,
    FileClose,
    FileCloseData,
    FileOpen,
    FileOpenData,
    ReasoningStep,
    ReasoningStepData,
    TerminalCommand,
    TerminalCommandData,
    TestResult,
    TestResultData,
)
from app.models.recording import (
    RecordedClose,
    RecordedCommand,
    RecordedCommit,
    RecordedEdit,
    RecordedEvent,
    RecordedNote,
    RecordedOpen,
    RecordedTestRun,
    StructuredNote,
)

UNIX_SECONDS_FROM: Final = 100_000_000
"""Smaller client times count from the beginning of the session."""
OUTPUT_REFERENCES: Final = {"stdout": "stdout_ref", "stderr": "stderr_ref"}
"""Kinds of artifacts that a command refers to, with the field that does."""
TYPE_OF: Final = {
    "file_open": "file_open",
    "file_close": "file_close",
    "code_edit": "file_edit",
    "terminal_command": "cmd_run",
    "test_result": "test_run",
    "commit": "commit",
    "reasoning_step": "rationale_note",
}


def as_event(recorded: RecordedEvent, references: Mapping[str, str], outputs: Mapping[str, str], created_at: datetime) -> Event:
    """An event of the trace.

    Args:
        recorded: what the recorder sent.
        references: names of artifacts of this event by field (``stdout_ref`` …), for fields that the recorder left empty.
        outputs: text of those artifacts by field, to be kept as the command's output where the recorder sent none.
        created_at: when the session was created; client times may count from there.
    """
    common: dict[str, Any] = {"event_id": recorded.id, "timestamp": client_time(recorded.ts_client_s, created_at)}
    extra = dict(recorded.extra or {})
    if recorded.seq is not None:
        extra["client_seq"] = recorded.seq
    if recorded.ts_client_s is None:
        name_unknown(extra, "timestamp")
    match recorded:
        case RecordedOpen():
            return FileOpen(event_type="file_open", data=FileOpenData(**_with(extra, file_path=recorded.file_path)), **common)
        case RecordedClose():
            return FileClose(
                event_type="file_close", data=FileCloseData(**_with(extra, file_path=recorded.file_path)), **common
            )
        case RecordedEdit():
            return CodeEdit(event_type="code_edit", data=_edit(recorded, extra), **common)
        case RecordedCommand():
            data = _command(recorded, references, outputs, extra)
            return TerminalCommand(event_type="terminal_command", data=data, **common)
        case RecordedTestRun():
            return TestResult(event_type="test_result", data=_test_run(recorded, references, extra), **common)
        case RecordedCommit():
            return Commit(event_type="commit", data=_commit(recorded, extra), **common)
        case RecordedNote():
            return ReasoningStep(event_type="reasoning_step", data=_note(recorded, extra), **common)


def client_time(seconds: float | None, created_at: datetime) -> datetime:
    """The moment that a recorder means.

    Raises:
        ValueError: there is no such moment.
    """
    if seconds is None:
        return created_at
    try:
        base = 0.0 if seconds >= UNIX_SECONDS_FROM else created_at.timestamp()
        return datetime.fromtimestamp(base + seconds, UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError(f"ts_client_s {seconds} is no time") from None


def as_recorded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A stored event's JSON in the recording API's words."""
    data: dict[str, Any] = dict(fields["data"])
    extra: dict[str, Any] = dict(data.pop("extra", None) or {})
    seq = extra.pop("client_seq", None)
    shown: dict[str, Any] = {
        "id": fields["event_id"],
        "seq": fields["seq"] if seq is None else seq,
        "type": TYPE_OF[fields["event_type"]],
        "ts_client_s": datetime.fromisoformat(fields["timestamp"]).timestamp(),
        "ts_server_s": datetime.fromisoformat(fields["received_at"]).timestamp(),
    }
    if fields["event_type"] == "code_edit":
        names = {"diff": "diff_unified", "hash_before": "buffer_hash_before", "hash_after": "buffer_hash_after"}
        shown |= {names.get(name, name): value for name, value in data.items()}
        shown["edit_bytes"] = extra.pop("edit_bytes", None)
    elif fields["event_type"] == "terminal_command":
        shown |= {("cmd" if name == "command" else name): value for name, value in data.items()}
    elif fields["event_type"] == "reasoning_step":
        shown["freeform"] = data.pop("content")
        shown["structured"] = data
    else:
        shown |= data
    if extra:
        shown["extra"] = extra
    return shown


def _with(extra: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The fields that say something: a field that is left out is not the same as one that is null."""
    given = {name: value for name, value in fields.items() if value is not None}
    return {**given, "extra": dict(extra)} if extra else given


def _edit(recorded: RecordedEdit, extra: dict[str, Any]) -> CodeEditData:
    if recorded.edit_bytes is not None:
        extra["edit_bytes"] = recorded.edit_bytes
    fields = _with(
        extra,
        file_path=recorded.file_path,
        diff=recorded.diff_unified,
        snapshot_after=recorded.snapshot_after,
        language=recorded.language,
        hash_before=recorded.buffer_hash_before,
        hash_after=recorded.buffer_hash_after,
    )
    return CodeEditData(**fields)


def _command(
    recorded: RecordedCommand, references: Mapping[str, str], outputs: Mapping[str, str], extra: dict[str, Any]
) -> TerminalCommandData:
    output = recorded.output
    if output is None:
        output = "".join(outputs[name] for name in OUTPUT_REFERENCES.values() if name in outputs)
        if not outputs:
            name_unknown(extra, "output")
    fields = _with(
        extra,
        command=recorded.cmd,
        output=output,
        cwd=recorded.cwd,
        stdout_ref=recorded.stdout_ref or references.get("stdout_ref"),
        stderr_ref=recorded.stderr_ref or references.get("stderr_ref"),
        env_redacted=recorded.env_redacted,
    )
    return TerminalCommandData(exit_code=recorded.exit_code, duration_ms=recorded.duration_ms, **fields)


def _test_run(recorded: RecordedTestRun, references: Mapping[str, str], extra: dict[str, Any]) -> TestResultData:
    passed = recorded.tests_passed
    if passed is None:
        passed = not recorded.num_failed and not recorded.failed_tests
    fields = _with(
        extra,
        tests_passed=passed,
        test_command=recorded.test_command or _selected_command(recorded),
        failed_tests=recorded.failed_tests or None,
        framework=recorded.framework,
        selection=recorded.selection,
        num_passed=recorded.num_passed,
        num_failed=recorded.num_failed,
        report_ref=recorded.report_ref or references.get("report_ref"),
    )
    return TestResultData(summary=recorded.summary if recorded.summary is not None else _counted(recorded), **fields)


def _selected_command(recorded: RecordedTestRun) -> str:
    """What was run, as far as the recorder says: its framework and selection."""
    selection = recorded.selection if isinstance(recorded.selection, str) else " ".join(recorded.selection or ())
    return " ".join(part for part in (recorded.framework or "unknown", selection) if part)


def _counted(recorded: RecordedTestRun) -> str:
    counts = ((recorded.num_passed, "passed"), (recorded.num_failed, "failed"))
    return ", ".join(f"{count} {word}" for count, word in counts if count is not None)


def _commit(recorded: RecordedCommit, extra: dict[str, Any]) -> CommitData:
    fields = _with(extra, sha=recorded.sha, parent_sha=recorded.parent_sha, diff=recorded.diff)
    return CommitData(message=recorded.message, **fields)


def _note(recorded: RecordedNote, extra: dict[str, Any]) -> ReasoningStepData:
    structured = recorded.structured or StructuredNote()
    fields = _with(
        extra,
        plan=structured.plan,
        hypothesis=structured.hypothesis,
        observation=structured.observation,
        decision=structured.decision,
        next_step=structured.next_step,
    )
    return ReasoningStepData(content=recorded.freeform or "", **fields)
