"""Hostile requests: the documented 4xx as a problem document, never a 500, and nothing written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.api.test_documents import is_problem
from tests.builders import a_session, a_tar, a_thought


@pytest.fixture(autouse=True)
def _nothing_written(settings: Settings, tmp_path: Path) -> Iterator[None]:
    yield
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and settings.data_dir not in path.parents]
    assert outside == []


def deep(levels: int) -> str:
    return '{"extra":' * levels + "1" + "}" * levels


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b"\xff\xfe",
        b'{"developer_id": "\xff"}',
        b'{"developer_id": "\\ud800"}',
        b'{"developer_id": NaN}',
        b"[" * 100_000,
        deep(5000).encode(),
        b'{"a":' * 300,
    ],
)
def test_bodies_that_are_no_trace(client: TestClient, settings: Settings, body: bytes) -> None:
    is_problem(client.post("/traces", content=body, headers={"Content-Type": "application/json"}), 422)

    assert list((settings.data_dir / "traces").iterdir()) == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "123456789012345678901234567890"])
def test_numbers_that_are_no_json(client: TestClient, number: str) -> None:
    event = a_thought(extra={"deep": [{"value": "HERE"}]})
    body = json.dumps(a_session(events=[event])).replace('"HERE"', number)

    is_problem(client.post("/traces", content=body), 422)


@pytest.mark.parametrize(
    "changes",
    [
        {"developer_id": 7},
        {"developer_id": None},
        {"developer_id": ""},
        {"developer_id": "x" * 129},
        {"start_time": "yesterday"},
        {"start_time": 1700000000},
        {"repo": []},
        {"repo": {"name": {"$ne": 1}}},
        {"events": {}},
        {"events": [None]},
        {"events": ["x"]},
        {"events": [{"event_type": 1}]},
        {"events": [{**a_thought(), "data": []}]},
        {"events": [{**a_thought(), "timestamp": "0000-00-00T00:00:00Z"}]},
        {"schema_version": "9.9"},
        {"trace_id": "../../etc/passwd"},
        {"trace_id": "..%2f..%2fetc"},
        {"trace_id": "a/b"},
        {"trace_id": "a\u0000b"},
        {"trace_id": "."},
        {"trace_id": ".."},
        {"trace_id": "x" * 129},
        {"trace_id": ""},
        {"trace_id": 5},
        {"session": {"role": "robot"}},
    ],
)
def test_wrong_types_and_values(client: TestClient, settings: Settings, changes: dict[str, Any]) -> None:
    is_problem(client.post("/traces", content=json.dumps(a_session(**changes))), 422)

    assert list((settings.data_dir / "traces").iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/traces/%2e%2e",
        "/traces/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/traces/..%5c..%5cx",
        "/traces/%00",
        "/traces/a%00b",
        "/traces/%ff",
        "/traces/t-1.json",
        "/traces/t-1/artifacts/..%2f..%2fx",
        "/traces/t-1/artifacts/%2e%2e",
        "/traces/t-1/artifacts/%00",
        "/traces//events",
        "/nowhere",
        "/traces/" + "x" * 5000,
    ],
)
def test_addresses_that_lead_nowhere(client: TestClient, path: str) -> None:
    is_problem(client.get(path), 404)


def test_a_wrong_method_is_405(client: TestClient) -> None:
    response = client.patch("/traces/t-1")

    is_problem(response, 405)
    assert "GET" in response.headers["allow"]


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json"]
)
def test_a_body_that_says_it_is_no_json_is_415(client: TestClient, media_type: str) -> None:
    is_problem(client.post("/traces", content=b"{}", headers={"Content-Type": media_type}), 415, "application/json")


def test_a_body_that_announces_too_much_is_413(client: TestClient) -> None:
    is_problem(client.post("/traces", content=b"x" * 11_000_000), 413, "10485760")


def test_a_body_that_does_not_say_how_large_it_is_is_cut_off(client: TestClient) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while sent < 20_000_000:
            sent += 65536
            yield b" " * 65536

    is_problem(client.post("/traces", content=endless()), 413)


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "9" * 30])
def test_a_length_that_is_none_is_4xx(client: TestClient, length: str) -> None:
    response = client.post("/traces", content=b"{}", headers={"Content-Length": length})

    assert response.status_code in (413, 422)
    is_problem(response, response.status_code)


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"reruns": "3x"}', b'{"judge": "oracle"}', b'{"judge": 1}'])
def test_a_finalize_that_asks_for_nonsense_changes_nothing(client: TestClient, body: bytes) -> None:
    client.post("/traces", json=a_session())

    is_problem(client.post("/traces/t-1/finalize", content=body), 422)

    assert client.get("/traces/t-1").json()["status"] == "open"


def test_a_finalize_with_a_dangerous_command_is_400(client: TestClient) -> None:
    client.post("/traces", json=a_session())

    is_problem(client.post("/traces/t-1/finalize", json={"test_command": "pytest; x"}), 400, "dangerous patterns")


def test_values_are_never_echoed(client: TestClient) -> None:
    response = client.post("/traces", content=json.dumps(a_session(developer_id=["sk-secret-value"])))

    assert "sk-secret-value" not in response.text


def test_many_faults_are_counted_and_cut(client: TestClient) -> None:
    body = is_problem(client.post("/traces", json=a_session(events=[{}] * 5000)), 422, "5000 faults")

    assert len(body["errors"]) == 100


def test_a_broken_archive_leaves_no_artifact(make_client: Callable[..., TestClient], settings: Settings) -> None:
    client = make_client(max_tree_bytes=1024 * 1024, max_artifact_bytes=100_000)
    client.post("/traces", json=a_session())
    bodies = {
        400: a_tar({"../evil": "x"}),
        413: a_tar({"zeros": bytes(5_000_000)}),
        422: b"no archive",
    }
    for status, body in bodies.items():
        is_problem(
            client.put("/traces/t-1/artifacts/workspace", content=body, headers={"Content-Type": "application/gzip"}), status
        )
    too_large = client.put("/traces/t-1/artifacts/log", content=b"x" * 100_001, headers={"Content-Type": "text/plain"})
    is_problem(too_large, 413)

    assert client.get("/traces/t-1/artifacts").json() == {}
    assert [path for path in (settings.data_dir / "artifacts").rglob("*") if path.is_file()] == []
