"""The FastAPI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from starlette.types import ASGIApp

from app import __version__
from app.api import artifacts, documents, exchange, exports, health, jobs, judgements, listing, recording, replays
from app.api.compression import CompressedAnswers, CompressedRequests
from app.api.direct import DirectWays
from app.api.group_sync import GroupSync
from app.api.middleware import BodyGate, LoopbackOnly
from app.api.problems import install_problem_handlers
from app.api.schemas import install_openapi
from app.bootstrap.server import Application, build_application
from app.settings import Settings
from app.utils.logger import configure_logging

_CREATED_AT_ONCE = 2
"""Whole traces that are worked on at once: one computes while another waits for the disk. More would only take turns."""
_DESCRIPTION = "Collects debugging sessions and re-executes every claim they make in a locked-down sandbox."


def create_app(settings: Settings, build: Callable[[Settings], Application] = build_application) -> FastAPI:
    """The server. Nothing is opened before it starts; at its end everything is closed."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        application = await to_thread.run_sync(build, settings)
        app.state.application, app.state.disk = application, GroupSync()
        app.state.creating = CapacityLimiter(_CREATED_AT_ONCE)
        try:
            yield
        finally:
            app.state.disk.close()
            await to_thread.run_sync(application.close)

    app = _Server(
        title="PR Telemetry", version=__version__, description=_DESCRIPTION, lifespan=lifespan, redirect_slashes=False
    )
    configure_logging(settings.log_level, settings.log_format)
    app.state.settings = settings
    documents.add_direct_routes(app.router)
    doors = (health, listing, documents, replays, judgements, artifacts, recording, exchange, exports, jobs)
    for door in doors:
        app.include_router(door.router)
    install_problem_handlers(app)
    install_openapi(app)
    # the last one added is the first to see a request
    app.add_middleware(CompressedAnswers)
    app.add_middleware(CompressedRequests, max_body_bytes=settings.max_body_bytes)
    return app


class _Server(FastAPI):
    """FastAPI behind the bounds of every request, and beside the direct ways in."""

    def build_middleware_stack(self) -> ASGIApp:
        """See ``FastAPI``."""
        settings: Settings = self.state.settings
        app: ASGIApp = BodyGate(
            DirectWays(super().build_middleware_stack(), documents.DIRECT_WAYS),
            max_body_bytes=settings.max_body_bytes,
            max_artifact_bytes=settings.max_artifact_bytes,
            timeout_s=settings.body_timeout_s,
        )
        return LoopbackOnly(app) if settings.api_token is None else app
