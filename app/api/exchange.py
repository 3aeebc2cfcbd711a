"""The door of imports: a file that another tool wrote, as it is."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse

from app.api.bodies import ClientGoneError, parse_body
from app.api.dependencies import services_of
from app.api.problems import describe_faults
from app.api.schemas import problems, takes_bytes
from app.api.security import require_token
from app.errors import Fault, InvalidError, MalformedError
from app.formats.base import ReadOptions
from app.formats.registry import detect
from app.formats.source import Source
from app.formats.swe_bench import SweBench, instances_of
from app.models.base import Value
from app.models.trace import Consent, Repo
from app.services.exchange import Imported, ImportRequest
from app.utils.multipart import FORM, FormError, is_form, read_form

router = APIRouter(tags=["import"], responses=problems(401, 422, 503, 507))

ANY_FORMAT = "auto"
MAX_DEVELOPER_CHARACTERS = 128
ConsentKind = Literal["rationales", "commands", "snapshots"]
_FILE, _INSTANCES = "file", "instances"
_BINARY = {"type": "string", "format": "binary"}


def _takes() -> dict[str, Any]:
    """The documentation of the body: a file as it is, or in a form, together with what belongs to it."""
    body = takes_bytes("application/octet-stream", "application/json", "application/x-ndjson", "application/zip")
    fields = {_FILE: _BINARY, _INSTANCES: {**_BINARY, "description": "SWE-bench instances, for predictions without them"}}
    schema = {"type": "object", "properties": fields, "required": [_FILE], "additionalProperties": False}
    body["requestBody"]["content"][FORM] = {"schema": schema}
    return body


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
    openapi_extra=_takes(),
)
async def import_file(
    request: Request,
    asked: Annotated[ImportRequest, Depends(import_request)],
    name: Annotated[str, Path(alias="format", max_length=64, description="A format, or `auto` to tell it by the content")],
) -> JSONResponse:
    """Store the sessions of a file. The same file again changes nothing and is answered with 200.

    The body is the file as it is, or a form: `file`, and beside SWE-bench predictions `instances`, the tasks that they are of.
    Where no session could be stored, the answer is the problem of the first one.
    """
    try:
        body = await request.body()
    except ClientDisconnect:
        raise ClientGoneError from None
    sent = _sent(request.headers.get("content-type"), body)
    chosen = replace(asked, format=None if name == ANY_FORMAT else name)
    imports = services_of(request).imports

    def store() -> list[Imported]:
        source = Source("the body", io.BytesIO(sent.file))
        return list(imports.import_sessions(source, _with_instances(chosen, source, sent.instances)))

    sessions = await to_thread.run_sync(store, limiter=request.app.state.creating)
    _raise_where_all_failed(sessions)
    is_new = any(session.status == "stored" for session in sessions)
    return JSONResponse({"sessions": [session.as_json() for session in sessions]}, 201 if is_new else 200)


@dataclass(frozen=True)
class _Sent:
    """What a request brings."""

    file: bytes
    instances: bytes | None = None


def _sent(content_type: str | None, body: bytes) -> _Sent:
    """The file of a request, and what belongs to it.

    Raises:
        MalformedError: the body says that it is a form, and is none.
        InvalidError: the form lacks a part, or has one twice or too many.
    """
    if not is_form(content_type):
        return _Sent(body)
    try:
        parts = read_form(content_type or "", body)
    except FormError as error:
        raise MalformedError(f"The body is no {FORM}: {error}") from None
    faults = list(_faults(Counter(part.name for part in parts)))
    if faults:
        raise InvalidError(describe_faults(faults), faults)
    return _Sent(**{part.name: part.content for part in parts})


def _faults(counts: Counter[str]) -> Iterator[Fault]:
    if _FILE not in counts:
        yield Fault((_FILE,), "this part is missing")
    for name, count in counts.items():
        if name not in (_FILE, _INSTANCES):
            yield Fault((name,), f"there is no such part; a form has {_FILE} and {_INSTANCES}")
        elif count > 1:
            yield Fault((name,), "this part is there more than once")


def _with_instances(asked: ImportRequest, source: Source, instances: bytes | None) -> ImportRequest:
    """The request, with the SWE-bench instances that came with it.

    Raises:
        FormatError: they cannot be read, or hold none; or the file is of no known format.
        InvalidError: the file holds no SWE-bench predictions.
    """
    if instances is None:
        return asked
    found = asked.format or detect(source).name
    if found != SweBench.name:
        faults = (Fault((_INSTANCES,), f"instances belong to SWE-bench predictions, and the file is read as {found}"),)
        raise InvalidError(describe_faults(faults), faults)
    tasks = instances_of(Source("the part instances", io.BytesIO(instances)))
    return replace(asked, options=replace(asked.options, instances=tasks))


def _raise_where_all_failed(sessions: list[Imported]) -> None:
    errors = [session.error for session in sessions if session.error is not None]
    if errors and len(errors) == len(sessions):
        raise errors[0]
    if not sessions:
        raise InvalidError("The file holds no session")
