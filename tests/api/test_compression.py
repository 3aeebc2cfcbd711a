"""Compressed requests and answers, as clients see them."""

from __future__ import annotations

import gzip
import random
import zlib
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from starlette.responses import Response, StreamingResponse

from app.api.compression import CompressedAnswers, CompressedRequests, Gunzip
from app.api.middleware import BodyGate
from app.api.problems import install_problem_handlers

LIMIT = 100_000
LONG = b'{"a": "' + b"x" * 5000 + b'"}'


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    install_problem_handlers(app)

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        body = await request.body()
        seen = {
            "x-length": request.headers.get("content-length", "none"),
            "x-encoding": request.headers.get("content-encoding", "none"),
        }
        return Response(body, media_type="application/octet-stream", headers=seen)

    @app.get("/long")
    def long() -> Response:
        return Response(LONG, media_type="application/json", headers={"ETag": '"abc"'})

    @app.get("/short")
    def short() -> Response:
        return Response(b"{}", media_type="application/json", headers={"ETag": '"abc"'})

    @app.get("/progress")
    def progress() -> Response:
        return StreamingResponse(iter([b"data: 1\n\n", b"data: 2\n\n" * 1000]), media_type="text/event-stream")

    @app.api_route("/traces/{trace_id}/artifacts/{name}", methods=["PUT", "GET"])
    async def artifact(request: Request) -> Response:
        return Response(await request.body() or LONG, media_type="application/x-tar", headers={"ETag": '"abc"'})

    app.add_middleware(CompressedAnswers)
    app.add_middleware(CompressedRequests, max_body_bytes=LIMIT)
    app.add_middleware(BodyGate, max_body_bytes=LIMIT, max_artifact_bytes=LIMIT, timeout_s=5)
    return TestClient(app, raise_server_exceptions=False)


def send(client: TestClient, body: bytes, encoding: str = "gzip") -> Any:
    return client.post("/echo", content=body, headers={"Content-Encoding": encoding, "Accept-Encoding": "identity"})


def is_problem(response: Any, status: int, words: str) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert words in response.json()["detail"]


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", " gzip ", "identity, gzip"])
@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)) * 300])
def test_a_gzipped_body_is_unpacked(client: TestClient, encoding: str, body: bytes) -> None:
    response = send(client, gzip.compress(body), encoding)

    assert response.content == body
    assert (response.headers["x-length"], response.headers["x-encoding"]) == ("none", "none")


@pytest.mark.parametrize("encoding", ["identity", ""])
def test_a_plain_body_stays_as_it_is(client: TestClient, encoding: str) -> None:
    response = send(client, b"plain", encoding)

    assert response.content == b"plain"
    assert response.headers["x-length"] == "5"


def test_a_body_of_several_streams_is_one_body(client: TestClient) -> None:
    assert send(client, gzip.compress(b"one ") + gzip.compress(b"two")).content == b"one two"


def test_a_body_may_arrive_in_any_parts() -> None:
    content = random.Random(1).randbytes(2000) + b"a" * 200_000
    packed = gzip.compress(content[:1000]) + gzip.compress(content[1000:])
    for size in (1, 7, 1000):
        gunzip = Gunzip()
        parts = [packed[start : start + size] for start in range(0, len(packed), size)]
        blocks = [block for part in parts for block in gunzip.unpack(part)]
        gunzip.finish()

        assert b"".join(blocks) == content
        assert max(map(len, blocks)) <= 64 * 1024


def test_a_body_is_as_large_as_what_is_in_it(client: TestClient) -> None:
    assert len(send(client, gzip.compress(b"a" * LIMIT)).content) == LIMIT
    is_problem(send(client, gzip.compress(b"a" * (LIMIT + 1))), 413, f"larger than {LIMIT} bytes when unpacked")


def test_a_bomb_is_cut_off(client: TestClient) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = bomb.compress(bytes(50_000_000)) + bomb.flush()
    assert len(packed) < LIMIT

    is_problem(send(client, packed), 413, "when unpacked")


def test_the_body_that_arrives_is_bounded_too(client: TestClient) -> None:
    is_problem(send(client, gzip.compress(random.Random(1).randbytes(LIMIT + 1))), 413, f"larger than {LIMIT} bytes")


def test_thousands_of_empty_streams_are_refused(client: TestClient) -> None:
    is_problem(send(client, gzip.compress(b"") * 2000), 422, "more than 1000 gzip streams")


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip",
        gzip.compress(b"hello")[:-1],
        gzip.compress(b"hello")[:5],
        gzip.compress(b"hello") + b"rest",
        zlib.compress(b"x"),
    ],
)
def test_a_body_that_is_no_gzip_is_refused(client: TestClient, body: bytes) -> None:
    is_problem(send(client, body), 422, "gzip")


def test_a_body_that_was_altered_is_refused(client: TestClient) -> None:
    packed = bytearray(gzip.compress(b"hello hello hello"))
    packed[-6] ^= 1

    is_problem(send(client, bytes(packed)), 422, "not the gzip")


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip;q=1", "compress"])
def test_another_encoding_is_415_and_says_what_is_taken(client: TestClient, encoding: str) -> None:
    response = send(client, b"x", encoding)

    is_problem(response, 415, "this server takes gzip")
    assert response.headers["accept-encoding"] == "gzip"


def test_an_artifact_is_taken_as_it_is_sent(client: TestClient) -> None:
    packed = gzip.compress(b"a tree")

    response = client.put("/traces/t-1/artifacts/workspace", content=packed, headers={"Content-Type": "application/gzip"})

    assert response.content == packed


def test_an_artifact_takes_no_content_encoding(client: TestClient) -> None:
    headers = {"Content-Encoding": "gzip"}

    response = client.put("/traces/t-1/artifacts/log", content=gzip.compress(b"x"), headers=headers)

    is_problem(response, 415, "leave the Content-Encoding header out")


def raw(client: TestClient, path: str, accept: str | None, **headers: str) -> Any:
    """An answer as it was sent: httpx unpacks by itself, and by default asks for more than gzip."""
    if accept is not None:
        headers["Accept-Encoding"] = accept
    with client.stream("GET", path, headers={"Accept-Encoding": "", **headers}) as response:
        return response, b"".join(response.iter_raw())


@pytest.mark.parametrize("accept", ["gzip", "br, gzip;q=0.5", "GZIP", "x-gzip"])
def test_an_answer_is_compressed_for_who_takes_it(client: TestClient, accept: str) -> None:
    response, content = raw(client, "/long", accept)

    assert response.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["vary"]
    assert response.headers["etag"] == 'W/"abc"'
    assert gzip.decompress(content) == LONG
    assert len(content) < 200


@pytest.mark.parametrize("accept", ["", "identity", "br", "gzip;q=0", "gzip; q=0.000, *"])
def test_an_answer_stays_as_it_is_for_who_does_not(client: TestClient, accept: str) -> None:
    response, content = raw(client, "/long", accept)

    assert "content-encoding" not in response.headers
    assert response.headers["etag"] == '"abc"'
    assert content == LONG


@pytest.mark.parametrize("path", ["/short", "/progress", "/traces/t-1/artifacts/workspace"])
def test_small_answers_streams_and_artifacts_are_not_compressed(client: TestClient, path: str) -> None:
    response, _ = raw(client, path, "gzip", Accept="text/event-stream" if path == "/progress" else "*/*")

    assert response.status_code == 200
    assert "content-encoding" not in response.headers
    assert response.headers.get("etag", '"abc"') == '"abc"'
