"""Events: what happened in a session, one at a time. ``event_type`` tells the kinds apart."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, TypeAdapter

from app.models.base import MAX_SAFE_INTEGER, Count, EventId, Extra, SafeInteger, ServerOwned, Sha256, ShortText, Value
from app.models.paths import RepoPath


class EventData(Value):
    """What every kind of event may say."""

    extra: Extra | None = None
    """Whatever has no field of its own."""


class FileOpenData(EventData):
    """A file was opened."""

    file_path: RepoPath


class FileCloseData(EventData):
    """A file was closed."""

    file_path: RepoPath


class CodeEditData(EventData):
    """A file was changed, created or deleted."""

    file_path: RepoPath
    diff: str
    """Unified diff from the file as it was to the file as it became."""
    snapshot_after: str | None = None
    language: ShortText | None = None
    hash_before: Sha256 | None = None
    """SHA-256 of the file's bytes before the edit."""
    hash_after: Sha256 | None = None
    """SHA-256 of the file's bytes after the edit."""


class TerminalCommandData(EventData):
    """A command was run in a terminal."""

    command: Annotated[str, Field(min_length=1)]
    exit_code: SafeInteger | None
    """``null`` where the source does not state it."""
    output: str
    duration_ms: Annotated[int | float, Field(ge=0, le=MAX_SAFE_INTEGER)] | None
    """``null`` where the source does not state it."""
    cwd: str | None = None
    stdout_ref: str | None = None
    stderr_ref: str | None = None
    env_redacted: dict[str, str] | None = None


class TestResultData(EventData):
    """A test run ended."""

    __test__: ClassVar[bool] = False

    tests_passed: bool
    test_command: Annotated[str, Field(min_length=1)]
    summary: str
    failed_tests: tuple[str, ...] = ()
    framework: ShortText | None = None
    selection: str | tuple[str, ...] | None = None
    num_passed: Count | None = None
    num_failed: Count | None = None
    report_ref: str | None = None


class CommitData(EventData):
    """A commit was made."""

    sha: ShortText
    message: str
    parent_sha: ShortText | None = None
    diff: str | None = None


class ReasoningStepData(EventData):
    """What the developer or agent thought."""

    content: str
    plan: str | None = None
    hypothesis: str | None = None
    observation: str | None = None
    decision: str | None = None
    next_step: str | None = None


class _Envelope(Value):
    timestamp: datetime
    """The client's clock. Without a zone, UTC is assumed and ``zone_assumed`` says so."""
    event_id: EventId | None = None
    seq: Annotated[int | None, ServerOwned] = None
    """Place in order of arrival, counted from 1."""
    received_at: Annotated[datetime | None, ServerOwned] = None
    """The server's clock."""
    zone_assumed: Annotated[bool | None, ServerOwned] = None
    hash: Annotated[Sha256 | None, ServerOwned] = None
    """The chain of all events up to this one."""


class FileOpen(_Envelope):
    """A file was opened."""

    event_type: Literal["file_open"]
    data: FileOpenData


class FileClose(_Envelope):
    """A file was closed."""

    event_type: Literal["file_close"]
    data: FileCloseData


class CodeEdit(_Envelope):
    """A file was changed, created or deleted."""

    event_type: Literal["code_edit"]
    data: CodeEditData


class TerminalCommand(_Envelope):
    """A command was run in a terminal."""

    event_type: Literal["terminal_command"]
    data: TerminalCommandData


class TestResult(_Envelope):
    """A test run ended."""

    __test__: ClassVar[bool] = False

    event_type: Literal["test_result"]
    data: TestResultData


class Commit(_Envelope):
    """A commit was made."""

    event_type: Literal["commit"]
    data: CommitData


class ReasoningStep(_Envelope):
    """What the developer or agent thought."""

    event_type: Literal["reasoning_step"]
    data: ReasoningStepData


Event = Annotated[
    FileOpen | FileClose | CodeEdit | TerminalCommand | TestResult | Commit | ReasoningStep,
    Field(discriminator="event_type"),
]
"""One event of a session, told apart by ``event_type``."""

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
EVENTS: TypeAdapter[tuple[Event, ...]] = TypeAdapter(tuple[Event, ...])
