"""What recorders send: a session in chunks, in the words of the recording API.

An event's own fields stand beside ``id`` and ``type``; recorders that put them into a ``data`` object are understood as well.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from app.models.base import MAX_SAFE_INTEGER, ArtifactName, Count, EventId, Extra, SafeInteger, Sha256, ShortText, Value
from app.models.commands import TestCommand
from app.models.paths import RepoPath
from app.models.trace import Agent, ClientClock, Consent, Environment, Recorder

_Names = Annotated[tuple[str, ...], Field(strict=False)]
"""A list; behind the validator that takes wrappers off, events are Python values, in which a list is no tuple."""

ChunkId = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class NewRecording(Value):
    """A session begins."""

    participant_id: Annotated[str, Field(min_length=1, max_length=128)]
    task_id: ShortText
    task_title: ShortText
    task_description: str | None = None
    repo_origin: ShortText | None = None
    branch: ShortText | None = None
    start_commit: ShortText | None = None
    commit_after: ShortText | None = None
    """Where the session is over when it is told."""
    known_failing_tests: tuple[str, ...] = ()
    test_command: TestCommand | None = None
    role: Literal["human_dev", "ai_agent"] | None = None
    agent: Agent | None = None
    consent: Consent | None = None
    client_clock: ClientClock | None = None
    recorder: Recorder | None = None
    environment: Environment | None = None


class _Recorded(Value):
    id: EventId
    seq: SafeInteger | None = None
    """The recorder's own count."""
    ts_client_s: float | int | None = None
    """Seconds since 1970, or, below 100,000,000, since the session was created."""
    ts_server_s: float | int | None = None
    """Taken and forgotten: the server has its own clock."""
    extra: Extra | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_wrapper(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("data"), dict):
            rest = {key: field for key, field in value.items() if key != "data"}
            return {**value["data"], **rest}
        return value


class RecordedOpen(_Recorded):
    """A file was opened."""

    type: Literal["file_open"]
    file_path: RepoPath


class RecordedClose(_Recorded):
    """A file was closed."""

    type: Literal["file_close"]
    file_path: RepoPath


class RecordedEdit(_Recorded):
    """A file was changed, created or deleted."""

    type: Literal["file_edit"]
    file_path: RepoPath
    diff_unified: str
    buffer_hash_before: Sha256 | None = None
    buffer_hash_after: Sha256 | None = None
    edit_bytes: SafeInteger | None = None
    language: ShortText | None = None
    snapshot_after: str | None = None


class RecordedCommand(_Recorded):
    """A command was run in a terminal."""

    type: Literal["cmd_run"]
    cmd: Annotated[str, Field(min_length=1)]
    exit_code: SafeInteger | None = None
    duration_ms: Annotated[float | int, Field(ge=0, le=MAX_SAFE_INTEGER)] | None = None
    output: str | None = None
    cwd: str | None = None
    stdout_ref: str | None = None
    stderr_ref: str | None = None
    env_redacted: dict[str, str] | None = None


class RecordedTestRun(_Recorded):
    """A test run ended."""

    __test__ = False
    type: Literal["test_run"]
    test_command: str | None = None
    framework: ShortText | None = None
    selection: str | _Names | None = None
    num_passed: Count | None = None
    num_failed: Count | None = None
    failed_tests: _Names = ()
    tests_passed: bool | None = None
    summary: str | None = None
    report_ref: str | None = None

    @model_validator(mode="after")
    def _says_how_it_ended(self) -> RecordedTestRun:
        if self.tests_passed is None and self.num_failed is None and not self.failed_tests:
            raise ValueError("a test run says how it ended: tests_passed, num_failed or failed_tests")
        return self


class RecordedCommit(_Recorded):
    """A commit was made."""

    type: Literal["commit"]
    sha: ShortText
    message: str
    parent_sha: ShortText | None = None
    diff: str | None = None


class StructuredNote(Value):
    """A thought, in parts."""

    plan: str | None = None
    hypothesis: str | None = None
    observation: str | None = None
    decision: str | None = None
    next_step: str | None = None


class RecordedNote(_Recorded):
    """What the developer or agent thought."""

    type: Literal["rationale_note"]
    structured: StructuredNote | None = None
    freeform: str | None = None


RecordedEvent = Annotated[
    RecordedOpen | RecordedClose | RecordedEdit | RecordedCommand | RecordedTestRun | RecordedCommit | RecordedNote,
    Field(discriminator="type"),
]


class RecordedArtifact(Value):
    """A file that comes with a chunk."""

    type: ShortText
    """``stdout``, ``stderr``, ``report``, ``workspace_snapshot``, or another kind."""
    event_id: EventId | None = None
    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


class NewChunk(Value):
    """A piece of a session. The same piece again is stored once."""

    chunk_id: ChunkId
    chunk_seq: Count
    """Counted from 0 or 1, without gaps."""
    events: tuple[RecordedEvent, ...] = ()
    artifacts: dict[ArtifactName, RecordedArtifact] = {}
