"""The document API: whole traces, for scripts."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.bodies import IdempotencyKey, json_body, parse_body
from app.api.dependencies import Services, TraceIdPath, services_of
from app.api.examples import FINALIZE, NEW_EVENTS, NEW_TRACE
from app.api.schemas import Appended, FinalizeRequest, Stored, problems, takes
from app.api.security import Caller, require_token, require_trace_token
from app.models.integrity import Checkpoint
from app.models.job import JobStatus, QAJob
from app.models.trace import NewEvents, NewTrace, Trace
from app.services.idempotency import RequestKey
from app.storage.base import StoredDocument

router = APIRouter(prefix="/traces", tags=["traces"], responses=problems(401, 422, 503, 507))

Body = Annotated[bytes, Depends(json_body)]
_WHOLE_BYTES = 4 * 1024 * 1024
"""Documents up to this size are sent in one piece."""


@router.post(
    "",
    status_code=201,
    summary="Store a new trace",
    dependencies=[Depends(require_token)],
    responses={201: {"model": Stored}, 200: {"model": Stored}, **problems(400, 409, 410, 413, 415)},
    openapi_extra=takes(NewTrace, NEW_TRACE),
)
def create_trace(services: Services, body: Body) -> JSONResponse:
    """Store a session, whole or begun. The same request again is answered with 200; nothing is ever overwritten."""
    created = services.ingest.create(parse_body(NewTrace, body))
    answer = Stored(trace_id=created.trace_id).model_dump()
    headers = {"Location": f"/traces/{created.trace_id}"}
    return JSONResponse(answer, 201 if created.is_new else 200, headers)


@router.get(
    "/{trace_id}",
    summary="Read a trace",
    dependencies=[Depends(require_trace_token)],
    responses={200: {"model": Trace}, 304: {"description": "The trace is as the client knows it"}, **problems(404, 410)},
)
def read_trace(trace_id: TraceIdPath, services: Services, request: Request) -> Response:
    """The document with its events in time order. With `If-None-Match`, 304 where nothing has changed."""
    document = services.traces.document(trace_id)
    known = request.headers.get("if-none-match", "")
    if document.etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        document.close()
        return Response(status_code=304, headers={"ETag": document.etag})
    return _document_response(document)


@router.delete(
    "/{trace_id}",
    status_code=204,
    summary="Delete a trace",
    dependencies=[Depends(require_token)],
    responses=problems(404, 409, 410),
)
def delete_trace(trace_id: TraceIdPath, services: Services) -> Response:
    """Remove the trace and every artifact that no other trace holds. A tombstone answers for it from now on."""
    services.traces.delete(trace_id, "on request")
    return Response(status_code=204)


@router.get(
    "/{trace_id}/events",
    summary="Read events in order of arrival",
    dependencies=[Depends(require_trace_token)],
    responses=problems(404, 410),
)
def read_events(
    trace_id: TraceIdPath,
    services: Services,
    after: Annotated[int, Query(ge=0, description="Only events with a greater `seq`")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> Response:
    """A page of a long trace, and where the next one begins: ask again with `after` = `next_after`."""
    page = services.traces.events(trace_id, after, limit)
    following = b"null" if page.next_after is None else str(page.next_after).encode()
    content = b'{"events":[%b],"next_after":%b}' % (b",".join(page.events), following)
    return Response(content, media_type="application/json")


@router.post(
    "/{trace_id}/events",
    summary="Append events",
    responses={200: {"model": Appended}, **problems(400, 404, 409, 410, 413, 415)},
    openapi_extra=takes(NewEvents, NEW_EVENTS),
)
def append_events(trace_id: TraceIdPath, services: Services, caller: Caller, body: Body, key: IdempotencyKey) -> JSONResponse:
    """Add events to an open trace. All of them are stored, or none.

    With an `Idempotency-Key`, the same request again within 24 hours is answered as before and stored once.
    """
    request_key = RequestKey(caller, key, hashlib.sha256(body).hexdigest()) if key is not None else None
    return JSONResponse(services.ingest.append(trace_id, parse_body(NewEvents, body), request_key))


@router.get(
    "/{trace_id}/checkpoint",
    summary="A signed statement of how far the trace has come",
    dependencies=[Depends(require_trace_token)],
    responses={200: {"model": Checkpoint}, **problems(404, 410)},
)
def read_checkpoint(trace_id: TraceIdPath, services: Services) -> Response:
    """Keep it: whoever holds it can prove later that the events up to now were there, and which they were."""
    return Response(services.traces.checkpoint(trace_id).model_dump_json(), media_type="application/json")


@router.post(
    "/{trace_id}/finalize",
    summary="Finalize: run the tests, judge the reasoning",
    dependencies=[Depends(require_token)],
    responses={200: {"model": Trace}, 202: {"model": JobStatus}, **problems(400, 404, 409, 410, 413, 415)},
    openapi_extra=takes(FinalizeRequest, FINALIZE, required=False),
)
async def finalize_trace(trace_id: TraceIdPath, request: Request, body: Body) -> Response:
    """Close the trace, re-run its tests in the sandbox, judge its reasoning, and answer with the document.

    What could not be established is `null`, with the reason beside it. A finalized trace is checked anew; the earlier
    result moves to `qa_history`. With `Prefer: respond-async` the answer is 202 and a job to ask for.
    """
    asked = parse_body(FinalizeRequest, body or b"{}")
    services = services_of(request)
    job = QAJob(trace_id=trace_id, test_command=asked.test_command, judge=asked.judge)
    future = await to_thread.run_sync(services.finalize.submit, job)
    if "respond-async" in request.headers.get("prefer", "").replace(" ", "").split(","):
        status = JobStatus(job_id=job.job_id, trace_id=trace_id, status="running")
        headers = {"Location": f"/jobs/{job.job_id}", "Preference-Applied": "respond-async"}
        return JSONResponse(status.model_dump(), 202, headers)
    await asyncio.wrap_future(future)
    return _document_response(await to_thread.run_sync(services.traces.document, trace_id))


def _document_response(document: StoredDocument) -> Response:
    headers = {"ETag": document.etag}
    if document.size_bytes is not None and document.size_bytes <= _WHOLE_BYTES:
        return Response(b"".join(document.blocks), media_type="application/json", headers=headers)
    if document.size_bytes is not None:
        headers["Content-Length"] = str(document.size_bytes)
    return StreamingResponse(document.blocks, media_type="application/json", headers=headers)
