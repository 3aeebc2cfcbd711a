"""What a server says, and what its silence is."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from app.recorder.link import Link, UnreachableError

Answering = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def a_server(answer: Answering) -> Iterator[Link]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        do_PUT = do_GET = do_POST  # noqa: N815 -- the names that the library looks for

        def log_message(self, *_: object) -> None:
            """Tests say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Link(f"http://127.0.0.1:{server.server_port}/", timeout_s=5)
        server.shutdown()


def says(status: int, body: bytes, **headers: str) -> Answering:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_a_problem_is_an_answer() -> None:
    with a_server(says(503, b'{"code":"unavailable","detail":"later"}', Retry_After="7")) as link:
        answer = link.post("/v1/traces", "token", {})

    assert (answer.status, answer.code, answer.detail, answer.retry_after_s) == (503, "unavailable", "503 later", 7.0)


def test_a_date_is_understood_where_seconds_could_stand() -> None:
    with a_server(says(503, b"{}", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")) as link:
        assert link.post("/", "token", {}).retry_after_s == 0.0
    with a_server(says(503, b"{}", Retry_After="soon")) as link:
        assert link.post("/", "token", {}).retry_after_s is None


def test_a_file_goes_over_as_it_is(tmp_path: Path) -> None:
    seen: dict[str, object] = {}

    def take(handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers["Content-Length"])
        seen.update(
            token=handler.headers["Authorization"], kind=handler.headers["Content-Type"], body=handler.rfile.read(length)
        )
        handler.send_response(201)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    (tmp_path / "tree.tar.gz").write_bytes(bytes(range(256)) * 500)
    with a_server(take) as link:
        answer = link.put_file("/traces/t/artifacts/workspace", "secret", tmp_path / "tree.tar.gz", "application/gzip")

    assert answer.status == 201
    assert seen == {"token": "Bearer secret", "kind": "application/gzip", "body": bytes(range(256)) * 500}


def test_an_answer_that_breaks_off_is_none() -> None:
    def break_off(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")

    with a_server(break_off) as link, pytest.raises(UnreachableError):
        link.get("/", "token")


def test_nobody_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(UnreachableError, match="does not answer"):
        Link(f"http://127.0.0.1:{port}").get("/", "token")
