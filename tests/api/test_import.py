"""Imports over HTTP."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.test_documents import is_problem
from tests.builders import a_repo, a_session, a_tar
from tests.unit.formats.reading import SAMPLES, open_sample, sample_files

FACTS = {
    "repo_name": "calc",
    "repo_url": "https://example.org/calc.git",
    "branch": "main",
    "commit_before": "8f0f4d5",
    "commit_after": "c1d2e3f",
    "test_command": "python -m pytest -q",
}
CODEX = "codex/codex-0.169.0-rollout.jsonl"
CODEX_ID = "codex-01a1fc04-9373-7340-9d86-8ef7f34372c6"
PREDICTIONS, INSTANCES = "swe-bench/all_preds.jsonl", "swe-bench/swe-bench-dev-easy-first-only.json"
NAMES = [path.relative_to(SAMPLES).as_posix() for path in sample_files() if path.name != "report.json"]


def post(client: TestClient, name: str, format_name: str = "auto", **query: Any) -> Any:
    return client.post(f"/import/{format_name}", content=open_sample(name).file.read(), params={**FACTS, **query})


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_stored_and_read_back(client: TestClient, name: str) -> None:
    answer = post(client, name)

    assert answer.status_code == 201, answer.text
    (session,) = answer.json()["sessions"]
    assert (session["status"], session["problem"]) == ("stored", None)
    document = client.get(f"/traces/{session['trace_id']}").json()
    assert document["metrics"]["num_events"] == sum(session["events"].values())
    assert document["session"]["recorder"]["name"] == "import"
    assert document["session"]["recorder"]["extra"]["lost"] == session["lost"]
    assert sorted(document["artifacts"]) == sorted(session["artifacts"])


def test_the_same_file_again_changes_nothing(client: TestClient) -> None:
    post(client, "swe-agent/v1-sweagenttestrepo-1c2844.traj")
    before = client.get("/traces").json()

    again = post(client, "swe-agent/v1-sweagenttestrepo-1c2844.traj")

    assert again.status_code == 200
    assert again.json()["sessions"][0]["status"] == "unchanged"
    assert client.get("/traces").json() == before


def test_the_same_file_again_changes_nothing_after_the_trace_was_finalized(client: TestClient) -> None:
    (session,) = post(client, "swe-agent/v1-sweagenttestrepo-1c2844.traj").json()["sessions"]
    client.post(f"/traces/{session['trace_id']}/finalize", json={})

    assert post(client, "swe-agent/v1-sweagenttestrepo-1c2844.traj").status_code == 200


def test_another_content_under_the_same_id_is_refused(client: TestClient) -> None:
    post(client, CODEX)

    is_problem(post(client, CODEX, commit_after="other"), 409, CODEX_ID)

    assert client.get(f"/traces/{CODEX_ID}").json()["repo"]["commit_after"] == "c1d2e3f"


def test_a_trace_that_was_deleted_does_not_come_back(client: TestClient) -> None:
    post(client, CODEX)
    client.delete(f"/traces/{CODEX_ID}")

    is_problem(post(client, CODEX), 410, CODEX_ID)


def test_a_dry_run_stores_nothing(client: TestClient) -> None:
    answer = post(client, CODEX, dry_run="true")

    assert answer.status_code == 200
    (session,) = answer.json()["sessions"]
    assert session["status"] == "would_be_stored"
    assert session["events"] == {"reasoning_step": 4, "terminal_command": 4, "test_result": 2, "code_edit": 2, "commit": 1}
    assert client.get(f"/traces/{CODEX_ID}").status_code == 404


def test_all_missing_facts_are_named_at_once(client: TestClient) -> None:
    body = is_problem(client.post("/import/codex", content=open_sample(CODEX).file.read()), 422, "name, url, commit_after")

    assert body["code"] == "missing_facts"
    assert [error["loc"] for error in body["errors"]] == [
        ["repo", "name"], ["repo", "url"], ["repo", "commit_after"], ["repo", "test_command"],
    ]  # fmt: skip


def test_facts_may_stay_unknown_where_that_is_asked_for(client: TestClient) -> None:
    answer = client.post("/import/codex?allow_missing=true", content=open_sample(CODEX).file.read())

    assert answer.status_code == 201
    repo = client.get(f"/traces/{CODEX_ID}").json()["repo"]
    assert (repo["branch"], repo["url"], repo["test_command"]) == ("main", None, None)


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b'{"a": 1}', "auto", "unknown_format"),
        (b"{", "auto", "unreadable_source"),
        (b"", "auto", "unreadable_source"),
        (b"{}", "nothing", "unknown_format"),
        (b'{"schema_version": "ATIF-v9.0", "steps": []}', "atif", "not_importable"),
        (b'{"schema_version": "ATIF-v1.7", "steps": []}', "atif", "nothing_usable"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_its_reason(client: TestClient, content: bytes, name: str, code: str) -> None:
    answer = client.post(f"/import/{name}", content=content, params=FACTS)

    assert is_problem(answer, 422)["code"] == code


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"test_command": "pytest; rm -rf /"}, 400),
        ({"repo_name": ""}, 422),
        ({"consent": "everything"}, 422),
        ({"start_time": "soon"}, 422),
        ({"developer_id": "x" * 200}, 422),
    ],
)
def test_a_wrong_option_is_refused(client: TestClient, query: dict[str, str], status: int) -> None:
    is_problem(post(client, CODEX, **query), status)


def test_an_import_needs_the_token(client: TestClient) -> None:
    client.headers.pop("Authorization")

    is_problem(post(client, CODEX), 401, "Authorization")


def test_a_body_is_as_large_as_that_of_a_trace_at_most(make_client: Callable[..., TestClient]) -> None:
    is_problem(post(make_client(max_body_bytes=1000), CODEX), 413)


def test_a_body_may_be_packed(client: TestClient) -> None:
    packed = gzip.compress(open_sample(CODEX).file.read())

    answer = client.post("/import/codex", content=packed, params=FACTS, headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 201


def test_secrets_are_replaced_in_events_and_in_artifacts(client: TestClient) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    step = {"action": f"export TOKEN={secret}", "observation": "", "thought": f"I use {secret}", "state": {"working_dir": "/r"}}
    document = {"trajectory": [step], "history": [], "info": {"submission": f"diff --git a/a b/a\n+{secret}\n"}}

    (session,) = client.post("/import/swe-agent", content=json.dumps(document), params=FACTS).json()["sessions"]

    trace = client.get(f"/traces/{session['trace_id']}").text
    patch = client.get(f"/traces/{session['trace_id']}/artifacts/final.patch").text
    assert secret not in trace + patch
    assert "[REDACTED:" in trace
    assert "[REDACTED:" in patch
    assert sum(session["redactions"].values()) == 1


def test_consent_is_kept_and_applied(client: TestClient) -> None:
    post(client, CODEX, consent=["commands", "snapshots"])

    document = client.get(f"/traces/{CODEX_ID}").json()
    thoughts = [event["data"]["content"] for event in document["events"] if event["event_type"] == "reasoning_step"]
    assert document["session"]["consent"] == {"rationales": False, "commands": True, "snapshots": True}
    assert thoughts == [""] * 4


def test_one_session_that_fails_does_not_stop_the_next(client: TestClient) -> None:
    traces = [a_session(trace_id="a"), a_session(trace_id="b", repo=a_repo(url=None)), a_session(trace_id="c")]

    answer = client.post("/import/trace", content="\n".join(map(json.dumps, traces)))

    assert answer.status_code == 201
    assert [(session["trace_id"], session["status"]) for session in answer.json()["sessions"]] == [
        ("a", "stored"), ("b", "failed"), ("c", "stored"),
    ]  # fmt: skip
    assert answer.json()["sessions"][1]["problem"]["code"] == "missing_facts"


def test_an_unanchored_edit_is_never_refuted(client: TestClient) -> None:
    (session,) = post(client, "codex/codex-0.50.0-rollout.jsonl").json()["sessions"]
    content = a_tar({"calc.py": "def add(a, b):\n    return a - b\n"})
    where = f"/traces/{session['trace_id']}"
    client.put(f"{where}/artifacts/workspace", content=content, headers={"Content-Type": "application/gzip"})

    claims = client.post(f"{where}/replay", json={}).json()["claims"]

    (edit,) = (claim for claim in claims if claim["kind"] == "edit")
    assert (edit["status"], edit["reason"]) == ("unverifiable", "its source does not state the whole diff")


def post_form(client: TestClient, format_name: str = "auto", query: dict[str, str] | None = None, **parts: bytes) -> Any:
    files = {name: (f"{name}.json", content, "application/json") for name, content in parts.items()}
    return client.post(f"/import/{format_name}", files=files, params={**FACTS, **(query or {})})


def read_sample(name: str) -> bytes:
    return open_sample(name).file.read()


@pytest.mark.parametrize("format_name", ["auto", "swe-bench"])
def test_predictions_find_the_instances_that_come_with_them(client: TestClient, format_name: str) -> None:
    answer = post_form(client, format_name, file=read_sample(PREDICTIONS), instances=read_sample(INSTANCES))

    assert answer.status_code == 201, answer.text
    (session,) = answer.json()["sessions"]
    assert session["artifacts"] == ["final.patch", "gold", "test_changes", "tests.json"]
    assert "instance" not in {loss["kind"] for loss in session["lost"]}
    document = client.get(f"/traces/{session['trace_id']}").json()
    assert document["task"]["description"].strip()
    assert document["artifacts"]["gold"]["kind"] == "gold_patch"


def test_a_file_in_a_form_is_the_file_as_it_is(client: TestClient) -> None:
    first = post(client, CODEX)

    again = post_form(client, file=read_sample(CODEX))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["sessions"][0]["status"] == "unchanged"


def test_a_packed_file_comes_through_a_form_unchanged(client: TestClient) -> None:
    name = next(name for name in NAMES if name.endswith(".eval"))

    assert post_form(client, file=read_sample(name)).status_code == 201


def test_every_fault_of_a_form_is_named(client: TestClient) -> None:
    files = [("instances", b"{}"), ("instances", b"{}"), ("options", b"{}")]

    body = is_problem(client.post("/import/auto", files=files, params=FACTS), 422, "options")

    assert {(error["loc"][0], error["msg"]) for error in body["errors"]} == {
        ("file", "this part is missing"),
        ("instances", "this part is there more than once"),
        ("options", "there is no such part; a form has file and instances"),
    }


def test_what_says_that_it_is_a_form_has_to_be_one(client: TestClient) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        answer = client.post("/import/auto", content=read_sample(CODEX), headers={"Content-Type": content_type}, params=FACTS)
        assert is_problem(answer, 422, "boundary")["code"] == "malformed"


@pytest.mark.parametrize(
    ("instances", "code"),
    [
        (b'{"a": 1}', "nothing_usable"),
        (b"", "unreadable_source"),
        (b"PK\x03\x04", "unreadable_source"),
        (b"[" * 100_000, "unreadable_source"),
    ],
)
def test_instances_that_are_none_are_refused(client: TestClient, instances: bytes, code: str) -> None:
    answer = post_form(client, file=read_sample(PREDICTIONS), instances=instances)

    assert is_problem(answer, 422, "the part instances")["code"] == code
    assert client.get("/traces").json()["traces"] == []


@pytest.mark.parametrize("format_name", ["auto", "codex"])
def test_instances_of_another_file_are_no_silent_nothing(client: TestClient, format_name: str) -> None:
    answer = post_form(client, format_name, file=read_sample(CODEX), instances=read_sample(INSTANCES))

    body = is_problem(answer, 422, "codex")
    assert body["errors"][0]["loc"] == ["instances"]


def test_a_form_is_as_large_as_any_other_body_at_most(make_client: Callable[..., TestClient]) -> None:
    client = make_client(max_body_bytes=len(read_sample(PREDICTIONS)) + 1000)

    is_problem(post_form(client, file=read_sample(PREDICTIONS), instances=read_sample(INSTANCES) + b" " * 1000), 413)


def test_the_documentation_shows_the_form(client: TestClient) -> None:
    body = client.get("/openapi.json").json()["paths"]["/import/{format}"]["post"]["requestBody"]["content"]

    assert set(body["multipart/form-data"]["schema"]["properties"]) == {"file", "instances"}
