"""What the HTTP doors answer with and take beside traces, and how the documentation shows it."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from app.models.job import FinalizeRequest
from app.models.judgement import JudgeRequest
from app.models.recording import NewChunk, NewRecording
from app.models.replay import ReplayRequest
from app.models.trace import NewEvents, NewTrace

_REFERENCE = "#/components/schemas/{model}"


class Stored(BaseModel):
    """A trace is on disk."""

    trace_id: str
    status: Literal["stored"] = "stored"
    model_config = ConfigDict(json_schema_extra={"example": {"trace_id": "fix-rounding-0001", "status": "stored"}})


class Appended(BaseModel):
    """Events are on disk."""

    trace_id: str
    appended_events: int
    model_config = ConfigDict(json_schema_extra={"example": {"trace_id": "fix-rounding-0001", "appended_events": 2}})


class FaultBody(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    msg: str


class Problem(BaseModel):
    """An RFC 9457 problem document: the answer to every request that could not be met."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    """Stable: decide by this, not by the words."""
    errors: list[FaultBody] = []


def takes(model: type[BaseModel], example: dict[str, Any], *, required: bool = True) -> dict[str, Any]:
    """The documentation of a JSON body that a route reads by itself."""
    content = {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}, "example": example}
    return {"requestBody": {"required": required, "content": {"application/json": content}}}


def takes_bytes(*media_types: str) -> dict[str, Any]:
    """The documentation of a body that is streamed to disk."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {"requestBody": {"required": True, "content": content}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of the errors of a route."""
    content = {"application/problem+json": {"schema": {"$ref": _REFERENCE.format(model="Problem")}}}
    return {status: {"description": "Problem document", "content": content} for status in statuses}


def install_openapi(app: FastAPI) -> None:
    """Let the documentation know the models of bodies that routes read by themselves."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            bodies: list[type[BaseModel]] = [
                NewTrace,
                NewEvents,
                NewRecording,
                NewChunk,
                FinalizeRequest,
                ReplayRequest,
                JudgeRequest,
                Problem,
            ]
            _, found = models_json_schema([(model, "validation") for model in bodies], ref_template=_REFERENCE)
            known = schema.setdefault("components", {}).setdefault("schemas", {})
            for name, definition in found.get("$defs", {}).items():
                known.setdefault(name, definition)
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
