"""Who may call."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.concurrency import run_in_threadpool

from app.api.dependencies import services_of
from app.errors import MissingCredentialsError, NotFoundError, WrongCredentialsError
from app.utils.auth import bearer_token, same_secret

_scheme = HTTPBearer(auto_error=False, description="The server's `API_TOKEN`, or the `upload_token` of one recorded trace.")


async def require_token(request: Request, _shown_in_docs: Annotated[object, Depends(_scheme)]) -> str:
    """Let the bearer of the server's token pass; anybody, where the server runs open on loopback. Returns who calls.

    Raises:
        MissingCredentialsError: there is no usable Authorization header.
        WrongCredentialsError: the token is another one.
    """
    refuse_unless_servers(request)
    return "api"


def refuse_unless_servers(request: Request) -> None:
    """See ``require_token``."""
    if not _is_servers(request, _given(request)):
        raise WrongCredentialsError


async def require_trace_token(request: Request, _shown_in_docs: Annotated[object, Depends(_scheme)]) -> str:
    """As ``require_token``; the bearer of the upload token of the trace in the address may pass, too. Returns who calls.

    Raises:
        MissingCredentialsError: there is no usable Authorization header.
        WrongCredentialsError: the token is another one.
    """
    return await caller_of(request, request.path_params["trace_id"])


async def require_job_token(request: Request, _shown_in_docs: Annotated[object, Depends(_scheme)]) -> str:
    """As ``require_trace_token``, for the trace of the job in the address."""
    return await caller_of(request, request.path_params["job_id"].removeprefix("qa-"))


async def caller_of(request: Request, trace_id: str) -> str:
    """Who calls a route of this trace. Raises as ``require_trace_token``."""
    given = _given(request)
    if _is_servers(request, given):
        return "api"
    try:
        await run_in_threadpool(services_of(request).recording.authorise, trace_id, given or "")
    except (NotFoundError, ValueError):
        raise WrongCredentialsError from None
    return "upload"


def _given(request: Request) -> str | None:
    given = bearer_token(request.headers.get("authorization"))
    if given is None and request.app.state.settings.api_token is not None:
        raise MissingCredentialsError
    return given


def _is_servers(request: Request, given: str | None) -> bool:
    expected = request.app.state.settings.api_token
    return expected is None or (given is not None and same_secret(given, expected.get_secret_value()))


Caller = Annotated[str, Depends(require_trace_token)]
"""Who calls a route of one trace: ``api`` or ``upload``. Idempotency keys of the two never meet."""
