"""What the interactive documentation shows: every example is accepted, and every reference leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi.testclient import TestClient

from app.api.examples import FINALIZE, NEW_CHUNK, NEW_EVENTS, NEW_RECORDING, NEW_TRACE


def test_the_examples_of_the_document_api_work(client: TestClient) -> None:
    trace_id = NEW_TRACE["trace_id"]

    assert client.post("/traces", json=NEW_TRACE).status_code == 201
    assert client.post(f"/traces/{trace_id}/events", json=NEW_EVENTS).json()["appended_events"] == len(NEW_EVENTS["events"])
    assert client.post(f"/traces/{trace_id}/finalize", json=FINALIZE).status_code == 200


def test_the_examples_of_the_recording_api_work(client: TestClient) -> None:
    started = client.post("/v1/traces", json=NEW_RECORDING).json()

    stored = client.post(f"/v1/traces/{started['trace_id']}/events:ingest", json=NEW_CHUNK)

    assert stored.json()["events_added"] == len(NEW_CHUNK["events"])
    assert stored.json()["artifacts_added"] == len(NEW_CHUNK["artifacts"])


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def test_every_reference_of_the_openapi_document_leads_somewhere(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= known


def test_every_route_says_what_it_takes_and_how_it_fails(client: TestClient) -> None:
    for path, methods in client.get("/openapi.json").json()["paths"].items():
        for method, route in methods.items():
            assert route["summary"], (method, path)
            if path.startswith(("/traces", "/v1", "/jobs")):
                assert "401" in route["responses"], (method, path)
                assert route["security"], (method, path)
            if method in ("post", "put") and not path.endswith("/complete"):
                (content,) = {*route["requestBody"]["content"]} & {"application/json", "application/gzip"}
                shown = route["requestBody"]["content"][content]
                assert "example" in shown or shown["schema"]["format"] == "binary", (method, path)
