"""The doors of judging: which rubrics there are, what was judged, and a new judgement."""

from __future__ import annotations

import asyncio
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from app.api.bodies import json_body, parse_body
from app.api.dependencies import Services, TraceIdPath, services_of
from app.api.examples import JUDGE
from app.api.schemas import problems, takes
from app.api.security import require_token, require_trace_token
from app.models.base import ShortText
from app.models.judgement import EstimateList, JudgeKind, JudgementList, JudgeRequest
from app.models.rubric import Rubric, RubricList

_ESTIMATED_AT_ONCE = 2
"""Each holds a whole trace in memory, and takes as long as showing it to a model does."""

router = APIRouter(responses=problems(401, 422, 503))


@router.get("/rubrics", summary="List the rubrics", tags=["judging"], dependencies=[Depends(require_token)])
def list_rubrics(services: Services) -> RubricList:
    """Every rubric that a trace can be judged by, and which of them a finalize uses where it names none."""
    return RubricList(rubrics=services.judging.rubrics, default=services.judging.default_rubrics)


@router.get(
    "/rubrics/{rubric_id}",
    summary="Read a rubric",
    tags=["judging"],
    dependencies=[Depends(require_token)],
    responses=problems(404),
)
def read_rubric(rubric_id: Annotated[str, Path(max_length=200)], services: Services) -> Rubric:
    """Its dimensions with their weights, anchors and features, and its scale."""
    return services.judging.rubric(rubric_id)


@router.get(
    "/traces/{trace_id}/judgements",
    summary="Read the judgements of a trace",
    tags=["judging"],
    dependencies=[Depends(require_trace_token)],
    responses={200: {"model": JudgementList}, **problems(404, 410)},
)
def read_judgements(
    trace_id: TraceIdPath,
    services: Services,
    rubric: Annotated[ShortText | None, Query(description="Only by this rubric")] = None,
    kind: Annotated[JudgeKind | None, Query(description="Only by this kind of judge")] = None,
) -> Response:
    """Every judgement that was ever made of it, the oldest first: by each finalize, and on request since."""
    found = services.judging.judgements(trace_id)
    wanted = tuple(one for one in found if rubric in (None, one.rubric.id) and kind in (None, one.judge.kind))
    return Response(JudgementList(judgements=wanted).model_dump_json(), media_type="application/json")


@router.post(
    "/traces/{trace_id}/judge",
    summary="Judge a finalized trace once more",
    tags=["judging"],
    dependencies=[Depends(require_token)],
    responses={200: {"model": JudgementList | EstimateList}, **problems(400, 404, 409, 410, 413, 415, 507)},
    openapi_extra=takes(JudgeRequest, JUDGE, required=False),
)
async def judge_trace(trace_id: TraceIdPath, request: Request, body: Annotated[bytes, Depends(json_body)]) -> Response:
    """Make new judgements and keep them beside the earlier ones; the answer holds the new ones.

    Nothing is re-executed, and `qa_results` stays as the last finalize left it. A judge that declines, because a model is away
    or a budget is used up, says so in its judgement. Where the same is being made already, the answer is that judgement. With
    `dry_run` the answer is what that would take, and nobody is asked.
    """
    asked = parse_body(JudgeRequest, body or b"{}")
    judging = services_of(request).judging
    if asked.dry_run:
        estimates = await to_thread.run_sync(judging.estimate, trace_id, asked, limiter=_estimating(request))
        return Response(EstimateList(estimates=estimates).model_dump_json(), media_type="application/json")
    future = await to_thread.run_sync(judging.submit, trace_id, asked)
    # shielded: others may wait for the same
    made = await asyncio.shield(asyncio.wrap_future(future))
    return Response(JudgementList(judgements=made).model_dump_json(), media_type="application/json")


def _estimating(request: Request) -> CapacityLimiter:
    """The places of this server in which estimates are worked out; who waits for one holds no thread."""
    state = request.app.state
    if not hasattr(state, "estimating"):
        state.estimating = CapacityLimiter(_ESTIMATED_AT_ONCE)
    limiter: CapacityLimiter = state.estimating
    return limiter
