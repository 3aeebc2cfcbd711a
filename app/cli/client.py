"""A small HTTP client for the server's own API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import IO, Any, BinaryIO

from app.errors import (
    ConflictError,
    CorruptError,
    DeniedError,
    Fault,
    InvalidError,
    NotFoundError,
    PRTelemetryError,
    SettingsError,
    TooLargeError,
    UnavailableError,
)

# the families of the server's errors by status; every other status below 500 says that the request was wrong
_FAMILIES: Mapping[int, type[PRTelemetryError]] = {
    401: DeniedError,
    403: DeniedError,
    404: NotFoundError,
    408: UnavailableError,
    409: ConflictError,
    410: NotFoundError,
    413: TooLargeError,
    429: UnavailableError,
}
_JSON = "application/json"
_UNHURRIED_BYTES = 1 << 20
"""A body up to this size is sent before a server can have refused it for its size."""


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    document: Any


@dataclass(frozen=True)
class Client:
    """Calls one server with one token."""

    base_url: str
    token: str
    timeout_s: float = 900

    def get(self, path: str) -> Any:
        """The JSON at a path.

        Raises:
            InvalidError: the server refused; the message is its own, as are the faults.
            DeniedError: the token is missing or wrong.
            NotFoundError: there is nothing at this path.
            ConflictError: the request contradicts what is stored.
            TooLargeError: the server takes no body of this size.
            UnavailableError: the server does not answer, or not now.
            CorruptError: what it has stored cannot be read.
        """
        return self._call("GET", path, None, None).document

    def post(self, path: str, document: Any) -> Any:
        """Send JSON; see ``get``."""
        return self.post_bytes(path, json.dumps(document).encode()).document

    def post_bytes(self, path: str, content: bytes) -> Answer:
        """Send JSON that is bytes already; see ``get``."""
        return self._call("POST", path, content, _JSON)

    def put(self, path: str, content: bytes, media_type: str) -> Any:
        """Send bytes; see ``get``."""
        return self._call("PUT", path, content, media_type).document

    def put_file(self, path: str, file: IO[bytes], size_bytes: int, media_type: str) -> Answer:
        """Send a file, which is never whole in memory; see ``get``."""
        return self._call("PUT", path, file, media_type, {"Content-Length": str(size_bytes)})

    @contextmanager
    def stream(self, path: str) -> Iterator[BinaryIO]:
        """The bytes at a path, as they come; see ``get``. An answer that breaks off is the server's fault, too."""
        with self._open("GET", path, None, None) as response:
            yield response

    def listen(self, path: str, document: Any) -> Iterator[tuple[str, bytes]]:
        """Send JSON, and follow what comes of it: the kind of each event with every line of its data; see ``get``."""
        wanted = {"Accept": "text/event-stream"}
        with self._open("POST", path, json.dumps(document).encode(), _JSON, wanted) as response:
            kind = "message"
            for line in response:
                name, _, value = line.rstrip(b"\r\n").partition(b": ")
                if name == b"event":
                    kind = value.decode()
                elif name == b"data":
                    yield kind, value

    def _call(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes] | None,
        media_type: str | None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        with self._open(method, path, body, media_type, headers) as response:
            return Answer(response.status, json.loads(response.read()))

    @contextmanager
    def _open(
        self,
        method: str,
        path: str,
        body: bytes | IO[bytes] | None,
        media_type: str | None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[HTTPResponse]:
        request = urllib.request.Request(self.base_url + path, data=body, method=method)  # noqa: S310 -- an http URL of ours
        request.add_header("Authorization", f"Bearer {self.token}")
        if media_type is not None:
            request.add_header("Content-Type", media_type)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        size_bytes = len(body) if isinstance(body, bytes) else int((headers or {}).get("Content-Length", 0))
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:  # noqa: S310 -- as above
                yield response
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(f"{method} {path}", error) from None
        except (OSError, HTTPException, ValueError) as error:
            raise _silence(self.base_url, size_bytes, getattr(error, "reason", error)) from None


def client_of(server: str | None) -> Client:
    """A client of this server, or of the one that the settings speak of, with the token of the settings.

    Raises:
        SettingsError: a setting is wrong, or the address is none.
    """
    from app.settings import load_unchecked_settings

    settings = load_unchecked_settings()
    url = (server or f"http://{settings.host}:{settings.port}").rstrip("/")
    if not url.startswith(("http://", "https://")):
        raise SettingsError(f"--server takes an address such as http://127.0.0.1:8000, not {url!r}")
    return Client(url, settings.api_token.get_secret_value() if settings.api_token is not None else "")


def _silence(base_url: str, size_bytes: int, reason: object) -> PRTelemetryError:
    """The error of ours that an answer stands for that did not come."""
    if isinstance(reason, ConnectionResetError | BrokenPipeError) and size_bytes > _UNHURRIED_BYTES:
        # whoever hangs up in the midst of a body has answered already, and that answer is lost with the connection
        return TooLargeError(
            f"{base_url} hung up while {size_bytes} bytes were sent: it takes at most MAX_BODY_BYTES of a document, "
            "and MAX_ARTIFACT_BYTES of a tree"
        )
    return UnavailableError(f"{base_url} does not answer as it should: {reason}")


def _refusal(what: str, error: urllib.error.HTTPError) -> PRTelemetryError:
    """The error of ours that a status stands for."""
    problem = _problem(error)
    detail = f"{what}: {error.code} {problem.get('detail') or error.reason}"
    if error.code in _FAMILIES:
        return _FAMILIES[error.code](detail)
    if error.code >= 500:
        return CorruptError(detail) if problem.get("code") == CorruptError.code else _unavailable(detail, problem)
    told = problem.get("errors", ())
    faults = [Fault(tuple(fault["loc"]), str(fault["msg"])) for fault in told if isinstance(fault, dict) and "loc" in fault]
    return InvalidError(detail, faults)


def _unavailable(detail: str, problem: Mapping[str, Any]) -> UnavailableError:
    """With what the server says of each thing that it needs, where it does."""
    return UnavailableError(detail, checks=problem.get("checks") or {})


def _problem(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        problem = json.loads(error.read())
    except (OSError, HTTPException, ValueError):
        return {}
    return problem if isinstance(problem, dict) else {}
