"""What the figures are compared with: the least that a server on the same stack could do. ``python -m benchmarks.references``.

All run under uvicorn with the options of ``app.cli.serve``, one worker, the same HTTP parser and event loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import uvicorn
from anyio import to_thread
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.connections import guarded_protocol
from app.api.schemas import Appended, Stored
from app.cli.serve import open_socket
from app.models.trace import NewEvents, NewTrace
from app.utils.garbage import spare_what_stays

_HEAD_TIMEOUT_S = 30.0


def uvicorn_options() -> dict[str, Any]:
    """As ``app.cli.serve`` has them; a test compares the two."""
    protocol = guarded_protocol(_HEAD_TIMEOUT_S)
    return {"log_level": "warning", "server_header": False, "timeout_keep_alive": 15, "http": protocol}


def bare_validate(_folder: Path) -> ASGIApp:
    """The route as FastAPI's documentation writes it: FastAPI parses, validates with the application's models, and serialises.

    FastAPI hands parsed JSON to the models, in which a time is text and a tuple a list, and which strict models refuse: in this
    process they are lax. ``async def`` saves the change of thread, and is the faster of the two that one may write.
    """
    new_trace, new_events = _lax_models()
    app = FastAPI()

    async def create(new: Any, response: Response) -> Stored:
        response.headers["Location"] = "/traces/bare"
        return Stored(trace_id=new.trace_id or "bare")

    async def append(trace_id: str, new: Any) -> Appended:
        return Appended(trace_id=trace_id, appended_events=len(new.events))

    create.__annotations__["new"] = new_trace
    append.__annotations__["new"] = new_events
    app.post("/traces", status_code=201)(create)
    app.post("/traces/{trace_id}/events")(append)
    return app


def _lax_models() -> tuple[type[BaseModel], type[BaseModel]]:
    """``NewTrace`` and ``NewEvents`` of a second copy of the models, in which values are converted. The first stays strict."""
    strict = {name: module for name, module in sys.modules.items() if name.startswith("app.models")}
    for name in strict:
        del sys.modules[name]
    try:
        import_module("app.models.base").Value.model_config["strict"] = False
        trace = import_module("app.models.trace")
    finally:
        sys.modules.update(strict)
        sys.modules["app"].__dict__["models"] = strict["app.models"]
    return trace.NewTrace, trace.NewEvents


def bare_validate_bytes(_folder: Path) -> ASGIApp:
    """Validates a body from its bytes, strictly, as the application does, and answers with a ready response."""
    app = FastAPI()

    @app.post("/traces", status_code=201)
    async def create(request: Request) -> JSONResponse:
        NewTrace.model_validate_json(await request.body())
        return JSONResponse({"trace_id": "bare", "status": "stored"}, 201, {"Location": "/traces/bare"})

    @app.post("/traces/{trace_id}/events")
    async def append(trace_id: str, request: Request) -> JSONResponse:
        new = NewEvents.model_validate_json(await request.body())
        return JSONResponse({"trace_id": trace_id, "appended_events": len(new.events)})

    return app


def bare_fsync(folder: Path) -> ASGIApp:
    """Appends each body to a file, and has it on disk before it answers. Nothing is looked at."""
    file = _log_file(folder)

    def keep(body: bytes) -> None:
        os.write(file, body)
        os.fdatasync(file)

    async def append(request: Request) -> Response:
        await to_thread.run_sync(keep, await request.body())
        return JSONResponse({"stored": True})

    return _starlette(append)


def bare_group(folder: Path) -> ASGIApp:
    """As ``bare_fsync``, with one write and one fsync for all requests that wait."""
    file = _log_file(folder)
    waiting: list[tuple[bytes, asyncio.Future[None]]] = []
    running: set[asyncio.Task[None]] = set()

    def keep(bodies: list[bytes]) -> None:
        os.write(file, b"".join(bodies))
        os.fdatasync(file)

    async def flush() -> None:
        while waiting:
            taken = waiting.copy()
            waiting.clear()
            await to_thread.run_sync(keep, [body for body, _ in taken])
            for _, done in taken:
                done.set_result(None)

    async def append(request: Request) -> Response:
        done = asyncio.get_running_loop().create_future()
        waiting.append((await request.body(), done))
        if not running:
            task = asyncio.create_task(flush())
            running.add(task)
            task.add_done_callback(running.discard)
        await done
        return JSONResponse({"stored": True})

    return _starlette(append)


def do_nothing(_folder: Path) -> ASGIApp:
    """Reads the body and answers, without any framework: what is left is the client, the sockets and uvicorn."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    return app


def static(folder: Path) -> ASGIApp:
    """Hands out ``answer.json`` of the folder: as a file, and from memory by a FastAPI ``def`` route."""
    path = folder / "answer.json"
    content = path.read_bytes()
    app = FastAPI()

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(path, media_type="application/json")

    @app.get("/memory")
    def memory() -> Response:
        return Response(content, media_type="application/json")

    return app


REFERENCES: dict[str, Callable[[Path], ASGIApp]] = {
    "bare-validate": bare_validate,
    "bare-validate-bytes": bare_validate_bytes,
    "bare-fsync": bare_fsync,
    "bare-group": bare_group,
    "do-nothing": do_nothing,
    "static": static,
}


def serve(app: ASGIApp) -> None:
    """Run an application as ``app.cli.serve`` does, and say where it listens."""
    with open_socket("127.0.0.1", 0) as listening:
        config = uvicorn.Config(app, **uvicorn_options())
        print(f"listens on http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        spare_what_stays()
        uvicorn.Server(config).run(sockets=[listening])


def _starlette(endpoint: Callable[[Request], Any]) -> Starlette:
    return Starlette(routes=[Route("/traces/{trace_id}/events", endpoint, methods=["POST"])])


def _log_file(folder: Path) -> int:
    return os.open(folder / "bodies.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


if __name__ == "__main__":
    serve(REFERENCES[sys.argv[1]](Path(sys.argv[2])))
