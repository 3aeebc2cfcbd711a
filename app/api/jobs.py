"""Jobs and public keys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path

from app.api.dependencies import Services
from app.api.schemas import problems
from app.api.security import require_job_token
from app.models.job import JobStatus

router = APIRouter()


@router.get(
    "/jobs/{job_id}",
    summary="How a job stands",
    tags=["traces"],
    dependencies=[Depends(require_job_token)],
    responses=problems(401, 404),
)
def read_job(job_id: Annotated[str, Path(max_length=200)], services: Services) -> JobStatus:
    """`running` until the trace is finalized, then `done`: read the trace for the result."""
    return services.finalize.job(job_id)


@router.get("/keys", summary="Public keys", tags=["integrity"])
def read_keys(services: Services) -> dict[str, str]:
    """The keys that this server's seals are verified with, by key id, as PEM. They are no secret, and need no token."""
    return services.public_keys()
