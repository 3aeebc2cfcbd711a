"""``GET /traces`` over HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api import listing
from app.api.problems import install_problem_handlers
from app.api.schemas import install_openapi
from app.errors import UnavailableError
from app.models.query import TracePage, TraceQuery
from app.storage.sqlite_index import SqliteTraceIndex
from tests.index_entries import an_entry


class Queries:
    """Answers from an index that a test has filled, and keeps what it was asked."""

    def __init__(self, index: SqliteTraceIndex) -> None:
        self.index = index
        self.asked: list[TraceQuery] = []
        self.error: Exception | None = None
        self.complete = True

    def find(self, query: TraceQuery) -> TracePage:
        self.asked.append(query)
        if self.error is not None:
            raise self.error
        return self.index.find(query).model_copy(update={"complete": self.complete})


@pytest.fixture
def queries(tmp_path: Path) -> Iterator[Queries]:
    index = SqliteTraceIndex(tmp_path / "index.sqlite")
    yield Queries(index)
    index.close()


@pytest.fixture
def client(queries: Queries) -> TestClient:
    app = FastAPI()
    app.include_router(listing.router)
    install_problem_handlers(app)
    install_openapi(app)
    app.state.application = SimpleNamespace(queries=queries)
    app.state.settings = SimpleNamespace(api_token=SecretStr("test-token"))
    return TestClient(app, headers={"Authorization": "Bearer test-token"})


def faults(client: TestClient, address: str) -> dict[str, str]:
    """Check that the address is refused, and hand out what is wrong by parameter."""
    response = client.get(address)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    for fault in body["errors"][:3]:
        assert fault["loc"][1] in body["detail"]
    return {".".join(fault["loc"]): fault["msg"] for fault in body["errors"]}


def test_an_empty_list_is_an_answer(client: TestClient) -> None:
    response = client.get("/traces")

    assert response.json() == {"traces": [], "next_cursor": None, "complete": True}
    assert "link" not in response.headers


def test_a_summary_has_its_fields(client: TestClient, queries: Queries) -> None:
    queries.index.put([an_entry("t-1", bug_id="B-1", task_title="Off by a cent", verdict="fixed", reasoning_score=4.5)])

    assert client.get("/traces").json()["traces"] == [
        {
            "trace_id": "t-1",
            "developer_id": "dev-1",
            "bug_id": "B-1",
            "repo": "till",
            "task_title": "Off by a cent",
            "status": "open",
            "verdict": "fixed",
            "tests_passed": None,
            "reasoning_score": 4.5,
            "judge_kind": None,
            "num_events": 0,
            "num_edits": 0,
            "num_test_runs": 0,
            "files_touched": 0,
            "duration_s": 0.0,
            "start_time": "2026-03-02T12:00:00Z",
            "created_at": "2026-03-02T12:00:00Z",
            "finalized_at": None,
            "revision": 1,
        }
    ]


def test_every_parameter_reaches_the_query(client: TestClient, queries: Queries) -> None:
    client.get(
        "/traces?developer_id=d&bug_id=b&repo=r&status=open&verdict=flaky&min_score=1&max_score=4.5&event_type=commit"
        "&from=2026-03-01&to=2026-03-02T01:00:00%2B01:00&q=%22a+b%22&sort=-score&limit=7"
    )

    assert queries.asked[0].model_dump(mode="json", exclude_none=True) == {
        "developer_id": "d",
        "bug_id": "b",
        "repo": "r",
        "status": "open",
        "verdict": "flaky",
        "score_min": 1.0,
        "score_max": 4.5,
        "created_from": "2026-03-01T00:00:00Z",
        "created_to": "2026-03-02T01:00:00+01:00",
        "event_type": "commit",
        "q": '"a b"',
        "sort": "score",
        "descending": True,
        "limit": 7,
    }


def test_a_plus_in_a_time_may_be_written_as_it_is(client: TestClient, queries: Queries) -> None:
    client.get("/traces?from=2026-03-02T01:00:00+01:00")

    assert str(queries.asked[0].created_from) == "2026-03-02 01:00:00+01:00"


def test_links_lead_through_all_pages_with_the_filters_kept(client: TestClient, queries: Queries) -> None:
    queries.index.put([an_entry(f"t-{n}", n, repo="a&b" if n % 2 else "c") for n in range(10)])
    address: str | None = "/traces?repo=a%26b&limit=2"
    ids = []
    while address:
        response = client.get(address)
        ids += [trace["trace_id"] for trace in response.json()["traces"]]
        link = re.fullmatch(r'<(.+)>; rel="next"', response.headers.get("link", ""))
        assert (link is None) == (response.json()["next_cursor"] is None)
        address = link[1] if link else None

    assert ids == ["t-9", "t-7", "t-5", "t-3", "t-1"]


def test_all_faults_are_named_at_once(client: TestClient) -> None:
    found = faults(client, "/traces?limit=0&status=done&colour=red&min_score=nan&from=yesterday&sort=size&q=a&q=b&event_type=x")

    assert set(found) == {
        f"query.{name}" for name in ("limit", "status", "colour", "min_score", "from", "sort", "q", "event_type")
    }
    assert found["query.colour"] == "Is no parameter here"
    assert found["query.q"] == "Stands there more than once"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/traces?limit=201", "limit"),
        ("/traces?limit=ten", "limit"),
        ("/traces?limit=", "limit"),
        ("/traces?max_score=6", "max_score"),
        ("/traces?min_score=4&max_score=3", "min_score"),
        ("/traces?from=2026-03-02&to=2026-03-01", "from"),
        ("/traces?from=1700000000", "from"),
        ("/traces?to=2026-13-01", "to"),
        ("/traces?developer_id=", "developer_id"),
        ("/traces?Status=open", "Status"),
        ("/traces?from_=2026-03-01", "from_"),
        ("/traces?q=" + "x" * 501, "q"),
        ("/traces?cursor=abc", "cursor"),
        ("/traces?verdict=fixed&verdict=fixed", "verdict"),
    ],
)
def test_a_wrong_parameter_is_named(client: TestClient, address: str, name: str) -> None:
    assert list(faults(client, address)) == [f"query.{name}"]


def test_a_cursor_of_another_query_says_so(client: TestClient, queries: Queries) -> None:
    queries.index.put([an_entry(f"t-{n}", n) for n in range(3)])
    cursor = client.get("/traces?limit=1").json()["next_cursor"]

    assert "belongs to another query" in faults(client, f"/traces?limit=1&sort=score&cursor={cursor}")["query.cursor"]
    assert client.get(f"/traces?limit=2&cursor={cursor}").status_code == 200


@pytest.mark.parametrize("text", ["%22", "NEAR(", "a%00b", "%FF%FE", "*", "a OR", "'; DROP TABLE traces; --"])
def test_any_text_gets_an_answer(client: TestClient, queries: Queries, text: str) -> None:
    queries.index.put([an_entry("t")])

    assert client.get(f"/traces?q={text}").status_code == 200


def test_an_index_that_is_being_built_says_so(client: TestClient, queries: Queries) -> None:
    queries.complete = False

    assert client.get("/traces").json()["complete"] is False


def test_an_index_that_cannot_be_read_is_503(client: TestClient, queries: Queries) -> None:
    queries.error = UnavailableError("The index cannot be used now")

    response = client.get("/traces")

    assert response.status_code == 503
    assert response.headers["retry-after"]


def test_a_token_is_needed(client: TestClient) -> None:
    assert client.get("/traces", headers={"Authorization": "Bearer wrong"}).status_code == 401


def test_the_documentation_has_every_parameter_and_its_examples_are_taken(client: TestClient, queries: Queries) -> None:
    parameters = client.get("/openapi.json").json()["paths"]["/traces"]["get"]["parameters"]

    assert [parameter["name"] for parameter in parameters] == [
        "developer_id", "bug_id", "repo", "status", "verdict", "min_score", "max_score", "from", "to", "event_type", "q",
        "sort", "limit", "cursor",
    ]  # fmt: skip
    assert all(parameter["description"] and parameter["schema"] for parameter in parameters)
    examples = {parameter["name"]: parameter["example"] for parameter in parameters if "example" in parameter}
    assert client.get("/traces", params=examples).status_code == 200
