"""Finalize, with a sandbox that answers as the test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.models.qa import TestOutcome
from app.qa.base import RunResult, RunSpec, SandboxState
from app.settings import Settings
from tests.api.test_documents import is_problem
from tests.api.till import BUGGY, FIX, TEST_FILE, TESTS, fixed_by_b, outcomes_by_b
from tests.builders import a_session, a_tar, a_thought, an_edit
from tests.conftest import a_server
from tests.fakes import ScriptedSandbox
from tests.scripted_suite import (
    Answer,
    Asked,
    Cheat,
    ScriptedSuite,
    deny_failures,
    drop_the_last_result,
    end_early,
    go_on_after_the_end,
    guess_the_key,
    pass_by_file,
    pass_by_name,
    pass_everything,
    tell_of_another,
    tell_twice,
    write_garbage,
)


def exited(code: int, output: bytes = b"") -> RunResult:
    return RunResult("exited", exit_code=code, output_head=output, output_bytes=len(output), duration_s=0.1)


def suites_of(sandbox: ScriptedSandbox) -> list[dict[str, bytes]]:
    """The trees on which whole suites were run."""
    return [files for spec, files in sandbox.runs if spec.guest is not None and spec.guest.config.get("only", ()) is None]


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
    assert results["test_output_snippet"] == "2 tests"
    verification = results["verification"]
    assert verification["verdict"] == "fixed"
    assert verification["fail_to_pass"] == ["tests/test_till.py::test_total"]
    assert verification["pass_to_pass"] == ["tests/test_till.py::test_other"]
    assert verification["before"]["exit_code"] == 1
    assert verification["after"]["evidence"] == "process"
    assert verification["disguise"]["confirmed"] == [f"{TEST_FILE}::test_other", f"{TEST_FILE}::test_total"]
    document = with_workspace.get("/traces/t-1").json()
    assert document["status"] == "finalized"
    assert document["qa_results"] == results


def test_the_tree_that_is_tested_is_the_uploaded_one_with_its_edits(
    with_workspace: TestClient, sandbox: ScriptedSandbox
) -> None:
    sandbox.answer = fixed_by_b

    results_of(with_workspace)

    after, before = suites_of(sandbox)
    assert after == {"till.py": b"b\n", TEST_FILE: TESTS.encode()}
    assert before == {"till.py": b"a\n", TEST_FILE: TESTS.encode()}


def test_the_final_tests_judge_both_trees_and_those_from_before_guard_the_fix(
    client: TestClient, sandbox: ScriptedSandbox
) -> None:
    edit = an_edit(
        TEST_FILE, "@@ -1,2 +1,2 @@\n def test_total():\n-    assert total([1, 2]) == 3\n+    assert total([1]) == 1\n"
    )
    client.post("/traces", json=a_session(events=[FIX, edit]))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    verification = results_of(client)["verification"]

    new = TESTS.replace("total([1, 2]) == 3", "total([1]) == 1")
    assert [(files["till.py"], files[TEST_FILE].decode()) for files in suites_of(sandbox)] == [
        (b"b\n", new),
        (b"a\n", new),
        (b"b\n", TESTS),
        (b"a\n", TESTS),
    ]
    assert verification["verdict"] == "fixed"
    assert (verification["guard"]["tree"], verification["origin"]["tree"]) == ("guard", "origin")


def test_trusted_tests_are_laid_over_both_trees(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    trusted = TESTS.replace("3", "1 + 2")
    upload = a_tar({TEST_FILE: trusted})
    with_workspace.put("/traces/t-1/artifacts/tests", content=upload, headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    results = results_of(with_workspace)

    assert [files[TEST_FILE] for files in suites_of(sandbox)] == [trusted.encode()] * 2
    assert results["verification"]["tests_from"] == "the trace's tests artifact"
    assert results["verification"]["verdict"] == "fixed"


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


def test_a_suite_without_tests_shows_nothing(with_workspace: TestClient, sandbox: ScriptedSandbox) -> None:
    sandbox.answer = ScriptedSuite(lambda files: {})

    verification = results_of(with_workspace)["verification"]

    assert (verification["verdict"], verification["tests_passed"]) == ("inconclusive", None)
    assert "no test was run" in verification["reason"]


@pytest.mark.parametrize("result", [exited(0), RunResult("corrupted", reason="the report was forged")])
def test_a_run_without_a_word_of_the_guest_is_tampered(
    with_workspace: TestClient, sandbox: ScriptedSandbox, result: RunResult
) -> None:
    sandbox.answer = lambda spec, files: result

    results = results_of(with_workspace)

    assert results["verification"]["verdict"] == "tampered"
    assert results["tests_passed"] is None


@pytest.mark.parametrize(
    "cheat",
    [
        drop_the_last_result,
        tell_twice,
        tell_of_another,
        end_early,
        go_on_after_the_end,
        guess_the_key,
        write_garbage,
        deny_failures,
    ],
)
def test_results_that_contradict_each_other_are_tampered(
    with_workspace: TestClient, sandbox: ScriptedSandbox, cheat: Cheat
) -> None:
    sandbox.answer = ScriptedSuite(outcomes_by_b, cheat=cheat)

    results = results_of(with_workspace)

    assert results["verification"]["verdict"] == "tampered"
    assert results["tests_passed"] is None


def where_b_is_not(cheat: Answer) -> Answer:
    """A suite that fails before the fix, honestly, and afterwards passes by a cheat."""
    return lambda asked: cheat(asked) if asked.outcome == "passed" or asked.must_fail else asked.outcome


@pytest.mark.parametrize("cheat", [pass_everything, pass_by_name, pass_by_file])
def test_a_fix_that_answers_for_its_tests_is_unmasked(
    with_workspace: TestClient, sandbox: ScriptedSandbox, cheat: Answer
) -> None:
    sandbox.answer = ScriptedSuite(outcomes_by_b, answer=where_b_is_not(cheat))

    verification = results_of(with_workspace)["verification"]

    assert verification["verdict"] == "tampered"
    assert verification["disguise"]["passed_wrongly"]


def test_tests_that_pass_under_their_own_name_alone_decide_nothing(
    with_workspace: TestClient, sandbox: ScriptedSandbox
) -> None:
    def by_name_and_text(asked: Asked) -> TestOutcome:
        return "failed" if asked.must_fail or asked.name != asked.own_name else asked.outcome

    sandbox.answer = ScriptedSuite(outcomes_by_b, answer=by_name_and_text)

    verification = results_of(with_workspace)["verification"]

    assert (verification["verdict"], verification["tests_passed"]) == ("inconclusive", None)
    assert verification["disguise"]["unlike"] == [f"{TEST_FILE}::test_total"]


def test_a_test_that_passes_now_and_then_is_flaky_and_named_with_its_rate(
    with_workspace: TestClient, sandbox: ScriptedSandbox
) -> None:
    calls = iter(range(100))

    def now_and_then(asked: Asked) -> TestOutcome:
        is_unsteady = asked.own_name.endswith("test_total") and asked.outcome == "passed"
        return "failed" if is_unsteady and next(calls) % 2 else asked.outcome

    sandbox.answer = ScriptedSuite(outcomes_by_b, answer=now_and_then)

    verification = results_of(with_workspace, reruns=3)["verification"]

    assert (verification["verdict"], verification["tests_passed"]) == ("flaky", None)
    assert verification["flaky"] == [{"test": f"{TEST_FILE}::test_total", "tree": "after", "runs": 4, "failed": 1}]
    assert "failed 1 of 4 times after the fix" in verification["reason"]


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
    sandbox.answer = fixed_by_b

    results = results_of(with_workspace, test_command="make test")

    assert results["verification"]["verdict"] == "fixed"
    assert "exit status alone" in results["verification"]["reason"]
    assert sandbox.runs[0][0].argv == ("make", "test")


def test_a_command_that_succeeds_whatever_its_tests_say_is_tampered(
    with_workspace: TestClient, sandbox: ScriptedSandbox
) -> None:
    sandbox.answer = lambda spec, files: fixed_by_b(replace(spec, overlay={}), files)

    verification = results_of(with_workspace, test_command="make test")["verification"]

    assert (verification["verdict"], verification["tests_passed"]) == ("tampered", None)
    assert "succeeds although every test has to fail" in verification["reason"]


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


def test_an_interrupted_finalize_is_carried_out_as_it_was_asked_for(settings: Settings, sandbox: ScriptedSandbox) -> None:
    def crash(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        raise RuntimeError("as if the process had ended here")

    asked = {"test_command": "pytest -q tests/test_till.py", "judge": "off", "rubrics": ["reasoning-5"], "reruns": 3}
    sandbox.answer = crash
    with a_server(settings, sandbox) as client:
        client.post("/traces", json=a_session(events=[a_thought("because"), FIX])).raise_for_status()
        upload = {"Content-Type": "application/gzip"}
        client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers=upload).raise_for_status()
        is_problem(client.post("/traces/t-1/finalize", json=asked), 500)

    sandbox.answer = fixed_by_b
    with a_server(settings, sandbox) as client:
        document = until_finalized(client)

    assert document["finalize_request"] == asked
    assert document["qa_results"]["verification"]["test_command"] == asked["test_command"]
    assert document["qa_results"]["verification"]["reruns"]["wanted"] == 3
    assert [judgement["reason"] for judgement in document["qa_results"]["judgements"]] == [
        "switched_off: the judge is switched off"
    ]


def until_finalized(client: TestClient) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while client.get("/jobs/qa-t-1").json()["status"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    document: dict[str, Any] = client.get("/traces/t-1").json()
    return document


def test_readiness_says_what_is_missing(client: TestClient, sandbox: ScriptedSandbox) -> None:
    assert client.get("/readyz").status_code == 200
    sandbox.ready = SandboxState(ready=False, reason="no container engine answers")

    body = is_problem(client.get("/readyz"), 503, "no container engine answers")

    assert body["checks"]["data_dir"]["ready"] is True


def test_another_judge_can_be_asked(with_workspace: TestClient) -> None:
    results = results_of(with_workspace, judge="off")

    assert results["judgements"][0]["status"] == "skipped"
    assert results["reasoning_score"] is None


# --- how often


def reruns_of(sandbox: ScriptedSandbox) -> int:
    """How often some tests were run on the tree before the fix."""
    return sum(
        spec.guest is not None and bool(spec.guest.config.get("only")) and files["till.py"] == b"a\n"
        for spec, files in sandbox.runs
    )


@pytest.mark.parametrize(("setting", "asked", "made"), [(2, {}, 2), (2, {"reruns": 4}, 4), (2, {"reruns": 0}, 0), (0, {}, 0)])
def test_the_tests_that_decide_are_run_again_as_often_as_is_asked_for(
    make_client: Callable[..., TestClient], sandbox: ScriptedSandbox, setting: int, asked: dict[str, int], made: int
) -> None:
    client = make_client(reruns=setting)
    client.post("/traces", json=a_session(events=[FIX]))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})
    sandbox.answer = fixed_by_b

    verification = results_of(client, **asked)["verification"]

    assert verification["verdict"] == "fixed"
    assert reruns_of(sandbox) == made
    assert (verification["reruns"] or {"before": 0})["before"] == made


def test_a_slow_suite_is_run_again_as_often_as_there_is_time_for(
    make_client: Callable[..., TestClient], sandbox: ScriptedSandbox
) -> None:
    client = make_client(rerun_budget_s=40)
    client.post("/traces", json=a_session(events=[FIX]))
    client.put("/traces/t-1/artifacts/workspace", content=a_tar(BUGGY), headers={"Content-Type": "application/gzip"})
    sandbox.answer = ScriptedSuite(outcomes_by_b, duration_s=15)

    assert results_of(client)["verification"]["reruns"] == {"wanted": 7, "before": 2, "after": 2}


@pytest.mark.parametrize("reruns", [-1, 101, "many", 1.5])
def test_a_number_of_reruns_that_there_cannot_be_is_refused(with_workspace: TestClient, reruns: object) -> None:
    is_problem(with_workspace.post("/traces/t-1/finalize", json={"reruns": reruns}), 422)
