"""Artifacts over HTTP."""

from __future__ import annotations

import base64
import hashlib

import pytest
from fastapi.testclient import TestClient

from tests.api.test_documents import is_problem
from tests.builders import a_session, a_tar

GZIP = {"Content-Type": "application/gzip"}


@pytest.fixture
def open_trace(client: TestClient) -> TestClient:
    client.post("/traces", json=a_session())
    return client


def test_an_artifact_comes_back_as_it_went_in(open_trace: TestClient) -> None:
    content = a_tar({"a.py": "x"})

    stored = open_trace.put("/traces/t-1/artifacts/workspace", content=content, headers=GZIP)

    assert stored.status_code == 201
    assert stored.json()["sha256"] == hashlib.sha256(content).hexdigest()
    assert stored.json()["kind"] == "workspace"
    read = open_trace.get("/traces/t-1/artifacts/workspace")
    assert read.content == content
    assert open_trace.get("/traces/t-1/artifacts").json() == {"workspace": stored.json()}
    assert open_trace.get("/traces/t-1").json()["artifacts"] == {"workspace": stored.json()}


def test_the_same_content_again_is_200_and_another_409(open_trace: TestClient) -> None:
    first = open_trace.put("/traces/t-1/artifacts/log", content=b"one")

    again = open_trace.put("/traces/t-1/artifacts/log", content=b"one")
    other = open_trace.put("/traces/t-1/artifacts/log", content=b"two")

    assert (first.status_code, again.status_code) == (201, 200)
    is_problem(other, 409, "log")
    assert open_trace.get("/traces/t-1/artifacts/log").content == b"one"


def test_a_page_is_handed_out_as_a_file(open_trace: TestClient) -> None:
    open_trace.put("/traces/t-1/artifacts/page", content=b"<script>", headers={"Content-Type": "text/html"})

    headers = open_trace.get("/traces/t-1/artifacts/page").headers

    assert headers["content-disposition"] == 'attachment; filename="page"'
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_a_digest_is_compared(open_trace: TestClient) -> None:
    right = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    wrong = base64.b64encode(hashlib.sha256(b"y").digest()).decode()

    def put(digest: str) -> int:
        return open_trace.put("/traces/t-1/artifacts/a", content=b"x", headers={"Content-Digest": digest}).status_code

    assert put(f"sha-256=:{wrong}:") == 422
    assert open_trace.get("/traces/t-1/artifacts").json() == {}
    assert put("sha-256=:nonsense:") == 422
    assert put(f"sha-256=:{right}:") == 201


@pytest.mark.parametrize("name", ["-a", ".hidden", "a b", "x" * 129])
def test_a_name_is_plain(open_trace: TestClient, name: str) -> None:
    is_problem(open_trace.put(f"/traces/t-1/artifacts/{name}", content=b"x"), 422, "letters")


def test_a_tree_says_that_it_is_an_archive(open_trace: TestClient) -> None:
    answer = open_trace.put("/traces/t-1/artifacts/tests", content=a_tar({"a": ""}), headers={"Content-Type": "text/plain"})

    is_problem(answer, 415, "application/gzip")


def test_nothing_is_received_for_a_trace_that_is_not_there(client: TestClient) -> None:
    is_problem(client.put("/traces/nobody/artifacts/log", content=b"x"), 404)
    is_problem(client.get("/traces/nobody/artifacts"), 404)


def test_an_artifact_that_is_not_there_is_404(open_trace: TestClient) -> None:
    is_problem(open_trace.get("/traces/t-1/artifacts/log"), 404, "log")


def test_an_artifact_and_its_events_do_not_get_in_each_others_way(open_trace: TestClient) -> None:
    open_trace.post("/traces/t-1/events", json={"events": [{"event_type": "file_open", "timestamp": "2026-03-02T12:00:00Z",
                                                            "data": {"file_path": "a"}}]})  # fmt: skip
    open_trace.put("/traces/t-1/artifacts/log", content=b"x")
    open_trace.post("/traces/t-1/events", json={"events": [{"event_type": "file_open", "timestamp": "2026-03-02T12:00:00Z",
                                                            "data": {"file_path": "b"}}]})  # fmt: skip

    document = open_trace.get("/traces/t-1").json()

    assert [event["seq"] for event in document["events"]] == [1, 2]
    assert set(document["artifacts"]) == {"log"}


def test_a_client_may_say_what_it_is(open_trace: TestClient) -> None:
    def put(name: str, query: str = "") -> str:
        answer = open_trace.put(f"/traces/t-1/artifacts/{name}{query}", content=b"x")
        assert answer.status_code in (200, 201), answer.text
        kind: str = answer.json()["kind"]
        return kind

    assert put("gold", "?kind=gold_patch") == "gold_patch"
    assert put("out.txt", "?kind=my%20own%20%26%20only") == "my own & only"
    assert put("plain") == "file"
    assert put("gold", "?kind=something_else") == "gold_patch", "the same content again changes nothing"
    artifacts = open_trace.get("/traces/t-1").json()["artifacts"]
    assert {name: ref["kind"] for name, ref in artifacts.items()} == {
        "gold": "gold_patch",
        "out.txt": "my own & only",
        "plain": "file",
    }


@pytest.mark.parametrize("kind", ["", "x" * 513])
def test_a_kind_is_a_short_text(open_trace: TestClient, kind: str) -> None:
    is_problem(open_trace.put("/traces/t-1/artifacts/log", content=b"x", params={"kind": kind}), 422, "query.kind")
    assert open_trace.get("/traces/t-1/artifacts").json() == {}


@pytest.mark.parametrize(("name", "kind"), [("workspace", "log"), ("tests", "workspace"), ("tree", "workspace")])
def test_a_tree_is_what_its_name_says(open_trace: TestClient, name: str, kind: str) -> None:
    answer = open_trace.put(f"/traces/t-1/artifacts/{name}", content=a_tar({"a": ""}), headers=GZIP, params={"kind": kind})

    assert is_problem(answer, 422, "kind")["errors"][0]["loc"] == ["query", "kind"]
    same = open_trace.put("/traces/t-1/artifacts/tests?kind=tests", content=a_tar({"a": ""}), headers=GZIP)
    assert same.json()["kind"] == "tests"


def test_consent_goes_by_what_it_is(client: TestClient) -> None:
    consent = {"rationales": True, "commands": False, "snapshots": False}
    client.post("/traces", json=a_session(session={"consent": consent}))

    for name, query in (("out.txt", "?kind=stdout"), ("tree.tar", "?kind=snapshot"), ("workspace", "")):
        answer = client.put(f"/traces/t-1/artifacts/{name}{query}", content=a_tar({"a": ""}), headers=GZIP)
        assert is_problem(answer, 403)["code"] == "no_consent"
    assert client.put("/traces/t-1/artifacts/gold?kind=gold_patch", content=b"x").status_code == 201
