"""The document API, as scripts use it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.builders import a_repo, a_session, a_thought, an_edit, an_event
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox


def is_problem(response: Any, status: int, *words: str) -> dict[str, Any]:
    """Check that an answer is a problem document, and hand out its body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys()
    assert body["status"] == status
    for word in words:
        assert word in body["detail"]
    return body


def test_health_needs_no_token(client: TestClient) -> None:
    client.headers.pop("Authorization")

    assert client.get("/health").json() == {"status": "healthy"}
    assert client.get("/healthz").json() == {"status": "healthy"}
    assert client.get("/").json()["name"] == "PR Telemetry"


def test_a_trace_is_stored_and_read_back(client: TestClient) -> None:
    created = client.post("/traces", json=a_session(events=[a_thought("why?")]))

    assert created.status_code == 201
    assert created.json() == {"trace_id": "t-1", "status": "stored"}
    document = client.get("/traces/t-1").json()
    assert document["developer_id"] == "dev-1"
    assert document["status"] == "open"
    assert document["qa_results"] is None
    assert document["events"][0]["data"] == {"content": "why?"}
    assert document["metrics"]["num_events"] == 1


def test_an_id_is_made_where_none_is_given(client: TestClient) -> None:
    session = a_session()
    del session["trace_id"]

    created = client.post("/traces", json=session)

    assert str(UUID(created.json()["trace_id"])) == created.json()["trace_id"]
    assert client.get(created.headers["location"]).status_code == 200


def test_the_same_request_again_changes_nothing(client: TestClient, settings: Settings) -> None:
    client.post("/traces", json=a_session())
    stored = (settings.data_dir / "traces" / "t-1.json").read_bytes()

    again = client.post("/traces", json=a_session())

    assert again.status_code == 200
    assert again.json() == {"trace_id": "t-1", "status": "stored"}
    assert (settings.data_dir / "traces" / "t-1.json").read_bytes() == stored


def test_a_taken_id_is_never_overwritten(client: TestClient) -> None:
    client.post("/traces", json=a_session(developer_id="first"))

    is_problem(client.post("/traces", json=a_session(developer_id="second")), 409, "t-1")

    assert client.get("/traces/t-1").json()["developer_id"] == "first"


def test_appended_events_are_read_in_time_order(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=[a_thought("middle", minute=5)]))

    answer = client.post("/traces/t-1/events", json={"events": [a_thought("last", minute=9), a_thought("first", minute=1)]})

    assert answer.status_code == 200
    assert answer.json() == {"trace_id": "t-1", "appended_events": 2}
    events = client.get("/traces/t-1").json()["events"]
    assert [event["data"]["content"] for event in events] == ["first", "middle", "last"]
    assert [event["seq"] for event in events] == [3, 1, 2]


def test_every_acknowledged_append_is_stored(client: TestClient) -> None:
    client.post("/traces", json=a_session())

    def append(number: int) -> int:
        return client.post("/traces/t-1/events", json={"events": [a_thought(str(number))]}).status_code

    with ThreadPoolExecutor(25) as pool:
        statuses = list(pool.map(append, range(50)))

    stored = client.get("/traces/t-1").json()["events"]
    assert statuses == [200] * 50
    assert sorted(int(event["data"]["content"]) for event in stored) == list(range(50))


def test_an_unknown_trace_is_404(client: TestClient) -> None:
    is_problem(client.get("/traces/nobody"), 404, "Trace nobody not found")
    is_problem(client.post("/traces/nobody/events", json={"events": [a_thought()]}), 404, "Trace nobody not found")
    is_problem(client.post("/traces/nobody/finalize"), 404, "Trace nobody not found")


@pytest.mark.parametrize("events", [[], [an_event("coffee_break")]])
def test_no_events_or_unknown_ones_are_400(client: TestClient, events: list[Any]) -> None:
    client.post("/traces", json=a_session())

    is_problem(client.post("/traces/t-1/events", json={"events": events}), 400)


def test_all_faults_are_named_at_once(client: TestClient) -> None:
    session = a_session(events=[an_event("coffee_break"), an_event("commit", sha="abc", colour="red")], surprise=1)
    del session["developer_id"]

    body = is_problem(client.post("/traces", json=session), 422)

    places = [".".join(map(str, error["loc"])) for error in body["errors"]]
    assert sorted(places) == ["developer_id", "events.0", "events.1.data.colour", "events.1.data.message", "surprise"]


@pytest.mark.parametrize(
    "owned",
    ["qa_results", "metrics", "integrity", "status", "created_at", "finalized_at", "revision", "artifacts"],
)
def test_what_the_server_owns_is_refused_unless_null(client: TestClient, owned: str) -> None:
    body = is_problem(client.post("/traces", json=a_session(**{owned: {"x": 1}})), 422, "belongs to the server")
    assert body["errors"][0]["loc"] == [owned]

    assert client.post("/traces", json=a_session(**{owned: None})).status_code == 201


@pytest.mark.parametrize(("owned", "value"), [("seq", 7), ("received_at", "2020-01-01T00:00:00Z"), ("zone_assumed", True)])
def test_what_the_server_owns_of_an_event_is_refused_unless_null(client: TestClient, owned: str, value: object) -> None:
    is_problem(client.post("/traces", json=a_session(events=[{**a_thought(), owned: value}])), 422, "belongs to the server")

    assert client.post("/traces", json=a_session(events=[{**a_thought(), owned: None}])).status_code == 201


def test_the_servers_clock_is_its_own_and_a_missing_zone_is_noted(client: TestClient) -> None:
    naive = {**a_thought(), "timestamp": "2026-03-02T12:00:00"}
    client.post("/traces", json=a_session(events=[naive], start_time="2026-03-02T12:00:00"))

    document = client.get("/traces/t-1").json()

    assert document["events"][0]["timestamp"] == "2026-03-02T12:00:00Z"
    assert document["events"][0]["zone_assumed"] is True
    assert document["zone_assumed"] == ["start_time"]
    assert document["events"][0]["received_at"] > "2026-03-03"


def test_an_unknown_exit_code_is_named_as_unknown(client: TestClient) -> None:
    command = an_event("terminal_command", command="ls", output="", exit_code=None, duration_ms=3)
    client.post("/traces", json=a_session(events=[command]))

    data = client.get("/traces/t-1").json()["events"][0]["data"]

    assert data["exit_code"] is None
    assert data["extra"] == {"unknown": ["exit_code"]}


def test_event_ids_stand_for_one_event(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=[{**a_thought(), "event_id": "e1"}]))

    twice = client.post("/traces/t-1/events", json={"events": [{**a_thought(), "event_id": "e1"}, a_thought()]})

    is_problem(twice, 422, "e1")
    assert len(client.get("/traces/t-1").json()["events"]) == 1


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "C:\\x", "%2e%2e/x", "a\x00b", ""])
def test_dangerous_paths_are_400(client: TestClient, settings: Settings, path: str) -> None:
    body = is_problem(client.post("/traces", json=a_session(events=[an_edit(path)])), 400, "Invalid file path")

    assert body["errors"][0]["loc"] == ["events", 0, "data", "file_path"]
    assert not list((settings.data_dir / "traces").iterdir())


@pytest.mark.parametrize(
    "command", ["pytest; rm -rf /", "pytest && x", "pytest | x", "sh -c pytest", "pytest $(x)", "pytest\nx"]
)
def test_dangerous_commands_are_400(client: TestClient, command: str) -> None:
    is_problem(client.post("/traces", json=a_session(repo=a_repo(test_command=command))), 400, "dangerous patterns")


@pytest.mark.parametrize("command", ['pytest "tests/test_a.py::test_b[x|y]"', 'pytest -k "a and not b"'])
def test_ordinary_commands_are_accepted(client: TestClient, command: str) -> None:
    assert client.post("/traces", json=a_session(repo=a_repo(test_command=command))).status_code == 201


def test_recorded_commands_are_kept_as_they_were(client: TestClient) -> None:
    recorded = an_event("terminal_command", command="rm -rf build | tee x; ls $(pwd)", output="", exit_code=0, duration_ms=1.5)

    assert client.post("/traces", json=a_session(events=[recorded])).status_code == 201
    assert client.get("/traces/t-1").json()["events"][0]["data"]["command"] == "rm -rf build | tee x; ls $(pwd)"


def test_an_unchanged_trace_need_not_be_sent_again(client: TestClient) -> None:
    client.post("/traces", json=a_session())
    first = client.get("/traces/t-1")

    again = client.get("/traces/t-1", headers={"If-None-Match": first.headers["etag"]})
    client.post("/traces/t-1/events", json={"events": [a_thought()]})
    changed = client.get("/traces/t-1", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert changed.status_code == 200


@pytest.mark.parametrize("header", [{}, {"Authorization": ""}, {"Authorization": "Basic dDp0"}, {"Authorization": "Bearer "}])
def test_a_missing_token_is_401_and_named(client: TestClient, header: dict[str, str]) -> None:
    client.headers.pop("Authorization")

    response = client.post("/traces", content=b"{", headers=header)

    is_problem(response, 401, "Authorization")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("token", ["wrong", "test-toke", "test-token2", "tëst"])
def test_a_wrong_token_is_401(client: TestClient, token: str) -> None:
    is_problem(client.get("/traces/t-1", headers=[(b"Authorization", f"Bearer {token}".encode())]), 401)


def test_an_open_server_answers_its_own_machine_only(make_client: Callable[..., TestClient]) -> None:
    client = make_client(api_token=None, allow_open_loopback=True)
    client.headers.pop("Authorization")

    assert client.post("/traces", json=a_session()).status_code == 201
    is_problem(client.get("/traces/t-1", headers={"Host": "evil.example"}), 403)
    for origin in ("https://evil.example", "http://[", "//[a]", "null"):
        is_problem(client.get("/traces/t-1", headers={"Origin": origin}), 403)
    assert client.get("/traces/t-1", headers={"Origin": "http://localhost:3000"}).status_code == 200
    stranger = TestClient(client.app, base_url="http://localhost", client=("192.0.2.7", 1))
    is_problem(stranger.get("/traces/t-1"), 403)


def test_traces_survive_a_restart(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings, sandbox) as first:
        first.post("/traces", json=a_session())
        first.post("/traces/t-1/events", json={"events": [a_thought("kept")]})

    with a_server(settings, sandbox) as second:
        assert second.get("/traces/t-1").json()["events"][0]["data"]["content"] == "kept"
        assert second.post("/traces/t-1/events", json={"events": [a_thought()]}).json()["appended_events"] == 1


def test_a_malformed_event_is_422_and_alone_named(client: TestClient) -> None:
    client.post("/traces", json=a_session())

    body = is_problem(client.post("/traces/t-1/events", json={"events": [an_event("reasoning_step")]}), 422)

    assert [error["loc"] for error in body["errors"]] == [["events", 0, "data", "content"]]


def test_an_empty_body_needs_no_media_type(client: TestClient) -> None:
    client.post("/traces", json=a_session())

    answer = client.post("/traces/t-1/finalize", headers={"Content-Type": "application/x-www-form-urlencoded"})

    assert answer.status_code == 200


@pytest.mark.parametrize("number", ["1e20", "-1e20", "9007199254740993"])
def test_numbers_that_are_not_read_alike_everywhere_are_refused(client: TestClient, number: str) -> None:
    command = an_event("terminal_command", command="x", output="", exit_code="N", duration_ms=1)
    for event in (a_thought(extra={"x": "N"}), command):
        body = json.dumps(a_session(events=[event])).replace('"N"', number)
        is_problem(client.post("/traces", content=body), 422)


def test_a_trace_that_was_deleted_says_so_and_is_gone(settings: Settings, sandbox: ScriptedSandbox) -> None:
    with a_server(settings, sandbox) as client:
        client.post("/traces", json=a_session(events=[a_thought("private")]))
        client.put("/traces/t-1/artifacts/log", content=b"private")

        assert client.delete("/traces/t-1").status_code == 204

        for answer in (client.get("/traces/t-1"), client.delete("/traces/t-1"), client.post("/traces", json=a_session())):
            assert is_problem(answer, 410, "was deleted at")["code"] == "trace_deleted"
        assert client.get("/traces").json()["traces"] == []
    left = [path for path in settings.data_dir.rglob("*") if path.is_file() and b"private" in path.read_bytes()]
    assert left == []


def test_events_are_paged_in_order_of_arrival(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=[a_thought(str(number), minute=-number) for number in range(5)]))

    first = client.get("/traces/t-1/events", params={"limit": 3}).json()
    second = client.get("/traces/t-1/events", params={"limit": 3, "after": first["next_after"]}).json()

    assert [event["data"]["content"] for event in first["events"] + second["events"]] == ["0", "1", "2", "3", "4"]
    assert second["next_after"] is None
    is_problem(client.get("/traces/t-1/events", params={"limit": 0}), 422)


def test_a_checkpoint_is_signed_and_its_key_is_public(client: TestClient) -> None:
    client.post("/traces", json=a_session(events=[a_thought()]))

    checkpoint = client.get("/traces/t-1/checkpoint").json()

    assert checkpoint["count"] == 1
    assert checkpoint["signature"]["key_id"] in client.get("/keys").json()


def test_compressed_bodies_and_answers(client: TestClient) -> None:
    body = gzip.compress(json.dumps(a_session(events=[a_thought("x" * 5000)])).encode())

    assert client.post("/traces", content=body, headers={"Content-Encoding": "gzip"}).status_code == 201
    answer = client.get("/traces/t-1", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    bomb = gzip.compress(b" " * 20_000_000)
    is_problem(client.post("/traces", content=bomb, headers={"Content-Encoding": "gzip"}), 413)
