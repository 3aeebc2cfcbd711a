"""The trace: one session of fixing one bug. ``NewTrace`` is what a client may say, ``Trace`` what the server keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter

from app.models.base import (
    MAX_SAFE_INTEGER,
    ArtifactName,
    EventId,
    JsonObject,
    NotForClients,
    Sha256,
    ShortText,
    TraceId,
    Value,
)
from app.models.commands import TestCommand
from app.models.events import Event
from app.models.integrity import Integrity
from app.models.job import FinalizeRequest
from app.models.judgement import Judgement
from app.models.qa import QAResults

SCHEMA_VERSION: Literal["1.0"] = "1.0"

Status = Literal["open", "finalizing", "finalized"]


ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._/:@-]{0,254}$")]
Requirement = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}==[A-Za-z0-9][A-Za-z0-9.!+_-]{0,63}$")]
"""``name==version``: nothing that could be read as an option, an address or a path."""


class LanguageRatio(Value):
    """How much of a repository is written in a language."""

    lang: ShortText
    ratio: Annotated[float, Field(ge=0, le=1)]


class Repo(Value):
    """The repository that the bug is in, as far as it is known."""

    name: ShortText | None = None
    url: ShortText | None = None
    branch: ShortText | None = None
    commit_before: ShortText | None = None
    commit_after: ShortText | None = None
    test_command: TestCommand | None = None
    language_stats: tuple[LanguageRatio, ...] = ()
    image: ImageName | None = None
    """The container image that the tests need, one of those that the operator allows."""
    requirements: Annotated[tuple[Requirement, ...], Field(max_length=200)] = ()
    """What the tests import: packages of PyPI, each of one version."""


class NewRepo(Repo):
    """The repository that the bug is in, as a document has to state it."""

    name: ShortText
    url: ShortText
    branch: ShortText
    commit_before: ShortText
    commit_after: ShortText
    test_command: TestCommand


class Task(Value):
    """What was to be done."""

    title: ShortText | None = None
    description: str | None = None
    known_failing_tests: tuple[str, ...] = ()


class Agent(Value):
    """The program that did the work."""

    name: ShortText | None = None
    version: ShortText | None = None
    model: ShortText | None = None


class Consent(Value):
    """Which kinds of content may be kept."""

    rationales: bool = True
    commands: bool = True
    snapshots: bool = True


class ClientClock(Value):
    """The clock that timestamps were read from."""

    tz: ShortText | None = None
    start_unix_s: Annotated[float, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)] | None = None


class Recorder(Value):
    """The program that recorded the session."""

    name: ShortText | None = None
    version: ShortText | None = None
    extra: JsonObject | None = None


class Session(Value):
    """Who worked, and how it was recorded."""

    role: Literal["human_dev", "ai_agent"] | None = None
    agent: Agent | None = None
    consent: Consent | None = None
    client_clock: ClientClock | None = None
    recorder: Recorder | None = None


class Environment(Value):
    """The machine that the session ran on."""

    os: ShortText | None = None
    ide_version: ShortText | None = None
    python_version: ShortText | None = None
    tools: tuple[str, ...] = ()


class ArtifactRef(Value):
    """A file that belongs to a trace; its bytes lie in the artifact store under their hash."""

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=0)]
    media_type: ShortText
    kind: ShortText
    """``workspace``, ``final_workspace``, ``tests``, or what the client called it."""
    event_id: EventId | None = None


class Metrics(Value):
    """Counts over the events of a trace."""

    duration_s: float
    """From the first event to the last, by the client's clock."""
    num_events: int
    num_edits: int
    num_cmds: int
    num_test_runs: int
    files_touched: int
    """Distinct files edited."""
    edit_churn_lines: int
    """Lines added plus lines removed, over all edits."""


class _TraceFields(Value):
    schema_version: Literal["1.0"] = SCHEMA_VERSION
    developer_id: Annotated[str, Field(min_length=1, max_length=128)]
    bug_id: ShortText | None = None
    start_time: datetime
    end_time: datetime | None = None
    task: Task | None = None
    session: Session | None = None
    environment: Environment | None = None
    events: tuple[Event, ...] = ()


class TraceStart(_TraceFields):
    """A whole session, or its beginning, as far as it is known."""

    trace_id: TraceId | None = None
    """Chosen by the server where it is left out."""
    repo: Repo


class NewTrace(TraceStart):
    """A whole session, or its beginning, in one request."""

    repo: NewRepo
    artifacts: NotForClients = None
    metrics: NotForClients = None
    qa_results: NotForClients = None
    qa_history: NotForClients = None
    judgements: NotForClients = None
    finalize_request: NotForClients = None
    integrity: NotForClients = None
    status: NotForClients = None
    created_at: NotForClients = None
    finalized_at: NotForClients = None
    revision: NotForClients = None
    redactions: NotForClients = None
    zone_assumed: NotForClients = None
    request_sha256: NotForClients = None


class NewEvents(Value):
    """Events to add to a trace."""

    events: Annotated[tuple[Event, ...], Field(min_length=1)]


class Trace(_TraceFields):
    """A stored trace."""

    trace_id: TraceId
    repo: Repo
    artifacts: dict[ArtifactName, ArtifactRef] = {}
    metrics: Metrics | None = None
    finalize_request: FinalizeRequest | None = None
    """What the last finalize was asked for; one that a crash interrupted is carried out by it."""
    qa_results: QAResults | None = None
    qa_history: tuple[QAResults, ...] = ()
    """Earlier results, oldest first."""
    judgements: tuple[Judgement, ...] = ()
    """Made on request since a finalize, oldest first; those of a finalize stand in its results."""
    status: Status = "open"
    created_at: datetime
    finalized_at: datetime | None = None
    revision: int = 1
    redactions: dict[str, int] = {}
    """How many secrets and personal data of each kind were replaced before the events were stored."""
    integrity: Integrity | None = None
    """The seal; from the first finalize on."""
    zone_assumed: tuple[str, ...] = ()
    """Names of the trace's own timestamps that came without a zone."""
    request_sha256: Sha256
    """Hash of the request that created the trace: tells a repeated request from a different one."""


TRACE: TypeAdapter[Trace] = TypeAdapter(Trace)
