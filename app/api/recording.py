"""The recording API: sessions in chunks, for recorders."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse

from app.api.bodies import IdempotencyKey, json_body, parse_body
from app.api.dependencies import Services, TraceIdPath
from app.api.examples import NEW_CHUNK, NEW_RECORDING
from app.api.schemas import problems, takes
from app.api.security import Caller, require_token
from app.models.recording import NewChunk, NewRecording
from app.rules.recording_document import as_recording_document

router = APIRouter(prefix="/v1/traces", tags=["recording"], responses=problems(401, 422, 503, 507))

Body = Annotated[bytes, Depends(json_body)]


@router.post(
    "",
    summary="Begin a session",
    responses=problems(400, 409, 410, 413, 415),
    openapi_extra=takes(NewRecording, NEW_RECORDING),
)
def create_recording(
    services: Services, caller: Annotated[str, Depends(require_token)], body: Body, key: IdempotencyKey
) -> dict[str, Any]:
    """Answers with an upload token that opens this trace alone and expires.

    The same request with the same `Idempotency-Key` within 24 hours has the same answer, and begins no second session.
    """
    started = services.recording.create(parse_body(NewRecording, body), caller, key)
    return {"trace_id": started.trace_id, "upload_token": started.upload_token, "message": "Send chunks to events:ingest"}


@router.post(
    "/{trace_id}/events:ingest",
    summary="Store a chunk",
    responses=problems(400, 404, 409, 410, 413, 415),
    openapi_extra=takes(NewChunk, NEW_CHUNK),
)
def ingest_chunk(trace_id: TraceIdPath, services: Services, caller: Caller, body: Body, key: IdempotencyKey) -> JSONResponse:
    """Store events and artifacts. The same chunk again is answered as before and stored once.

    Chunks come in order: after a gap the answer is 409 and says which chunk is expected.
    """
    return JSONResponse(dict(services.recording.ingest(trace_id, parse_body(NewChunk, body), caller, key)))


@router.post("/{trace_id}/complete", summary="End a session", responses=problems(404, 410))
def complete_recording(trace_id: TraceIdPath, services: Services, caller: Caller) -> dict[str, Any]:
    """Seal the trace and have it checked. Poll `GET /v1/traces/{trace_id}` until it is final."""
    del caller  # known to be allowed
    completed = services.recording.complete(trace_id)
    return {
        "status": "completed",
        "trace_id": trace_id,
        "final_uri": f"/v1/traces/{trace_id}",
        "num_events": completed.num_events,
        "qa_job_id": completed.qa_job_id,
    }


@router.get(
    "/{trace_id}",
    summary="Read a session",
    responses={202: {"description": "The trace is not final yet"}, **problems(404, 410)},
)
def read_recording(trace_id: TraceIdPath, services: Services, caller: Caller) -> JSONResponse:
    """The final trace in this API's shape; 202 while it is open or being checked."""
    del caller  # known to be allowed
    head = services.traces.head(trace_id)
    if head.trace.status != "finalized":
        waiting = {"trace_id": trace_id, "status": head.trace.status, "num_events": head.num_events}
        return JSONResponse(waiting, 202, {"Retry-After": "2"})
    document = services.traces.document(trace_id)
    return JSONResponse(as_recording_document(b"".join(document.blocks)), headers={"ETag": document.etag})
