"""What routes are given.

These are coroutines although they wait for nothing: FastAPI sends every plain function to a worker thread, which costs more
than what they do.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Path, Request
from pydantic import TypeAdapter, ValidationError

from app.bootstrap.server import Application
from app.errors import ArtifactNotFoundError, InvalidError, TraceNotFoundError
from app.models.base import ArtifactName, TraceId

_TRACE_ID: TypeAdapter[str] = TypeAdapter(TraceId)
_ARTIFACT_NAME: TypeAdapter[str] = TypeAdapter(ArtifactName)


def services_of(request: Request) -> Application:
    """The application behind this server."""
    return cast("Application", request.app.state.application)


async def _services(request: Request) -> Application:
    return services_of(request)


async def known_trace_id(trace_id: Annotated[str, Path(description="The trace's id")]) -> str:
    """See ``checked_trace_id``."""
    return checked_trace_id(trace_id)


def checked_trace_id(trace_id: str) -> str:
    """An id that a trace can have: no other has a trace.

    Raises:
        TraceNotFoundError: it is not one.
    """
    try:
        return _TRACE_ID.validate_python(trace_id)
    except ValidationError:
        raise TraceNotFoundError(trace_id) from None


async def _artifact_name(request: Request, name: Annotated[str, Path(description="The artifact's name")]) -> str:
    try:
        return _ARTIFACT_NAME.validate_python(name)
    except ValidationError:
        if request.method == "PUT":
            raise InvalidError("An artifact's name is made of letters, digits, '.', '_' and '-'") from None
        raise ArtifactNotFoundError from None


Services = Annotated[Application, Depends(_services)]
TraceIdPath = Annotated[str, Depends(known_trace_id)]
ArtifactNamePath = Annotated[str, Depends(_artifact_name)]
