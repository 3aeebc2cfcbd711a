"""Finalize, with a sandbox that answers as the test says."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.qa.base import RunResult, RunSpec, SandboxState
from tests.api.test_documents import is_problem
from tests.builders import a_session, a_tar, a_thought, an_edit
from tests.fakes import ScriptedSandbox

REPORT = "/tmp/pr-telemetry-report.xml"
BUGGY = {"till.py": "a\n", "tests/test_till.py": "x\n"}
FIX = an_edit("till.py", "@@ -1 +1 @@\n-a\n+b\n")


def junit(**outcomes: str) -> bytes:
    """A report of tests in tests/test_till.py."""
    marks = {"passed": "", "failed": "<failure/>", "error": '<error message="setup"/>', "skipped": "<skipped/>"}
    cases = "".join(
        f'<testcase classname="tests.test_till" name="{name}">{marks[outcome]}</testcase>' for name, outcome in outcomes.items()
    )
    return f'<testsuites><testsuite tests="{len(outcomes)}">{cases}</testsuite></testsuites>'.encode()


def exited(code: int, report: bytes | None = None, output: bytes = b"") -> RunResult:
    return RunResult(
        "exited",
        exit_code=code,
        output_head=output,
        output_bytes=len(output),
        files={REPORT: report} if report is not None else {},
        duration_s=0.1,
    )


def fixed_by_b(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
    """test_total passes where the fix is in."""
    if files["till.py"] == b"b\n":
        return exited(0, junit(test_total="passed", test_other="passed"), b"2 passed")
    return exited(1, junit(test_total="failed", test_other="passed"), b"1 failed")


@pytest.fixture
def with_workspace(client: TestClient) -> TestClient:
    """A server with a trace, its fix and its workspace."""
    client.post("/traces", json=a_session(events=[a_thought("because"), FIX]))
    client.put(
        "/traces/t-1/artifacts/workspace",
        content=a_tar(BUGGY, prefix="till-1.0/"),
        headers={"Content-Type": "application/gzip"},
    )
    return client


def results_of(client: TestClient, **body: Any) -> dict[str, Any]:
    response = client.post("/traces/t-1/finalize", json=body)
    assert response.status_code == 200, response.text
    results: dict[str, Any] = response.json()["qa_results"]
    return results


def test_a_fix_is_verified_before_and_after(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = fixed_by_b

    results = results_of(with_workspace)

    assert results["tests_passed"] is True
    assert results["test_exit_code"] == 0
    assert results["test_output_snippet"] == "2 passed"
    verification = results["verification"]
    assert verification["verdict"] == "fixed"
    assert verification["fail_to_pass"] == ["tests/test_till.py::test_total"]
    assert verification["pass_to_pass"] == ["tests/test_till.py::test_other"]
    assert verification["before"]["exit_code"] == 1
    document = with_workspace.get("/traces/t-1").json()
    assert document["status"] == "finalized"
    assert document["qa_results"] == results


def test_the_tree_that_is_tested_is_the_uploaded_one_with_its_edits(
    with_workspace: TestClient, sandbox: ScriptedSandbox
) -> None:
    sandbox.answer = fixed_by_b

    results_of(with_workspace)

    after, before = (files for _, files in sandbox.runs)
    assert after == {"till.py": b"b\n", "tests/test_till.py": b"x\n"}
    assert before == {"till.py": b"a\n", "tests/test_till.py": b"x\n"}
    assert sandbox.runs[0][0].argv[:4] == ("python", "-m", "pytest", "-q")


def test_the_final_tests_judge_both_trees(client: TestClient, sandbox: ScriptedSandbox) -> None:
    client.post("/traces", json=a_session(events=[FIX, an_edit("tests/test_till.py", "@@ -1 +1 @@\n-x\n+y\n")]))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    results_of(client)

    assert [files["tests/test_till.py"] for _, files in sandbox.runs] == [b"y\n", b"y\n"]


def test_trusted_tests_are_laid_over_both_trees(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    trusted = a_tar({"tests/test_till.py": "trusted\n"})
    with_workspace.put("/traces/t-1/artifacts/tests", content=trusted, headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    results = results_of(with_workspace)

    assert [files["tests/test_till.py"] for _, files in sandbox.runs] == [b"trusted\n", b"trusted\n"]
    assert results["verification"]["tests_from"] == "the trace's tests artifact"


def test_a_given_final_workspace_is_what_is_tested(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    final = a_tar({**BUGGY, "till.py": "c\n"})
    with_workspace.put("/traces/t-1/artifacts/final_workspace", content=final, headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    assert results_of(with_workspace)["verification"]["verdict"] == "not_fixed"
    assert sandbox.runs[0][1]["till.py"] == b"c\n"


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (RunResult("could_not_run", reason="the container engine does not answer"), "engine does not answer"),
        (RunResult("timed_out", reason="after 300 s"), "ran out of time"),
        (RunResult("out_of_memory", reason="2 GB"), "ran out of memory"),
        (exited(5, junit()), "no test was run"),
        (exited(4), "did not get to run"),
        (exited(139), "did not get to run"),
    ],
)
def test_what_could_not_be_established_is_inconclusive(
    with_workspace: TestClient, sandbox: ScriptedSandbox, result: RunResult, words: str
) -> None:
    sandbox.answer = lambda spec, files: result

    results = results_of(with_workspace)

    assert results["tests_passed"] is None
    assert results["verification"]["verdict"] == "inconclusive"
    assert words in results["verification"]["reason"]
    assert results["judgements"][0]["judge"]["kind"] == "heuristic"


@pytest.mark.parametrize(
    "result",
    [
        exited(0),
        exited(1),
        exited(0, junit(test_total="failed")),
        exited(0, b"<not xml"),
        exited(0, b"<!DOCTYPE x><testsuites/>"),
        exited(0, b'<testsuite tests="3"><testcase classname="a" name="b"/></testsuite>'),
        RunResult("corrupted", reason="the report was forged"),
    ],
)
def test_a_report_that_contradicts_itself_is_tampered(
    with_workspace: TestClient, sandbox: ScriptedSandbox, result: RunResult
) -> None:
    sandbox.answer = lambda spec, files: result

    results = results_of(with_workspace)

    assert results["verification"]["verdict"] == "tampered"
    assert results["tests_passed"] is None


def test_a_trace_without_a_workspace_is_inconclusive(client: TestClient, sandbox: ScriptedSandbox) -> None:
    client.post("/traces", json=a_session())

    results = results_of(client)

    assert results["verification"]["verdict"] == "inconclusive"
    assert "no workspace" in results["verification"]["reason"]
    assert results["judgements"][0]["status"] == "not_scorable"
    assert results["reasoning_score"] is None
    assert sandbox.runs == []


def test_an_edit_that_does_not_apply_is_named(client: TestClient, sandbox: ScriptedSandbox) -> None:
    client.post("/traces", json=a_session(events=[{**an_edit("till.py", "@@ -1 +1 @@\n-other\n+b\n"), "event_id": "e7"}]))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})

    verification = results_of(client)["verification"]

    assert verification["verdict"] == "inconclusive"
    assert "e7" in verification["reason"]
    assert "till.py" in verification["reason"]
    assert sandbox.runs == []


def test_a_command_that_writes_no_report_is_weaker_evidence(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = lambda spec, files: exited(0 if files["till.py"] == b"b\n" else 1)

    results = results_of(with_workspace, test_command="make test")

    assert results["verification"]["verdict"] == "fixed"
    assert "exit status alone" in results["verification"]["reason"]
    assert sandbox.runs[0][0].argv == ("make", "test")


def test_a_known_failing_test_must_be_among_the_mended(client: TestClient, sandbox: ScriptedSandbox) -> None:
    task = {"known_failing_tests": ["tests/test_till.py::test_elsewhere"]}
    client.post("/traces", json=a_session(events=[FIX], task=task))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    verification = results_of(client)["verification"]

    assert verification["verdict"] == "not_fixed"
    assert "test_elsewhere" in verification["reason"]


def test_a_finalized_trace_takes_nothing_more(with_workspace: TestClient) -> None:
    results_of(with_workspace)

    is_problem(with_workspace.post("/traces/t-1/events", json={"events": [a_thought()]}), 409, "finalized")
    is_problem(with_workspace.put("/traces/t-1/artifacts/log", content=b"x"), 409, "finalized")


def test_checking_anew_keeps_the_earlier_result(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    first = results_of(with_workspace)
    events = with_workspace.get("/traces/t-1").json()["events"]
    sandbox.answer = fixed_by_b

    second = results_of(with_workspace)

    document = with_workspace.get("/traces/t-1").json()
    assert first["verification"]["verdict"] == "inconclusive"
    assert second["verification"]["verdict"] == "fixed"
    assert document["qa_history"] == [first]
    assert document["events"] == events


def test_of_two_finalizes_at_once_one_runs(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    running, second_is_answered = threading.Event(), threading.Event()

    def slow(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        running.set()
        assert second_is_answered.wait(30)
        return fixed_by_b(spec, files)

    sandbox.answer = slow
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(with_workspace.post, "/traces/t-1/finalize")
        assert running.wait(30)
        second = with_workspace.post("/traces/t-1/finalize")
        appended = with_workspace.post("/traces/t-1/events", json={"events": [a_thought()]})
        second_is_answered.set()

    is_problem(second, 409, "being finalized")
    assert int(second.headers["retry-after"]) > 0
    is_problem(appended, 409, "being finalized")
    assert first.result().json()["qa_results"]["verification"]["verdict"] == "fixed"


def test_a_finalize_that_a_crash_interrupted_is_done_by_the_next(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    def crash(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        raise RuntimeError("as if the process had ended here")

    sandbox.answer = crash
    is_problem(with_workspace.post("/traces/t-1/finalize"), 500)
    assert with_workspace.get("/traces/t-1").json()["status"] == "finalizing"
    assert with_workspace.get("/jobs/qa-t-1").json()["status"] == "failed"
    sandbox.answer = fixed_by_b

    assert results_of(with_workspace)["verification"]["verdict"] == "fixed"


def test_readiness_says_what_is_missing(client: TestClient, sandbox: ScriptedSandbox) -> None:
    assert client.get("/readyz").status_code == 200
    sandbox.ready = SandboxState(ready=False, reason="no container engine answers")

    body = is_problem(client.get("/readyz"), 503, "no container engine answers")

    assert body["checks"]["data_dir"]["ready"] is True


def test_another_judge_can_be_asked(with_workspace: TestClient) -> None:
    results = results_of(with_workspace, judge="off")

    assert results["judgements"][0]["status"] == "skipped"
    assert results["reasoning_score"] is None
