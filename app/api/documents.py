"""The document API: whole traces, for scripts."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import suppress
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic_core import to_json
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.bodies import checked_key, idempotency_key, json_body, parse_body
from app.api.dependencies import Services, TraceIdPath, checked_trace_id, known_trace_id, services_of
from app.api.direct import DirectRoute, Way
from app.api.examples import FINALIZE, NEW_EVENTS, NEW_TRACE
from app.api.group_sync import GroupSync
from app.api.progress import finalize_with_events, prefers_events
from app.api.schemas import Appended as AppendedBody
from app.api.schemas import Stored, problems, takes
from app.api.security import caller_of, refuse_unless_servers, require_token, require_trace_token
from app.models.integrity import Checkpoint
from app.models.job import FinalizeRequest, JobStatus, QAJob
from app.models.trace import NewEvents, NewTrace, Trace
from app.services.idempotency import RequestKey
from app.services.ingest import Appended, IngestService
from app.storage.base import StoredDocument, WouldWaitError

router = APIRouter(prefix="/traces", tags=["traces"], responses=problems(401, 422, 503, 507))

Body = Annotated[bytes, Depends(json_body)]
_AT_ONCE_BYTES = 128 * 1024
"""Bodies up to this size are worked on where they arrive: changing to another thread and back costs more than it is worth."""
_WHOLE_BYTES = 4 * 1024 * 1024
"""Documents up to this size are sent in one piece."""


async def create_trace(request: Request) -> Response:
    """Store a session, whole or begun. The same request again is answered with 200; nothing is ever overwritten."""
    refuse_unless_servers(request)
    body = await json_body(request)
    created = await to_thread.run_sync(
        lambda: services_of(request).ingest.create(parse_body(NewTrace, body), request=body), limiter=request.app.state.creating
    )
    answer = {"trace_id": created.trace_id, "status": "stored"}
    return JSONResponse(answer, 201 if created.is_new else 200, {"Location": f"/traces/{created.trace_id}"})


async def append_events(request: Request) -> Response:
    """Add events to an open trace. All of them are stored, or none.

    With an `Idempotency-Key`, the same request again within 24 hours is answered as before and stored once.
    """
    trace_id = checked_trace_id(request.path_params["trace_id"])
    caller = await caller_of(request, trace_id)
    body = await json_body(request)
    key = checked_key(request.headers.get("idempotency-key"))
    request_key = RequestKey(caller, key, hashlib.sha256(body).hexdigest()) if key is not None else None
    appended = await _append(services_of(request).ingest, trace_id, body, request_key)
    disk: GroupSync = request.app.state.disk
    await disk.on_disk(appended.written)
    return Response(to_json(appended.answer), media_type="application/json")


DIRECT_WAYS = (
    Way(re.compile(r"/traces/(?P<trace_id>[^/]+)/events"), append_events),
    Way(re.compile(r"/traces"), create_trace),
)


def add_direct_routes(router: APIRouter) -> None:
    """The two ways in. Added before all other routes they are found first."""
    router.add_api_route(
        "/traces",
        create_trace,
        methods=["POST"],
        status_code=201,
        tags=["traces"],
        summary="Store a new trace",
        dependencies=[Depends(require_token)],
        responses={201: {"model": Stored}, 200: {"model": Stored}, **problems(400, 401, 409, 410, 413, 415, 422, 503, 507)},
        openapi_extra=takes(NewTrace, NEW_TRACE),
        route_class_override=DirectRoute,
    )
    router.add_api_route(
        "/traces/{trace_id}/events",
        append_events,
        methods=["POST"],
        tags=["traces"],
        summary="Append events",
        dependencies=[Depends(known_trace_id), Depends(require_trace_token), Depends(idempotency_key)],
        responses={200: {"model": AppendedBody}, **problems(400, 401, 404, 409, 410, 413, 415, 422, 503, 507)},
        openapi_extra=takes(NewEvents, NEW_EVENTS),
        route_class_override=DirectRoute,
    )


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
    result moves to `qa_history`. With `Prefer: respond-async` the answer is 202 and a job to ask for; with
    `Accept: text/event-stream` each stage is told as it begins, and the document comes as the last event.
    """
    asked = parse_body(FinalizeRequest, body or b"{}")
    services = services_of(request)
    job = QAJob(trace_id=trace_id, request=asked)
    if prefers_events(request):
        return await finalize_with_events(job, services.finalize, services.traces)
    future = await to_thread.run_sync(services.finalize.submit, job)
    if "respond-async" in request.headers.get("prefer", "").replace(" ", "").split(","):
        status = JobStatus(job_id=job.job_id, trace_id=trace_id, status="running")
        headers = {"Location": f"/jobs/{job.job_id}", "Preference-Applied": "respond-async"}
        return JSONResponse(status.model_dump(), 202, headers)
    await asyncio.wrap_future(future)
    return _document_response(await to_thread.run_sync(services.traces.document, trace_id))


async def _append(ingest: IngestService, trace_id: str, body: bytes, key: RequestKey | None) -> Appended:
    """Accept the events here where that takes no time, or else in a thread."""
    if len(body) <= _AT_ONCE_BYTES:
        with suppress(WouldWaitError):
            return ingest.write(trace_id, parse_body(NewEvents, body), key, may_wait=False)
    return await to_thread.run_sync(lambda: ingest.write(trace_id, parse_body(NewEvents, body), key))


def _document_response(document: StoredDocument) -> Response:
    headers = {"ETag": document.etag}
    if document.size_bytes is not None and document.size_bytes <= _WHOLE_BYTES:
        return Response(b"".join(document.blocks), media_type="application/json", headers=headers)
    if document.size_bytes is not None:
        headers["Content-Length"] = str(document.size_bytes)
    return StreamingResponse(document.blocks, media_type="application/json", headers=headers)
