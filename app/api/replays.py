"""The door of replays: asked for, carried out, answered, nothing changed."""

from __future__ import annotations

import asyncio
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.api.bodies import json_body, parse_body
from app.api.dependencies import TraceIdPath, services_of
from app.api.examples import REPLAY
from app.api.schemas import problems, takes
from app.api.security import require_token
from app.models.replay import ReplayRequest, ReplayResult

router = APIRouter(prefix="/traces", tags=["traces"], responses=problems(401, 422, 503, 507))


@router.post(
    "/{trace_id}/replay",
    summary="Replay the session, claim by claim",
    dependencies=[Depends(require_token)],
    responses={200: {"model": ReplayResult}, **problems(400, 404, 410, 413, 415)},
    openapi_extra=takes(ReplayRequest, REPLAY, required=False),
)
async def replay_trace(trace_id: TraceIdPath, request: Request, body: Annotated[bytes, Depends(json_body)]) -> Response:
    """Carry the session out again and say of each event whether it is as it claims. The trace stays as it is.

    What stands in the way, an engine that is away included, makes claims `unverifiable` with the reason.
    """
    asked = parse_body(ReplayRequest, body or b"{}")
    future = await to_thread.run_sync(services_of(request).replays.submit, trace_id, asked)
    result = await asyncio.wrap_future(future)
    return Response(result.model_dump_json(), media_type="application/json")
