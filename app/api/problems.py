"""Errors as RFC 9457 problem documents: one table from family to status, one shape on every route."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ExceptionHandler

from app import errors

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
MAX_FAULTS = 100

# The first family that fits decides, so the special ones stand before the general ones.
_STATUS: tuple[tuple[type[errors.PRTelemetryError], int], ...] = (
    (errors.DangerousInputError, 400),
    (errors.EmptyOrUnknownEventsError, 400),
    (errors.InvalidError, 422),
    (errors.DeniedError, 401),
    (errors.ForbiddenError, 403),
    (errors.TraceDeletedError, 410),
    (errors.NotFoundError, 404),
    (errors.SlowClientError, 408),
    (errors.ConflictError, 409),
    (errors.TooLargeError, 413),
    (errors.UnsupportedMediaTypeError, 415),
    (errors.StorageFullError, 507),
    (errors.UnavailableError, 503),
    (errors.CorruptError, 500),
)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every error, the framework's own included, with a problem document."""
    handlers: dict[type[Exception], ExceptionHandler] = {
        errors.PRTelemetryError: known_problem,
        HTTPException: _framework,
        RequestValidationError: _framework_validation,
        Exception: unexpected_problem,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def problem(
    status: int,
    detail: str,
    code: str,
    faults: Sequence[errors.Fault] = (),
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    """A problem document; ``more`` are further members of it."""
    title = HTTPStatus(status).phrase
    body: dict[str, object] = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    if faults:
        body["errors"] = [{"loc": list(fault.loc), "msg": fault.msg} for fault in faults[:MAX_FAULTS]]
    body = {**(more or {}), **body}
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def as_problem(error: errors.PRTelemetryError) -> Response:
    """The document for an error of ours."""
    status = next((status for family, status in _STATUS if isinstance(error, family)), 500)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.BusyError | errors.UnavailableError):
        headers["Retry-After"] = str(error.retry_after_s)
    if status in (408, 413):
        headers["Connection"] = "close"
    faults = error.faults if isinstance(error, errors.InvalidError) else ()
    facts = {name: fact for name, fact in error.facts.items() if isinstance(fact, str | int)}
    return problem(status, error.detail, error.code, faults, headers, facts)


def known_problem(request: Request, error: Exception) -> Response:
    """The answer to an error of ours; what is the server's fault is logged."""
    assert isinstance(error, errors.PRTelemetryError)  # noqa: S101 -- registered for this family
    response = as_problem(error)
    if response.status_code >= 500:
        facts = {"path": request.url.path, "code": error.code, "detail": error.detail}
        _log.error("request failed", extra=facts, exc_info=error if isinstance(error, errors.CorruptError) else None)
    return response


def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 -- registered for this class
    status = HTTPStatus(error.status_code)
    details = {404: f"There is nothing at {request.url.path}", 405: f"{request.method} is not a method of {request.url.path}"}
    detail = details.get(status, str(error.detail))
    return problem(status, detail, status.name.lower(), headers=error.headers)


def _framework_validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 -- registered for this class
    faults = [errors.Fault(tuple(fault["loc"]), fault["msg"]) for fault in error.errors()]
    return problem(422, describe_faults(faults), "invalid", faults)


def unexpected_problem(request: Request, error: Exception) -> Response:
    """The answer to a fault of the program, which is logged and not told."""
    _log.error("request failed unexpectedly", extra={"path": request.url.path}, exc_info=error)
    # the framework hangs up after an answer to what it did not expect
    headers = {"Connection": "close"}
    return problem(500, "Something went wrong on the server; its log says what.", "internal", headers=headers)


def describe_faults(faults: Sequence[errors.Fault]) -> str:
    """One sentence for all faults; the first few are named."""
    shown = "; ".join(f"{'.'.join(map(str, fault.loc)) or 'body'}: {fault.msg}" for fault in faults[:3])
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    return f"{len(faults)} fault{'s' * (len(faults) != 1)}: {shown}{more}"
