"""The door of imports: a file that another tool wrote, as it is."""

from __future__ import annotations

import io
import json
from datetime import datetime
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from app.api.bodies import ClientGoneError, parse_body
from app.api.dependencies import services_of
from app.api.schemas import problems, takes_bytes
from app.api.security import require_token
from app.errors import InvalidError
from app.formats.base import ReadOptions
from app.formats.source import Source
from app.models.base import Value
from app.models.trace import Consent, Repo
from app.services.exchange import Imported, ImportRequest

router = APIRouter(tags=["import"], responses=problems(401, 422, 503, 507))

ANY_FORMAT = "auto"
MAX_DEVELOPER_CHARACTERS = 128
ConsentKind = Literal["rationales", "commands", "snapshots"]


class ImportedSession(Value):
    """What became of one session of a file."""

    trace_id: str
    status: Literal["stored", "unchanged", "would_be_stored", "failed"]
    events: dict[str, int]
    lost: list[dict[str, Any]]
    missing: list[str]
    outside: int
    artifacts: list[str]
    redactions: dict[str, int]
    problem: dict[str, str] | None


class ImportReport(Value):
    """What became of a file."""

    sessions: list[ImportedSession]


def import_request(
    repo_name: str | None = None,
    repo_url: str | None = None,
    branch: str | None = None,
    commit_before: str | None = None,
    commit_after: str | None = None,
    test_command: str | None = None,
    developer_id: Annotated[str | None, Query(min_length=1, max_length=MAX_DEVELOPER_CHARACTERS)] = None,
    folder: Annotated[str | None, Query(description="Working directory of sessions whose file does not name it")] = None,
    start_time: Annotated[datetime | None, Query(description="When a session began whose file has no clock")] = None,
    consent: Annotated[list[ConsentKind] | None, Query(description="What may be kept; everything where left out")] = None,
    derive: Annotated[bool, Query(description="Test runs and commits in a terminal yield events of their own, too")] = True,
    sidechains: Annotated[bool, Query(description="Import sub-agents with their session")] = False,
    allow_missing: Annotated[bool, Query(description="Facts about the repository may stay unknown")] = False,
    dry_run: Annotated[bool, Query(description="Report, and store nothing")] = False,
) -> ImportRequest:
    """What the query says, as a value.

    Raises:
        InvalidError: a fact about the repository is none.
    """
    facts = {
        "name": repo_name,
        "url": repo_url,
        "branch": branch,
        "commit_before": commit_before,
        "commit_after": commit_after,
        "test_command": test_command,
    }
    stated = {name: value for name, value in facts.items() if value is not None}
    options = ReadOptions(
        repo=parse_body(Repo, json.dumps(stated).encode()),
        developer_id=developer_id,
        consent=None if consent is None else Consent(**{kind: kind in consent for kind in Consent.model_fields}),
        folder=folder,
        start_time=start_time,
        derive=derive,
        sidechains=sidechains,
    )
    return ImportRequest(options=options, dry_run=dry_run, allow_missing=allow_missing)


@router.post(
    "/import/{format}",
    summary="Import a file that another tool wrote",
    dependencies=[Depends(require_token)],
    status_code=201,
    responses={
        201: {"model": ImportReport},
        200: {"model": ImportReport, "description": "Nothing had to be stored"},
        **problems(400, 409, 410, 413),
    },
    openapi_extra=takes_bytes("application/octet-stream", "application/json", "application/x-ndjson", "application/zip"),
)
async def import_file(
    request: Request,
    asked: Annotated[ImportRequest, Depends(import_request)],
    name: Annotated[str, Path(alias="format", max_length=64, description="A format, or `auto` to tell it by the content")],
) -> JSONResponse:
    """Store the sessions of a file. The same file again changes nothing and is answered with 200.

    Where no session could be stored, the answer is the problem of the first one.
    """
    try:
        body = await request.body()
    except ClientDisconnect:
        raise ClientGoneError from None
    chosen = ImportRequest(None if name == ANY_FORMAT else name, asked.options, asked.dry_run, asked.allow_missing)
    imports = services_of(request).imports
    sessions = await to_thread.run_sync(
        lambda: list(imports.import_sessions(Source("the body", io.BytesIO(body)), chosen)), limiter=request.app.state.creating
    )
    _raise_where_all_failed(sessions)
    is_new = any(session.status == "stored" for session in sessions)
    return JSONResponse({"sessions": [session.as_json() for session in sessions]}, 201 if is_new else 200)


def _raise_where_all_failed(sessions: list[Imported]) -> None:
    errors = [session.error for session in sessions if session.error is not None]
    if errors and len(errors) == len(sessions):
        raise errors[0]
    if not sessions:
        raise InvalidError("The file holds no session")
