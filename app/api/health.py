"""Whether the server is alive, and whether it can do its work."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from app import __version__
from app.api.dependencies import Services
from app.api.problems import problem
from app.api.schemas import problems

router = APIRouter(tags=["health"])


@router.get("/", summary="Name and version")
def root() -> dict[str, str]:
    """Who answers here."""
    return {"name": "PR Telemetry", "version": __version__, "docs": "/docs"}


@router.get("/health", summary="Alive?")
@router.get("/healthz", summary="Alive?")
def health() -> dict[str, str]:
    """The process answers; what it depends on is not looked at."""
    return {"status": "healthy"}


@router.get("/readyz", summary="Ready?", responses=problems(503))
def ready(services: Services) -> Response:
    """Data directory, sandbox and judge, each as it is now. 503 unless all are ready."""
    checks = services.health.checks()
    shown: dict[str, Any] = {check.name: {"ready": check.ready, "detail": check.detail} for check in checks}
    missing = [f"{check.name}: {check.detail}" for check in checks if not check.ready]
    if missing:
        return problem(503, "; ".join(missing), "not_ready", headers={"Retry-After": "5"}, more={"checks": shown})
    return JSONResponse({"status": "ready", "checks": shown})
