"""A finalize on a server, followed stage by stage; ``finalize`` and ``submit --finalize`` share it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from app.cli.client import Client
from app.cli.session_document import read_session
from app.cli.terminal import harmless
from app.errors import InvalidError, NotFoundError, PRTelemetryError, UnavailableError

_IN_MEMORY_BYTES = 4 * 1024 * 1024

OnStage = Callable[[str], None]


def finalize_on(client: Client, trace_id: str, request: Mapping[str, Any], on_stage: OnStage) -> dict[str, Any]:
    """Have a trace checked, and wait for it. Answers with what was found, in short.

    Raises:
        NotFoundError: no trace has this id.
        ConflictError: it is being finalized already.
        UnavailableError: the answer broke off; the server goes on with it.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as document:
        for kind, data in client.listen(f"/traces/{quote(trace_id, safe='')}/finalize", request):
            if kind == "stage":
                on_stage(str(json.loads(data)["stage"]))
            elif kind == "problem":
                raise UnavailableError(f"Trace {trace_id} could not be finalized; the server's log says why")
            elif kind == "result":
                document.write(data + b"\n")
        return _found(trace_id, document)


def is_finalized(client: Client, trace_id: str) -> bool:
    """Whether a trace was finalized, and nobody is at it now."""
    try:
        return bool(client.get(f"/jobs/qa-{quote(trace_id, safe='')}")["status"] == "done")
    except NotFoundError:
        return False


def render_found(found: Mapping[str, Any]) -> list[str]:
    """What was found, for a person."""
    claims = ", ".join(f"{count} {status}" for status, count in (found["claims"] or {}).items()) or "none"
    score = "not established" if found["reasoning_score"] is None else f"{found['reasoning_score']:.2f} of 5"
    return [
        harmless(f"{found['trace_id']}: {found['verdict']}: {found['reason']}"),
        f"  claims: {claims}; reasoning: {score} (judge: {found['judge_kind'] or 'none'})",
    ]


def problem_of(error: PRTelemetryError) -> dict[str, Any]:
    """What stood in the way, as it is printed with --json."""
    faults = error.faults if isinstance(error, InvalidError) else ()
    told = [{"loc": list(fault.loc), "msg": fault.msg} for fault in faults]
    return {"code": error.code, "detail": error.detail, "faults": told}


def _found(trace_id: str, document: tempfile.SpooledTemporaryFile[bytes]) -> dict[str, Any]:
    try:
        head = read_session(f"trace {trace_id}", document).head  # type: ignore[arg-type]  # a seekable binary file
    except InvalidError as error:
        raise UnavailableError(f"The server's answer broke off; it goes on with trace {trace_id}: {error.detail}") from None
    results = head["qa_results"]
    return {
        "trace_id": head["trace_id"],
        "verdict": results["verification"]["verdict"],
        "reason": results["verification"]["reason"],
        "tests_passed": results["tests_passed"],
        "claims": results["replay"]["counts"] if results["replay"] else None,
        "reasoning_score": results["reasoning_score"],
        "judge_kind": results["judge_kind"],
    }
