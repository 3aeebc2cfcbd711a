"""Sessions in chunks, over bad networks: each chunk is stored once, in order, whatever is sent again."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.errors import BusyError, ConflictError, Fault, InvalidError, TraceNotFoundError, WrongCredentialsError
from app.models.events import Event
from app.models.job import QAJob, job_id_of
from app.models.recording import NewChunk, NewRecording, RecordedArtifact
from app.models.trace import ArtifactRef, ClientClock, Recorder, Repo, Session, Task, TraceStart
from app.rules.lifecycle import refuse_unless_open
from app.rules.recording import OUTPUT_REFERENCES, as_event
from app.rules.redaction.consent import artifact_allowed
from app.rules.sequence import accept_events
from app.services.artifacts import ArtifactService, Upload, refuse_another
from app.services.idempotency import RequestKey, RequestKeys, key_receipts, known_answer
from app.services.ingest import IngestService
from app.services.intake import Intake, Screened, consent_of
from app.services.keyed_sessions import KeyedSessions
from app.storage.base import Receipt, Record, TraceHead, TraceStore
from app.utils.auth import same_secret
from app.utils.clock import Clock
from app.utils.text import head_and_tail

_REFERENCES = {**OUTPUT_REFERENCES, "report": "report_ref", "test_report": "report_ref"}
_TREES = {"workspace_snapshot": "workspace", "final_workspace_snapshot": "final_workspace"}
_INLINE_CHARACTERS = 64 * 1024
_TOKEN_RECEIPT: Final = ("token", "upload")
_NO_TRACE_YET = ""
"""Stands for the trace of a request that is only about to begin one."""


class ChunkConflictError(ConflictError):
    """The chunk_id belongs to a chunk with another content; nothing was stored."""

    code = "chunk_conflict"


class ChunkSequenceError(ConflictError):
    """Chunks come in order, without gaps."""

    code = "chunk_out_of_order"


@dataclass(frozen=True)
class Started:
    """A session can be recorded now."""

    trace_id: str
    upload_token: str
    """Opens this trace alone. It is not stored, and shown again only to who repeats the request with its key."""


@dataclass(frozen=True)
class Completed:
    """A session is closed, and being checked."""

    trace_id: str
    num_events: int
    qa_job_id: str


class RecordingService:
    """Accepts sessions in chunks."""

    def __init__(
        self,
        store: TraceStore,
        ingest: IngestService,
        artifacts: ArtifactService,
        finalize: Callable[[QAJob], object],
        intake: Intake,
        keys: RequestKeys,
        keyed: KeyedSessions,
        clock: Clock,
        token_lifetime: timedelta,
    ) -> None:
        self._store = store
        self._ingest = ingest
        self._artifacts = artifacts
        self._finalize = finalize
        self._intake = intake
        self._keys = keys
        self._keyed = keyed
        self._clock = clock
        self._token_lifetime = token_lifetime

    def create(self, new: NewRecording, caller: str, key: str | None) -> Started:
        """Begin a session. The same request with the same key is answered as before, and begins nothing.

        Its token opens the trace then as long as if it were new, for as long as the trace is open.

        Raises:
            InvalidError: the client's clock says no time.
            KeyReusedError: the key belongs to another request.
            KeyInUseError: the first request with this key is still running.
            TraceDeletedError: the session that was begun with this key has been deleted.
        """
        now = self._clock()
        if key is None:
            return self._begin(new, None, secrets.token_urlsafe(32), (), now)
        request_key = _begin_key(new, caller, key)
        with self._keys.running(_NO_TRACE_YET, request_key):
            trace_ids = self._keyed.trace_ids(request_key, now)
            for trace_id in trace_ids:
                if self._was_begun(trace_id, request_key, now):
                    return self._begun_before(trace_id, now)
            trace_id = trace_ids[0]
            receipts = key_receipts(request_key, {"trace_id": trace_id}, now)
            return self._begin(new, trace_id, self._keyed.token(trace_id), receipts, now)

    def complete(self, trace_id: str) -> Completed:
        """Close a session and have it checked. Again: the same answer, and nothing is done twice.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        head = self._store.head(trace_id)
        if head.trace.status != "finalized":
            with contextlib.suppress(BusyError):
                self._finalize(QAJob(trace_id=trace_id))
        return Completed(trace_id, self._store.head(trace_id).num_events, job_id_of(trace_id))

    def authorise(self, trace_id: str, token: str) -> None:
        """Let the bearer of a trace's upload token pass.

        Raises:
            WrongCredentialsError: the token is another trace's or has expired, or there is no such trace.
        """
        receipt = self._store.head(trace_id).receipts.get(_TOKEN_RECEIPT)
        if receipt is None or not _is_token(token, receipt):
            raise WrongCredentialsError
        if _has_expired(receipt, self._clock()):
            raise WrongCredentialsError("The upload token has expired")

    def ingest(self, trace_id: str, chunk: NewChunk, caller: str, key: str | None) -> Mapping[str, object]:
        """Store a chunk. Returns the answer to give, which is the first one where the chunk or the key is known.

        Raises:
            TraceNotFoundError: no trace has this id.
            TraceClosedError: the trace is finalized.
            ChunkConflictError: the chunk_id belongs to another content.
            ChunkSequenceError: another chunk is expected; the message says which.
            KeyReusedError: the key belongs to another request.
            KeyInUseError: the first request with this key is still running.
            DuplicateEventIdError: an event has an id that is taken.
        """
        sha256 = _digest(chunk.model_dump_json().encode())
        request_key = RequestKey(caller, key, sha256) if key is not None else None
        with self._keys.running(trace_id, request_key):
            head = self._store.head(trace_id)
            answer = self._known_answer(head, chunk, sha256, request_key)
            if answer is not None:
                # on disk already: the head that says so may be ahead of the disk, an append of nothing waits for it
                self._store.append(trace_id, lambda _: None)
                return answer
            refuse_unless_open(trace_id, head.trace.status, "events")
            _refuse_out_of_order(head, chunk)
            with self._artifacts.uploading(trace_id) if chunk.artifacts else contextlib.nullcontext():
                return self._store_chunk(head, chunk, sha256, request_key)

    def _begin(
        self, new: NewRecording, trace_id: str | None, token: str, receipts: tuple[Receipt, ...], now: datetime
    ) -> Started:
        created = self._ingest.create(_as_trace(new, trace_id, now), (self._token_receipt(token, now), *receipts))
        return Started(created.trace_id, token)

    def _was_begun(self, trace_id: str, key: RequestKey, now: datetime) -> bool:
        try:
            return known_answer(self._store.head(trace_id), key, now) is not None
        except TraceNotFoundError:
            return False

    def _begun_before(self, trace_id: str, now: datetime) -> Started:
        """The session again, with a token that opens it: one that has expired, or was made with another key, is renewed."""
        token = self._keyed.token(trace_id)

        def admit(head: TraceHead) -> Record | None:
            receipt = head.receipts.get(_TOKEN_RECEIPT)
            is_good = receipt is not None and _is_token(token, receipt) and not _has_expired(receipt, now)
            if is_good or head.trace.status != "open":
                return None
            return Record(receipts=(self._token_receipt(token, now),))

        self._store.append(trace_id, admit)
        return Started(trace_id, token)

    def _token_receipt(self, token: str, now: datetime) -> Receipt:
        return Receipt(*_TOKEN_RECEIPT, _digest(token.encode()), now, expires_at=now + self._token_lifetime)

    def _store_chunk(self, head: TraceHead, chunk: NewChunk, sha256: str, key: RequestKey | None) -> Mapping[str, object]:
        now, trace_id = self._clock(), head.trace.trace_id
        artifacts, texts, redactions = self._keep_artifacts(head, chunk)
        screened = self._intake.screen(_as_events(chunk, texts, head.trace.created_at), consent_of(head.trace.session))
        screened.redactions.update(redactions)
        session = head.trace.session
        withheld = sum(not artifact_allowed(artifact.type, consent_of(session)) for artifact in chunk.artifacts.values())
        answer: Mapping[str, object] = {}

        def accept(head: TraceHead) -> Record | None:
            nonlocal answer
            known = self._known_answer(head, chunk, sha256, key)
            if known is not None:
                answer = known
                return None
            refuse_unless_open(trace_id, head.trace.status, "events")
            _refuse_out_of_order(head, chunk)
            for name, ref in artifacts.items():
                if name in head.artifacts:
                    refuse_another(trace_id, name, head.artifacts[name], ref)
            answer = {
                "status": "accepted",
                "chunk_id": chunk.chunk_id,
                "events_added": len(chunk.events),
                "artifacts_added": len(artifacts),
                **({"artifacts_withheld": withheld} if withheld else {}),
                "total_events": head.num_events + len(chunk.events),
            }
            return self._record(head, chunk, sha256, key, screened, artifacts, answer, now)

        self._store.append(trace_id, accept)
        return answer

    def _record(
        self,
        head: TraceHead,
        chunk: NewChunk,
        sha256: str,
        key: RequestKey | None,
        screened: Screened,
        artifacts: Mapping[str, ArtifactRef],
        answer: Mapping[str, object],
        now: datetime,
    ) -> Record:
        events = accept_events(
            screened.events,
            taken_ids=head.event_ids,
            first_seq=head.num_events + 1,
            chain=head.chain,
            received_at=now,
            new_id=lambda: "",  # recorded events have ids of their own
        )
        receipt = Receipt("chunk", chunk.chunk_id, sha256, now, answer, chunk_seq=chunk.chunk_seq)
        return Record(events, artifacts, (receipt, *key_receipts(key, answer, now)), screened.redactions)

    def _known_answer(
        self, head: TraceHead, chunk: NewChunk, sha256: str, key: RequestKey | None
    ) -> Mapping[str, object] | None:
        answer = known_answer(head, key, self._clock())
        if answer is not None:
            return answer
        receipt = head.receipts.get(("chunk", chunk.chunk_id))
        if receipt is None:
            return None
        if receipt.request_sha256 != sha256:
            raise ChunkConflictError(f"The chunk_id {chunk.chunk_id!r} belongs to a chunk with another content")
        return receipt.answer

    def _keep_artifacts(self, head: TraceHead, chunk: NewChunk) -> tuple[dict[str, ArtifactRef], dict[str, str], Counter[str]]:
        """Keep the contents that may be kept: what is to be attached, the screened texts by their own names, and what was
        replaced in them."""
        redactions: Counter[str] = Counter()
        refs: dict[str, ArtifactRef] = {}
        texts: dict[str, str] = {}
        for name, artifact in chunk.artifacts.items():
            if not artifact_allowed(artifact.type, consent_of(head.trace.session)):
                continue
            content = _content(name, artifact)
            if artifact.encoding == "utf-8" and artifact.type not in _TREES:
                texts[name], counts = self._intake.screen_text(artifact.content)
                redactions += counts
                content = texts[name].encode()
            stored_name = _TREES.get(artifact.type, name)
            upload = Upload(
                trace_id=head.trace.trace_id,
                name=stored_name,
                media_type="text/plain" if name in texts else "application/octet-stream",
                chunks=(content,),
                kind=_TREES.get(artifact.type, artifact.type),
                event_id=artifact.event_id,
            )
            if stored_name in refs:
                fault = Fault(("artifacts", name), f"two artifacts of this chunk would be stored as {stored_name}")
                raise InvalidError(fault.msg, (fault,))
            refs[stored_name] = self._artifacts.keep(upload, head.trace.session)
        return refs, texts, redactions


def _begin_key(new: NewRecording, caller: str, key: str) -> RequestKey:
    # what is stored under this name in the trace is nothing that a key of its own requests could be taken for
    return RequestKey(f"begin:{caller}", key, _digest(new.model_dump_json(exclude_unset=True).encode()))


def _is_token(token: str, receipt: Receipt) -> bool:
    return same_secret(_digest(token.encode("utf-8", "surrogatepass")), receipt.request_sha256)


def _has_expired(receipt: Receipt, now: datetime) -> bool:
    return receipt.expires_at is not None and receipt.expires_at <= now


def _as_trace(new: NewRecording, trace_id: str | None, now: datetime) -> TraceStart:
    recorder = new.recorder or Recorder()
    return TraceStart(
        trace_id=trace_id,
        developer_id=new.participant_id,
        bug_id=new.task_id,
        start_time=_start_time(new.client_clock, now),
        repo=Repo(
            name=_repo_name(new.repo_origin),
            url=new.repo_origin,
            branch=new.branch,
            commit_before=new.start_commit,
            commit_after=new.commit_after,
            test_command=new.test_command,
        ),
        task=Task(title=new.task_title, description=new.task_description, known_failing_tests=new.known_failing_tests),
        session=Session(
            role=new.role,
            agent=new.agent,
            consent=new.consent,
            client_clock=new.client_clock,
            recorder=recorder.model_copy(update={"extra": {**(recorder.extra or {}), "api": "recording"}}),
        ),
        environment=new.environment,
    )


def _start_time(clock: ClientClock | None, now: datetime) -> datetime:
    """When the session began, by the client's clock; by the server's where the client does not say.

    Raises:
        InvalidError: there is no such time.
    """
    if clock is None or clock.start_unix_s is None:
        return now
    try:
        return datetime.fromtimestamp(clock.start_unix_s, UTC)
    except (OverflowError, OSError, ValueError):
        fault = Fault(("client_clock", "start_unix_s"), f"{clock.start_unix_s} seconds since 1970 is no time")
        raise InvalidError(f"1 fault: client_clock.start_unix_s: {fault.msg}", (fault,)) from None


def _repo_name(origin: str | None) -> str | None:
    """The last part of a repository's address."""
    last = (origin or "").rstrip("/").replace(":", "/").rpartition("/")[2].removesuffix(".git")
    return last or None


def _as_events(chunk: NewChunk, texts: Mapping[str, str], created_at: datetime) -> list[Event]:
    events: list[Event] = []
    faults: list[Fault] = []
    for index, recorded in enumerate(chunk.events):
        names = {
            _REFERENCES[artifact.type]: name
            for name, artifact in chunk.artifacts.items()
            if artifact.event_id == recorded.id and artifact.type in _REFERENCES
        }
        outputs = {
            field: head_and_tail(texts[name], _INLINE_CHARACTERS)
            for field, name in names.items()
            if name in texts and field in OUTPUT_REFERENCES.values()
        }
        try:
            events.append(as_event(recorded, names, outputs, created_at))
        except ValueError as error:
            faults.append(Fault(("events", index, "ts_client_s"), str(error)))
    if faults:
        raise InvalidError(f"{len(faults)} events cannot be placed in time", faults)
    return events


def _content(name: str, artifact: RecordedArtifact) -> bytes:
    if artifact.encoding == "utf-8" and artifact.type not in _TREES:
        return artifact.content.encode()
    try:
        return base64.b64decode(artifact.content, validate=True)
    except (binascii.Error, ValueError):
        where = ("artifacts", name, "content")
        fault = Fault(where, "this is not base64" + (", as which a workspace is sent" if artifact.type in _TREES else ""))
        raise InvalidError(f"The artifact {name} cannot be decoded", (fault,)) from None


def _refuse_out_of_order(head: TraceHead, chunk: NewChunk) -> None:
    if head.last_chunk_seq is None:
        if chunk.chunk_seq not in (0, 1):
            raise ChunkSequenceError(f"chunk_seq {chunk.chunk_seq} came; expected is 0 or 1, the first", expected=0)
        return
    expected = head.last_chunk_seq + 1
    if chunk.chunk_seq != expected:
        raise ChunkSequenceError(f"chunk_seq {chunk.chunk_seq} came; expected is {expected}", expected=expected)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
