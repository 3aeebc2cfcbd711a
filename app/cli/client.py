"""A small HTTP client for the server's own API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from app.errors import InvalidError, UnavailableError


@dataclass(frozen=True)
class Client:
    """Calls one server with one token."""

    base_url: str
    token: str
    timeout_s: float = 900

    def get(self, path: str) -> Any:
        """The JSON at a path.

        Raises:
            InvalidError: the server refused; the message is its own.
            UnavailableError: the server does not answer.
        """
        return self._call("GET", path, None, None)

    def post(self, path: str, document: Any) -> Any:
        """Send JSON; see ``get``."""
        return self._call("POST", path, json.dumps(document).encode(), "application/json")

    def put(self, path: str, content: bytes, media_type: str) -> Any:
        """Send bytes; see ``get``."""
        return self._call("PUT", path, content, media_type)

    def _call(self, method: str, path: str, body: bytes | None, media_type: str | None) -> Any:
        request = urllib.request.Request(self.base_url + path, data=body, method=method)  # noqa: S310 -- an http URL of ours
        request.add_header("Authorization", f"Bearer {self.token}")
        if media_type is not None:
            request.add_header("Content-Type", media_type)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as response:  # noqa: S310 -- as above
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise InvalidError(f"{method} {path}: {_detail(error)}") from None
        except (OSError, ValueError) as error:
            raise UnavailableError(f"{self.base_url} does not answer as it should: {error}") from None


def _detail(error: urllib.error.HTTPError) -> str:
    try:
        return f"{error.code} {json.loads(error.read())['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
