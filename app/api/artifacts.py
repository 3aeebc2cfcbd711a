"""Artifacts over HTTP: streamed in and out, never whole in memory."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, BinaryIO

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from app.api.bodies import body_chunks
from app.api.dependencies import ArtifactNamePath, Services, TraceIdPath
from app.api.problems import describe_faults
from app.api.schemas import problems, takes_bytes
from app.api.security import require_trace_token
from app.errors import Fault, InvalidError, MalformedError, UnsupportedMediaTypeError
from app.models.base import ShortText
from app.models.trace import ArtifactRef
from app.services.artifacts import TREE_NAMES, Upload

router = APIRouter(
    prefix="/traces/{trace_id}/artifacts",
    tags=["artifacts"],
    dependencies=[Depends(require_trace_token)],
    responses=problems(401, 404, 503, 507),
)

_ARCHIVE_TYPES = frozenset(
    {"application/gzip", "application/x-gzip", "application/x-tar", "application/octet-stream", "application/tar"}
)
_MEDIA_TYPE = re.compile(r"^[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}$")
_SHA256_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/=]+):")
_BLOCK_BYTES = 256 * 1024


@router.put(
    "/{name}",
    status_code=201,
    summary="Upload an artifact",
    responses={201: {"model": ArtifactRef}, 200: {"model": ArtifactRef}, **problems(400, 409, 413, 415, 422)},
    openapi_extra=takes_bytes("application/gzip", "application/x-tar", "application/octet-stream"),
)
def put_artifact(
    trace_id: TraceIdPath,
    name: ArtifactNamePath,
    services: Services,
    request: Request,
    kind: Annotated[
        ShortText | None, Query(description="What it is, such as `stdout` or `patch`; `file` where left out")
    ] = None,
) -> Response:
    """Store a file with an open trace.

    `workspace` (the tree before the fix), `final_workspace` (after it) and `tests` (trusted tests) are tar archives, plain
    or gzipped; every other name takes any content. With `Content-Digest: sha-256=:…:` (RFC 9530) the content is compared
    with it. The same content again is answered with 200; a name that is taken is never overwritten.
    """
    upload = Upload(
        trace_id=trace_id,
        name=name,
        media_type=_media_type(name, request.headers.get("content-type")),
        chunks=body_chunks(request),
        expected_sha256=_announced_sha256(request.headers.get("content-digest")),
        kind=_checked_kind(name, kind),
    )
    ref, is_new = services.artifacts.put(upload)
    return JSONResponse(ref.model_dump(), 201 if is_new else 200)


@router.get("", summary="List the artifacts of a trace", responses={200: {"model": dict[str, ArtifactRef]}})
def list_artifacts(trace_id: TraceIdPath, services: Services) -> JSONResponse:
    """The artifacts by name."""
    return JSONResponse({name: ref.model_dump() for name, ref in services.artifacts.find_all(trace_id).items()})


@router.get("/{name}", summary="Download an artifact", response_class=StreamingResponse)
def get_artifact(trace_id: TraceIdPath, name: ArtifactNamePath, services: Services, request: Request) -> Response:
    """The content as it was uploaded, compared with its hash before it is sent."""
    ref = services.artifacts.load(trace_id, name)
    headers = {
        "ETag": f'"{ref.sha256}"',
        "Content-Length": str(ref.size_bytes),
        # a stranger's file: to be saved, never to be shown or run as a page of this server
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    if headers["ETag"] == request.headers.get("if-none-match"):
        return Response(status_code=304, headers={"ETag": headers["ETag"]})
    stack = ExitStack()
    content = stack.enter_context(services.artifacts.open(ref))
    return StreamingResponse(_blocks(content, stack), media_type=ref.media_type, headers=headers)


def _blocks(content: BinaryIO, stack: ExitStack) -> Iterator[bytes]:
    with stack:
        while block := content.read(_BLOCK_BYTES):
            yield block


def _media_type(name: str, announced: str | None) -> str:
    media_type = (announced or "application/octet-stream").partition(";")[0].strip().lower()
    if name in TREE_NAMES and media_type not in _ARCHIVE_TYPES:
        raise UnsupportedMediaTypeError(
            f"The artifact {name} is a tar archive; send Content-Type: application/gzip or application/x-tar, not {media_type}"
        )
    if _MEDIA_TYPE.match(media_type) is None:
        raise UnsupportedMediaTypeError("The Content-Type header is not a media type")
    return media_type


def _checked_kind(name: str, kind: str | None) -> str | None:
    """What the client calls an artifact. A tree is what its name says, and nothing else is a tree: consent goes by the kind.

    Raises:
        InvalidError: the kind is not one that an artifact of this name can have.
    """
    if kind is None or kind == name or (name not in TREE_NAMES and kind not in TREE_NAMES):
        return kind
    said = f"the artifact {name} is of the kind {name}" if name in TREE_NAMES else f"an artifact of this kind is named {kind}"
    faults = (Fault(("query", "kind"), f"{said}; leave it out, or say another one"),)
    raise InvalidError(describe_faults(faults), faults)


def _announced_sha256(content_digest: str | None) -> str | None:
    if content_digest is None:
        return None
    match = _SHA256_DIGEST.search(content_digest)
    try:
        digest = base64.b64decode(match[1], validate=True).hex() if match else ""
    except binascii.Error:
        digest = ""
    if len(digest) != 64:
        raise MalformedError("The Content-Digest header holds no 'sha-256=:<base64>:' value (RFC 9530)")
    return digest
