"""A server that speaks as much of the chat completions API as the judge needs, and answers by a script."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True)
class Scripted:
    """One answer of the server."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    holds: bool = False
    """Nothing is sent until the server is closed."""
    drips: bool = False
    """The body comes byte by byte, until the server is closed or the client gives up."""
    drips_head: bool = False
    """The same with the headers, which never end."""
    breaks: bool = False
    """The connection closes in the middle of the body."""


Answering = Callable[[Request], Scripted]


def completion(content: str | None, **message: Any) -> Scripted:
    """A chat completion with this content."""
    finish_reason = message.pop("finish_reason", "stop")
    reply = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1772452800,
        "model": "scripted",
        "choices": [
            {"index": 0, "finish_reason": finish_reason, "message": {"role": "assistant", "content": content, **message}}
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }
    return as_json(reply)


def as_json(value: object, status: int = 200, **headers: str) -> Scripted:
    """A JSON body."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Scripted(status, json.dumps(value).encode(), {"Content-Type": "application/json", **named})


def error(status: int, message: str = "no", code: str | None = None, param: str | None = None, **headers: str) -> Scripted:
    """An error in the API's form."""
    return as_json({"error": {"message": message, "type": "error", "code": code, "param": param}}, status, **headers)


class FakeOpenAI:
    """The scripted server: one answer per request, the last one again and again."""

    def __init__(self, answers: Sequence[Scripted | Answering]) -> None:
        self._answers = list(answers)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        """The JSON bodies that came, in order."""
        self.authorizations: list[str] = []
        self.encodings: list[str] = []
        """The encodings that were asked for."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _take(self, request: Request, headers: Message) -> Scripted:
        with self._lock:
            answer = self._answers[min(len(self.requests), len(self._answers) - 1)]
            self.requests.append(request)
            self.authorizations.append(headers.get("Authorization", ""))
            self.encodings.append(headers.get("Accept-Encoding", ""))
        return answer if isinstance(answer, Scripted) else answer(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = fake._take(body, self.headers)
                if answer.holds:
                    fake._closing.wait()
                    return
                try:
                    self._send(answer)
                except OSError:
                    self.close_connection = True  # the client has gone

            def _send(self, answer: Scripted) -> None:
                if answer.drips_head:
                    self._drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + (10**6 if answer.drips or answer.breaks else 0)))
                self.end_headers()
                self.wfile.write(answer.body)
                if answer.drips:
                    self._drip(b"")

            def _drip(self, begin: bytes) -> None:
                self.wfile.write(begin)
                while not fake._closing.wait(0.02):
                    self.wfile.write(b" ")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                """Quiet."""

        return Handler


@contextmanager
def openai_server(*answers: Scripted | Answering) -> Iterator[FakeOpenAI]:
    """The server, running."""
    server = FakeOpenAI(answers)
    server.start()
    try:
        yield server
    finally:
        server.close()
