"""The server as a process: what it does with clients that never finish, with large bodies, and with its own death."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import a_session, a_thought
from tests.e2e.server import ROOT, TOKEN, Server, a_server_process


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with a_server_process(tmp_path / "data") as running:
        yield running


@pytest.fixture
def hasty_server(tmp_path: Path) -> Iterator[Server]:
    """Waits for nobody; a slow machine would make a client of any other test late."""
    with a_server_process(tmp_path / "data", BODY_TIMEOUT_S="1") as running:
        yield running


def answer_to(server: Server, *pieces: bytes) -> bytes:
    """Send the pieces, end nothing, and read what the server says until it hangs up."""
    with socket.create_connection((server.host, server.port), timeout=60) as connection:
        said = b""
        # who hangs up on what he has not read resets the connection, after his answer
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(65536):
                said += block
    return said


def test_headers_that_never_finish_are_cut_off(hasty_server: Server) -> None:
    assert answer_to(hasty_server, b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ").startswith(b"HTTP/1.1 408")


def test_a_connection_that_says_nothing_is_cut_off(hasty_server: Server) -> None:
    assert answer_to(hasty_server).startswith(b"HTTP/1.1 408")


def test_endless_headers_are_cut_off(server: Server) -> None:
    said = answer_to(server, b"GET /health HTTP/1.1\r\nHost: x\r\n", b"X: " + b"y" * 70_000)

    assert said.startswith(b"HTTP/1.1 431")
    assert b"application/problem+json" in said


def test_what_is_no_http_is_a_problem_document(server: Server) -> None:
    said = answer_to(server, b"\x16\x03\x01 hello\r\n\r\n")

    assert said.startswith(b"HTTP/1.1 400")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "invalid_http"


def test_a_body_that_drips_is_cut_off(hasty_server: Server) -> None:
    head = f"POST /traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n"

    said = answer_to(hasty_server, head.encode(), b"{")

    assert said.startswith(b"HTTP/1.1 408")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["code"] == "request_timeout"


def test_a_kept_connection_serves_on(server: Server) -> None:
    with server.client() as client:
        assert [client.get("/health").status_code for _ in range(5)] == [200] * 5


def test_the_rest_of_a_body_that_was_answered_early_is_no_head(server: Server) -> None:
    head = (
        f"PUT /traces/none/artifacts/log HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: text/plain\r\nContent-Length: 1000000\r\n\r\n"
    )
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(head.encode())
        said = connection.recv(65536)
        for _ in range(10):
            connection.sendall(bytes(100_000))
            time.sleep(0.01)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        while block := connection.recv(65536):
            said += block

    # an answer may come in pieces
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"404", b"200"]


def test_memory_does_not_grow_with_an_artifact(server: Server) -> None:
    size, block = 200 * 1024 * 1024, os.urandom(1024 * 1024)

    def content() -> Iterator[bytes]:
        for _ in range(size // len(block)):
            yield block

    with server.client() as client:
        client.post("/traces", json=a_session())
        client.put("/traces/t-1/artifacts/warm-up", content=block)
        before = server.peak_memory_bytes()
        stored = client.put("/traces/t-1/artifacts/dump", content=content())
        with client.stream("GET", "/traces/t-1/artifacts/dump") as download:
            received = sum(len(piece) for piece in download.iter_bytes())

    assert stored.json()["size_bytes"] == received == size
    assert server.peak_memory_bytes() - before < 20 * 1024 * 1024


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def append_until_killed(server: Server, writer: int) -> None:
        with server.client() as client:
            for number in range(100_000):
                name = f"{writer}-{number}"
                try:
                    answer = client.post("/traces/t-1/events", json={"events": [a_thought(name)]})
                except OSError:
                    return
                except Exception as error:
                    if type(error).__module__.startswith("http"):
                        return
                    raise
                if answer.status_code == 200:
                    acknowledged.append(name)

    with a_server_process(tmp_path / "data") as server:
        with server.client() as client:
            client.post("/traces", json=a_session())
        writers = [threading.Thread(target=append_until_killed, args=(server, writer)) for writer in range(4)]
        for writer in writers:
            writer.start()
        while len(acknowledged) < 100:
            writers[0].join(0.01)
        server.kill()
        for writer in writers:
            writer.join()

    with a_server_process(tmp_path / "data") as server, server.client() as client:
        stored = [event["data"]["content"] for event in client.get("/traces/t-1").json()["events"]]
    assert len(stored) == len(set(stored))
    assert set(acknowledged) <= set(stored)


def test_a_second_server_on_the_same_data_says_so(server: Server, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "API_TOKEN": TOKEN, "DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert second.returncode != 0
    assert f"in use by another process (pid {server.process.pid})" in second.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "API_TOKEN is not set"),
        ({"API_TOKEN": "x", "PORT": "http"}, "PORT"),
        ({"API_TOKEN": "x", "JUDGE": "llm"}, "OPENAI_API_KEY"),
        ({"API_TOKEN": "x", "SANDBOX_CPUS": "-1", "LOG_LEVEL": "LOUD"}, "LOG_LEVEL"),
    ],
)
@pytest.mark.parametrize("command", [["-m", "app", "serve"], ["-m", "uvicorn", "main:app"]])
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    tmp_path: Path, command: list[str], settings: dict[str, str], words: str
) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "DATA_DIR": str(tmp_path / "data"), **settings}

    ended = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode != 0
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_taken_port_is_named(server: Server, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", str(server.port)],
        cwd=ROOT,
        env={**os.environ, "API_TOKEN": TOKEN, "DATA_DIR": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 78
    assert f"Port {server.port} is taken" in ended.stderr


def test_plain_uvicorn_serves_the_same_application(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "main:app", "--fd", str(listening.fileno())],
            cwd=ROOT,
            env={**os.environ, "API_TOKEN": TOKEN, "DATA_DIR": str(tmp_path / "data")},
            pass_fds=[listening.fileno()],
            stderr=subprocess.DEVNULL,
        )
        try:
            with Server(process, *listening.getsockname()).client() as client:  # type: ignore[arg-type]
                assert client.post("/traces", json=a_session()).status_code == 201
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
