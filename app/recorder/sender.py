"""Brings what was recorded to the server, step by step, each of which may be taken again after whatever went wrong.

Begin the session, upload the tree from before, send the chunks in order; once the recording is stopped, upload the final tree
and complete. How far it came is on disk before the next step is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.models.trace import ClientClock, Recorder
from app.models.trace import Session as TraceSession
from app.recorder.chunks import Chunk, Plan
from app.recorder.link import Answer, Link, UnreachableError
from app.recorder.state import Remote, Session, StateFolder

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_BUSY = frozenset({"idempotency_key_in_use", "busy"})
RECORDER = "pr-telemetry"
WORKSPACE, FINAL_WORKSPACE = "workspace", "final_workspace"
MakeLink = Callable[[str], Link]


@dataclass(frozen=True)
class Step:
    """What came of one step."""

    kind: Literal["went_on", "nothing_to_do", "wait", "blocked"]
    wait_s: float = 0.0
    problem: str | None = None


@dataclass(frozen=True)
class Sender:
    """Sends one session. Its steps are to be taken under the folder's ``send`` lock."""

    folder: StateFolder
    plan: Plan
    make_link: MakeLink = Link

    def step(self, failures: int = 0) -> Step:
        """Take the next step that there is to take.

        Args:
            failures: how many steps before this one had to be taken again; the wait grows with it.
        """
        session, remote = self.folder.load_session(), self.folder.load_remote()
        if session.server is None or remote.is_complete:
            return Step("nothing_to_do")
        if remote.is_blocked:
            return Step("blocked", problem=remote.problem)
        link = self.make_link(session.server)
        try:
            step = self._next(link, session, remote)
        except UnreachableError as error:
            step = Step("wait", problem=error.detail)
        if step.kind == "wait":
            step = replace(step, wait_s=max(step.wait_s, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(failures, 10))))
        self._note(step)
        return step

    def _next(self, link: Link, session: Session, remote: Remote) -> Step:
        if remote.trace_id is None:
            return self._begin(link, session, remote)
        if WORKSPACE not in remote.uploaded and self.folder.artifact(WORKSPACE).exists():
            return self._upload(link, remote, WORKSPACE)
        chunk = self.plan.next_chunk(remote.acknowledged)
        if chunk is not None:
            return self._send(link, remote, chunk)
        if session.stopped_at is None:
            return Step("nothing_to_do")
        if FINAL_WORKSPACE not in remote.uploaded and self.folder.artifact(FINAL_WORKSPACE).exists():
            return self._upload(link, remote, FINAL_WORKSPACE)
        return self._complete(link, remote)

    def _begin(self, link: Link, session: Session, remote: Remote) -> Step:
        if remote.beginning is None:
            remote = replace_remote(remote, beginning=new_recording(session))
            self.folder.save_remote(remote)
        headers = {"Idempotency-Key": f"{session.session_id}-begin"}
        answer = link.post("/v1/traces", remote.api_token or "", remote.beginning, headers)
        if not _says(answer, "trace_id", "upload_token"):
            return _refused(answer, "begin the session")
        begun = replace_remote(
            remote, trace_id=answer.body["trace_id"], upload_token=answer.body["upload_token"], api_token=None, beginning=None
        )
        self.folder.save_remote(begun)
        return Step("went_on")

    def _upload(self, link: Link, remote: Remote, name: str) -> Step:
        path = f"/traces/{remote.trace_id}/artifacts/{name}"
        answer = link.put_file(path, _token(remote), self.folder.artifact(name), "application/gzip")
        if _says(answer, "sha256"):
            self.folder.save_remote(replace_remote(remote, uploaded=(*remote.uploaded, name)))
            return Step("went_on")
        # closed is the trace of a session that was sent before, from another copy of its file
        if answer.status in (400, 403, 413, 422) or answer.code == "trace_closed":
            # a tree that is not taken is no reason to lose the session
            warning = f"the server does not take {name}: {answer.detail}"
            self.folder.save_remote(
                replace_remote(remote, uploaded=(*remote.uploaded, name), warnings=(*remote.warnings, warning))
            )
            return Step("went_on")
        return _refused(answer, f"upload {name}")

    def _send(self, link: Link, remote: Remote, chunk: Chunk) -> Step:
        document = self.plan.render(chunk)
        headers = {"Idempotency-Key": document["chunk_id"]}
        answer = link.post(f"/v1/traces/{remote.trace_id}/events:ingest", _token(remote), document, headers)
        if _says(answer, "chunk_id"):
            self.folder.save_remote(replace_remote(remote, acknowledged=chunk.number))
            return Step("went_on")
        if answer.status == 413 and self.plan.make_smaller(chunk) is not None:
            return Step("went_on")
        if answer.code == "chunk_out_of_order":
            return self._go_back(remote, chunk, answer)
        return _refused(answer, f"send chunk {chunk.number}")

    def _go_back(self, remote: Remote, chunk: Chunk, answer: Answer) -> Step:
        expected = _expected(answer)
        if expected is None or expected >= chunk.number:
            return _refused(answer, f"send chunk {chunk.number}")
        self.folder.save_remote(replace_remote(remote, acknowledged=max(0, expected - 1)))
        return Step("went_on")

    def _complete(self, link: Link, remote: Remote) -> Step:
        answer = link.post(f"/v1/traces/{remote.trace_id}/complete", _token(remote), {})
        if not _says(answer, "trace_id"):
            return _refused(answer, "complete the session")
        self.folder.save_remote(replace_remote(remote, is_complete=True))
        return Step("went_on")

    def _note(self, step: Step) -> None:
        """Keep the problem for who asks."""
        remote = self.folder.load_remote()
        noted = replace_remote(remote, problem=step.problem, is_blocked=step.kind == "blocked")
        if noted != remote:
            self.folder.save_remote(noted)


def new_recording(session: Session) -> dict[str, Any]:
    """What begins a session on the server."""
    names = ("participant_id", "task_id", "task_title", "task_description", "test_command", "known_failing_tests", "consent",
             "environment", "repo_origin", "branch", "start_commit")  # fmt: skip
    recorded = recorded_by(session).model_dump(mode="json", include={"role", "client_clock", "recorder"}, exclude_none=True)
    ended = {} if session.end_commit is None else {"commit_after": session.end_commit}
    return session.model_dump(mode="json", include=set(names), exclude_none=True) | recorded | ended


def recorded_by(session: Session) -> TraceSession:
    """Who worked, and how it was recorded, in the words of a trace."""
    return TraceSession(
        role="human_dev",
        consent=session.consent,
        client_clock=ClientClock(tz=session.time_zone, start_unix_s=session.started_at),
        recorder=Recorder(name=RECORDER, version=session.recorder_version),
    )


def replace_remote(remote: Remote, **changes: Any) -> Remote:
    """The remote with some fields changed."""
    return remote.model_copy(update=changes)


def _token(remote: Remote) -> str:
    return remote.upload_token or remote.api_token or ""


def _says(answer: Answer, *names: str) -> bool:
    """Whether all is well, and it is the server that says so: a network that wants a login answers 200, too."""
    return answer.status in (200, 201) and all(isinstance(answer.body.get(name), str) for name in names)


def _refused(answer: Answer, what: str) -> Step:
    problem = f"could not {what}: {answer.detail}"
    if answer.status < 400:
        return Step("wait", problem=f"could not {what}: what answers is not the recording API")
    if answer.status in _TRY_AGAIN or answer.code in _BUSY:
        return Step("wait", wait_s=min(answer.retry_after_s or 0.0, 10 * LONGEST_WAIT_S), problem=problem)
    return Step("blocked", problem=problem)


def _expected(answer: Answer) -> int | None:
    told = answer.body.get("expected")
    if isinstance(told, int):
        return told
    found = re.search(r"expected is (\d{1,9})\b", str(answer.body.get("detail", "")))
    return int(found[1]) if found else None
