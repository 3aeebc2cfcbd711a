"""A way past the framework, for what is asked thousands of times a second.

What is taken there stands in the documentation as a route of FastAPI's, which takes what the direct way leaves: the same
function answers in both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.middleware import header
from app.api.problems import known_problem, unexpected_problem
from app.errors import PRTelemetryError

Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """Calls its function with the request and nothing else: solving dependencies costs more than the rest of such a route.

    The dependencies that are named beside it stand in the documentation; the function asks for what they would have given.
    """

    def get_route_handler(self) -> Endpoint:
        """See ``APIRoute``."""
        endpoint: Endpoint = self.endpoint

        async def handle(request: Request) -> Response:
            return await endpoint(request)

        return handle


class Way(NamedTuple):
    """Where a POST is taken directly, and by what."""

    path: re.Pattern[str]
    """All of the path; its named groups are the parameters."""
    endpoint: Endpoint


class DirectWays:
    """Answers what is sent in the plainest form itself: the search for a route and a dozen layers around it cost more than an
    append of one event. Everything else goes on to ``app``."""

    def __init__(self, app: ASGIApp, ways: tuple[Way, ...]) -> None:
        self._app = app
        self._ways = ways

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        found = self._find(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        endpoint, parameters = found
        scope["path_params"] = parameters
        request = Request(scope, receive)
        try:
            response = await endpoint(request)
        except PRTelemetryError as error:
            response = known_problem(request, error)
        except Exception as error:
            await unexpected_problem(request, error)(scope, receive, send)
            raise
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Endpoint, Mapping[str, str]] | None:
        if scope["type"] != "http" or scope["method"] != "POST" or header(scope, b"content-encoding") is not None:
            return None
        for path, endpoint in self._ways:
            match = path.fullmatch(scope["path"])
            if match is not None:
                return endpoint, match.groupdict()
        return None
