"""The document API: whole traces, for scripts."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from app.api.bodies import json_body, parse_body
from app.api.dependencies import Services, TraceIdPath, services_of
from app.api.examples import FINALIZE, NEW_EVENTS, NEW_TRACE
from app.api.schemas import Appended, FinalizeRequest, Stored, problems, takes
from app.api.security import require_token
from app.models.trace import NewEvents, NewTrace, Trace
from app.services.finalize import FinalizeOptions
from app.services.traces import Document, as_document

router = APIRouter(
    prefix="/traces", tags=["traces"], dependencies=[Depends(require_token)], responses=problems(401, 422, 503, 507)
)  # fmt: skip

Body = Annotated[bytes, Depends(json_body)]


@router.post(
    "",
    status_code=201,
    summary="Store a new trace",
    responses={201: {"model": Stored}, 200: {"model": Stored}, **problems(400, 409, 413, 415)},
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
    responses={200: {"model": Trace}, 304: {"description": "The trace is as the client knows it"}, **problems(404)},
)
def read_trace(trace_id: TraceIdPath, services: Services, request: Request) -> Response:
    """The document with its events in time order. With `If-None-Match`, 304 where nothing has changed."""
    document = services.traces.document(trace_id)
    known = request.headers.get("if-none-match", "")
    if document.etag in [tag.strip().removeprefix("W/") for tag in known.split(",")]:
        return Response(status_code=304, headers={"ETag": document.etag})
    return _json(document)


@router.post(
    "/{trace_id}/events",
    summary="Append events",
    responses={200: {"model": Appended}, **problems(400, 404, 409, 413, 415)},
    openapi_extra=takes(NewEvents, NEW_EVENTS),
)
def append_events(trace_id: TraceIdPath, services: Services, body: Body) -> JSONResponse:
    """Add events to an open trace. All of them are stored, or none."""
    count = services.ingest.append(trace_id, parse_body(NewEvents, body))
    return JSONResponse(Appended(trace_id=trace_id, appended_events=count).model_dump())


@router.post(
    "/{trace_id}/finalize",
    summary="Finalize: run the tests, judge the reasoning",
    responses={200: {"model": Trace}, **problems(400, 404, 409, 413, 415)},
    openapi_extra=takes(FinalizeRequest, FINALIZE, required=False),
)
async def finalize_trace(trace_id: TraceIdPath, request: Request, body: Body) -> Response:
    """Close the trace, re-run its tests in the sandbox, judge its reasoning, and answer with the document.

    What could not be established is `null`, with the reason beside it. A finalized trace is checked anew; the earlier
    result moves to `qa_history`.
    """
    asked = parse_body(FinalizeRequest, body or b"{}")
    services = services_of(request)
    work = partial(services.finalize.finalize, trace_id, FinalizeOptions(asked.test_command, asked.judge))
    # a line of its own: those who wait for a sandbox do not use up the threads that serve everybody else
    trace = await to_thread.run_sync(work, limiter=request.app.state.finalize_line)
    return _json(as_document(trace))


def _json(document: Document) -> Response:
    return Response(document.content, media_type="application/json", headers={"ETag": document.etag})
