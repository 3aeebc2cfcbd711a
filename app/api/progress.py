"""A finalize whose stages are told as they begin: server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

from anyio import to_thread
from fastapi import Request
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from app.models.job import QAJob
from app.services.finalize import FinalizeService
from app.services.traces import TraceService

_MEDIA_TYPE = "text/event-stream"


def prefers_events(request: Request) -> bool:
    """Whether the client asks for events before anything else."""
    return request.headers.get("accept", "").partition(",")[0].partition(";")[0].strip() == _MEDIA_TYPE


async def finalize_with_events(job: QAJob, finalize: FinalizeService, traces: TraceService) -> Response:
    """``job``, then ``stage`` for each, then ``result`` with the document, or ``problem``.

    Raises:
        TraceNotFoundError: no trace has this id.
        BusyError: the trace is being finalized.
    """
    loop = asyncio.get_running_loop()
    stages: asyncio.Queue[str | None] = asyncio.Queue()

    def tell(stage: str | None) -> None:
        # when the server is going down nobody listens any more
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(stages.put_nowait, stage)

    future = await to_thread.run_sync(lambda: finalize.submit(job, tell))
    future.add_done_callback(lambda _: tell(None))

    async def events() -> AsyncIterator[bytes]:
        yield _event("job", {"job_id": job.job_id, "trace_id": job.trace_id})
        while (stage := await stages.get()) is not None:
            yield _event("stage", {"stage": stage})
        if future.cancelled() or future.exception() is not None:
            yield _event("problem", {"job_id": job.job_id, "status": "failed"})
            return
        document = await to_thread.run_sync(traces.document, job.trace_id)
        yield b"event: result\ndata: "
        async for block in iterate_in_threadpool(document.blocks):
            yield block.replace(b"\n", b"\ndata: ")
        yield b"\n\n"

    return StreamingResponse(events(), media_type=_MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _event(kind: str, data: dict[str, str]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()
