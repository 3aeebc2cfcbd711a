"""Exports over HTTP, of traces that were finalized over HTTP."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.models.base import STORED
from app.models.trace import Trace
from app.utils.archives import ArchiveLimits, read_archive
from tests.api.test_documents import is_problem
from tests.api.till import BUGGY, FIX, fixed_by_b
from tests.builders import a_repo, a_session, a_tar, a_thought, an_edit
from tests.fakes import ScriptedSandbox

CONSENT = {"consent": {"rationales": True, "commands": True, "snapshots": True}}
NOT_A_FIX = an_edit("till.py", "@@ -1 +1 @@\n-a\n+c\n")


@pytest.fixture
def filled(client: TestClient, sandbox: ScriptedSandbox) -> TestClient:
    """A server with a fix, an attempt that is none, one whose owner states no consent, and one that is open."""
    sandbox.answer = fixed_by_b
    finalize(client, "fix", FIX, session=CONSENT)
    finalize(client, "attempt", NOT_A_FIX, session=CONSENT)
    finalize(client, "silent", FIX)
    client.post("/traces", json=a_session(trace_id="open", session=CONSENT)).raise_for_status()
    return client


def finalize(client: TestClient, trace_id: str, edit: dict[str, Any], **more: Any) -> None:
    document = a_session(trace_id=trace_id, bug_id="BUG-1", events=[a_thought("because"), edit], **more)
    client.post("/traces", json=document).raise_for_status()
    headers = {"Content-Type": "application/gzip"}
    client.put(f"/traces/{trace_id}/artifacts/workspace", content=a_tar(BUGGY), headers=headers).raise_for_status()
    client.post(f"/traces/{trace_id}/finalize", json={}).raise_for_status()


def folder(content: bytes) -> dict[str, bytes]:
    return {file.path: file.content.read() for file in read_archive(io.BytesIO(content), len(content), ArchiveLimits())}


def test_rows_come_as_lines(filled: TestClient) -> None:
    response = filled.get("/export?format=messages")

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"] == 'attachment; filename="messages.jsonl"'
    (row,) = map(json.loads, response.text.splitlines())
    assert (row["trace_id"], row["verdict"]) == ("fix", "fixed")


def test_canonical_lines_are_the_documents(filled: TestClient) -> None:
    lines = filled.get("/export?format=jsonl").content.splitlines()

    assert [json.loads(line)["trace_id"] for line in lines] == ["attempt", "fix"]
    for line in lines:
        trace = Trace.model_validate_json(line, context=STORED)
        assert json.loads(line) == filled.get(f"/traces/{trace.trace_id}").json()


def test_a_folder_comes_as_a_tar_archive_with_card_and_report(filled: TestClient) -> None:
    response = filled.get("/export?format=preference&package=tar")

    files = folder(response.content)
    assert response.headers["content-type"] == "application/x-tar"
    assert list(files) == ["data/train-00000-of-00001.jsonl", "README.md", "MANIFEST.json"]
    report = json.loads(files["MANIFEST.json"])
    assert report["traces"] == {"found": 4, "chosen": 2, "left_out": {"consent_not_stated": 1, "not_finalized": 1}}
    assert {file["path"]: file["sha256"] for file in report["files"]} == {
        path: hashlib.sha256(content).hexdigest() for path, content in files.items() if path != "MANIFEST.json"
    }


@pytest.mark.parametrize("name", ["jsonl", "messages", "process", "atif", "swe-bench", "harbor", "sts", "verifier", "unpaired"])
def test_the_same_query_gives_the_same_bytes(filled: TestClient, name: str) -> None:
    address = f"/export?format={name}&package=tar"

    first = filled.get(address).content

    assert len(folder(first)) > 2
    assert first == filled.get(address).content


def test_a_dry_run_answers_with_the_report_alone(filled: TestClient) -> None:
    report = filled.get("/export?format=messages&dry_run=true&min_score=5&split=0.5,0.5").json()

    assert report["traces"] == {
        "found": 4,
        "chosen": 0,
        "left_out": {"consent_not_stated": 1, "not_finalized": 1, "not_judged": 1, "verdict": 1},
    }
    assert report["query"]["min_score"] == 5.0
    assert report["splits"] == {name: {"traces": 0, "repositories": 0} for name in ("train", "validation")}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("verdict=any", ["attempt", "fix"]),
        ("verdict=not_fixed,regressed", ["attempt"]),
        ("verdict=fixed&consent=not_refused&dedup=false", ["fix", "silent"]),
        ("verdict=fixed&consent=not_refused", ["fix"]),
        ("repo=other", []),
        ("bug_id=BUG-1&judge_kind=heuristic&claims=none_refuted", ["attempt", "fix"]),
        ("judge_kind=llm", []),
        ("from=2000-01-01&to=2000-01-02", []),
    ],
)
def test_filters_choose(filled: TestClient, query: str, ids: list[str]) -> None:
    lines = filled.get(f"/export?format=jsonl&{query}").text.splitlines()

    assert [json.loads(line)["trace_id"] for line in lines] == ids


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("", "format"),
        ("format=xlsx", "xlsx is no export format; there are jsonl"),
        ("format=messages&colour=red", "colour"),
        ("format=messages&format=jsonl", "format"),
        ("format=messages&verdict=fixed&verdict=regressed", "verdict"),
        ("format=messages&verdict=fine", "fine"),
        ("format=messages&min_score=4&max_score=3", "min_score"),
        ("format=messages&from=2026-02-01&to=2026-01-01", "from"),
        ("format=messages&from=soon", "from"),
        ("format=messages&min_confirmed=1.1", "min_confirmed"),
        ("format=messages&split=0.5,0.6&package=tar", "add up to 1"),
        ("format=messages&split=0.5,0.5", "package=tar"),
        ("format=harbor&package=lines", "package=tar"),
        ("format=harbor&base_image=--privileged", "base_image"),
        ("format=messages&license=MIT%0Aevil", "license"),
    ],
)
def test_what_is_wrong_is_told_before_the_first_byte(filled: TestClient, query: str, detail: str) -> None:
    response = filled.get(f"/export?{query}")

    is_problem(response, 422)
    assert detail in response.json()["detail"]


def test_without_the_servers_token_nothing_is_exported(filled: TestClient) -> None:
    is_problem(filled.get("/export?format=jsonl", headers={"Authorization": ""}), 401)
    is_problem(filled.get("/export?format=jsonl", headers={"Authorization": "Bearer other"}), 401)


def test_a_workspace_with_a_secret_leaves_no_task(client: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = fixed_by_b
    token = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    document = a_session(trace_id="leaky", events=[a_thought("because"), FIX], session=CONSENT)
    client.post("/traces", json=document).raise_for_status()
    packed = a_tar({**BUGGY, "settings.py": f"TOKEN = '{token}'\n"})
    client.put("/traces/leaky/artifacts/workspace", content=packed, headers={"Content-Type": "application/gzip"})
    client.post("/traces/leaky/finalize", json={}).raise_for_status()

    content = client.get("/export?format=harbor").content

    assert token.encode() not in content
    (lost,) = json.loads(folder(content)["MANIFEST.json"])["lost"]
    assert lost == {"kind": "task", "reason": "the workspace holds what looks like a secret", "count": 1}


def test_names_of_a_workspace_stay_within_their_task(client: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = fixed_by_b
    names = ["foo..bar.py", "app/[...slug]/page.tsx", "with space/a b.py", "tasks/train/other/task.toml"]
    document = a_session(trace_id="a..b", events=[a_thought("because"), FIX], session=CONSENT, repo=a_repo(name="../../etc"))
    client.post("/traces", json=document).raise_for_status()
    packed = a_tar({**BUGGY, **dict.fromkeys(names, "x\n")})
    client.put("/traces/a..b/artifacts/workspace", content=packed, headers={"Content-Type": "application/gzip"})
    client.post("/traces/a..b/finalize", json={}).raise_for_status()

    files = folder(client.get("/export?format=harbor").content)

    assert {path for path in files if not path.startswith("tasks/train/a..b/")} == {"README.md", "MANIFEST.json"}
    assert {f"tasks/train/a..b/environment/workspace/{name}" for name in names} <= files.keys()


def test_an_export_is_streamed(filled: TestClient) -> None:
    with filled.stream("GET", "/export?format=jsonl") as response:
        pieces = list(response.iter_raw())

    assert response.headers.get("content-length") is None
    assert b"".join(pieces)
