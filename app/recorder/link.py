"""HTTP to the server. Whatever it answers is a value; only silence is an error."""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from app.errors import UnavailableError

_LONGEST_ANSWER_BYTES = 256 * 1024 * 1024


class UnreachableError(UnavailableError):
    """The server does not answer."""


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None

    @property
    def code(self) -> str:
        """The stable word for a problem; empty where all is well."""
        return str(self.body.get("code", "")) if self.status >= 400 else ""

    @property
    def detail(self) -> str:
        """A problem in the server's words."""
        return f"{self.status} {self.body.get('detail', '')}".strip()


@dataclass(frozen=True)
class Link:
    """A server."""

    base_url: str
    timeout_s: float = 30

    def get(self, path: str, token: str) -> Answer:
        """Ask for something.

        Raises:
            UnreachableError: no answer came, or none that is HTTP.
        """
        return self._call("GET", path, token, None, {})

    def post(self, path: str, token: str, document: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """Send a document; see ``get``."""
        body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        return self._call("POST", path, token, body, {"Content-Type": "application/json", **(headers or {})})

    def put_file(self, path: str, token: str, file: Path, media_type: str) -> Answer:
        """Send a file without holding it in memory; see ``get``."""
        with file.open("rb") as content:
            headers = {"Content-Type": media_type, "Content-Length": str(file.stat().st_size)}
            return self._call("PUT", path, token, content, headers)

    def _call(self, method: str, path: str, token: str, body: bytes | BinaryIO | None, headers: Mapping[str, str]) -> Answer:
        request = urllib.request.Request(self.base_url.rstrip("/") + path, data=body, method=method)  # noqa: S310 -- checked at start
        request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:  # noqa: S310 -- as above
                return Answer(response.status, _document(response))
        except urllib.error.HTTPError as error:
            with error, contextlib.suppress(OSError, http.client.HTTPException):
                return Answer(error.code, _document(error), _retry_after(error.headers.get("Retry-After")))
            return Answer(error.code)
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(f"{self.base_url} does not answer: {getattr(error, 'reason', error)}") from None


def _document(response: Any) -> Mapping[str, Any]:
    content = response.read(_LONGEST_ANSWER_BYTES)
    if getattr(response, "length", 0):
        raise http.client.IncompleteRead(content)
    try:
        found = json.loads(content)
    except ValueError:
        return {"detail": content[:200].decode("utf-8", "replace")}
    return found if isinstance(found, dict) else {}


def _retry_after(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
