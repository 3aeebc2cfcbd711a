"""Brings a stopped recording to the server while somebody waits, and asks what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidError
from app.recorder.link import Link, UnreachableError
from app.recorder.recording import Recording
from app.recorder.state import locked

_POLL_S = 1.0
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Delivery:
    """How far it came."""

    trace_id: str | None
    is_complete: bool
    problem: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the server found."""

    verdict: str | None
    reason: str
    claims: dict[str, int]
    """How many claims are confirmed, refuted, unverifiable."""
    document: dict[str, Any]


def deliver(recording: Recording, timeout_s: float, tell: Tell) -> Delivery:
    """Send what is left and complete the session. What cannot be sent in time stays, to be sent later.

    ``tell`` is told once of each thing that stands in the way.
    """
    deadline = time.monotonic() + timeout_s
    with locked(recording.folder.lock("send")):
        remote = recording.folder.load_remote()
        recording.folder.save_remote(remote.model_copy(update={"is_blocked": False, "problem": None}))
        problem, failures = None, 0
        while (step := recording.sender.step(failures)).kind in ("went_on", "wait"):
            failures = failures + 1 if step.kind == "wait" else 0
            if step.kind != "wait":
                continue
            if step.problem is not None and step.problem != problem:
                tell(step.problem)
            problem = step.problem
            if time.monotonic() + step.wait_s > deadline:
                break
            time.sleep(step.wait_s)
        remote = recording.folder.load_remote()
    return Delivery(remote.trace_id, remote.is_complete, remote.problem)


def wait_for_verdict(recording: Recording, timeout_s: float) -> Verdict | None:
    """What the server found; ``None`` where it has not found out in time.

    Raises:
        InvalidError: the session was never sent.
    """
    session, remote = recording.folder.load_session(), recording.folder.load_remote()
    if session.server is None or remote.trace_id is None:
        raise InvalidError("the session is on no server")
    link, token = Link(session.server), remote.upload_token or remote.api_token or ""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            answer = link.get(f"/v1/traces/{remote.trace_id}", token)
        except UnreachableError:
            time.sleep(_POLL_S)
            continue
        if answer.status == 200:
            return _verdict(dict(link.get(f"/traces/{remote.trace_id}", token).body))
        if answer.status in (401, 404, 410):
            raise InvalidError(f"the trace cannot be read: {answer.detail}")
        time.sleep(min(answer.retry_after_s or _POLL_S, 5.0))
    return None


def _verdict(document: dict[str, Any]) -> Verdict:
    results = document.get("qa_results") or {}
    verification = results.get("verification") or {}
    claims: dict[str, int] = {}
    for claim in results.get("claims") or ():
        claims[claim["status"]] = claims.get(claim["status"], 0) + 1
    return Verdict(verification.get("verdict"), str(verification.get("reason", "")), claims, document)
