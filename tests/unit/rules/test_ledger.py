"""What one event says beside what was found."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from app.models.events import CodeEditData, TerminalCommandData, TestResultData
from app.models.qa import TestOutcome, TestRun
from app.models.replay import Check
from app.rules.ledger import (
    attempt_edit,
    check_command,
    check_test_command,
    check_test_result,
    describe_checks,
    excuse_of,
    snapshot_bytes,
    status_of,
)
from app.rules.patches import split_patch

DIFF = "@@ -1 +1 @@\n-a\n+b\n"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def a_run(exit_code: int = 1, **more: Any) -> TestRun:
    """Two passed, one failed."""
    tests: dict[str, TestOutcome] = {
        "t/test_a.py::test_x": "passed",
        "t/test_a.py::test_y": "passed",
        "t/test_a.py::test_z": "failed",
    }
    return TestRun(
        **{"tree": "replay", "outcome": "completed", "exit_code": exit_code, "tests": tests, "has_report": True, **more}
    )


def a_result(**more: Any) -> TestResultData:
    return TestResultData(**{"tests_passed": False, "test_command": "pytest", "summary": "", **more})


def a_command(output: str = "", exit_code: int | None = 1, **more: Any) -> TerminalCommandData:
    return TerminalCommandData(command="pytest", exit_code=exit_code, output=output, duration_ms=1, **more)


def attempt(before: bytes | None, diff: str = DIFF, **more: Any) -> dict[str, bool | None]:
    """What an edit says, and whether it is so."""
    data = CodeEditData(file_path="a.py", diff=diff, **more)
    (patch,) = split_patch(diff)
    return {check.what: check.agrees for check in attempt_edit(before, data, patch).checks}


def wrong(checks: tuple[Check, ...]) -> set[str]:
    return {check.what for check in checks if check.agrees is False}


def test_an_edit_is_compared_with_everything_that_it_says() -> None:
    said = attempt(b"a\n", hash_before=sha(b"a\n"), hash_after=sha(b"b\n"), snapshot_after="b\n")

    assert said == {"hash_before": True, "diff": True, "hash_after": True, "snapshot_after": True}


@pytest.mark.parametrize("what", ["hash_before", "hash_after"])
def test_an_altered_hash_is_seen(what: str) -> None:
    said = attempt(b"a\n", **{"hash_before": sha(b"a\n"), "hash_after": sha(b"b\n"), what: "0" * 64})

    assert said[what] is False
    assert [name for name, agrees in said.items() if agrees is False] == [what]


def test_an_edit_that_does_not_fit_is_seen() -> None:
    assert attempt(b"x\n") == {"diff": False}


def test_a_file_that_is_not_there_may_be_hashed_as_an_empty_one() -> None:
    created = "--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+b\n"

    assert attempt(None, created, hash_before=sha(b""), hash_after=sha(b"b\n")) == dict.fromkeys(
        ("hash_before", "diff", "hash_after"), True
    )


def test_the_line_ends_of_a_snapshot_are_the_editors() -> None:
    assert attempt(b"a\r\n", "@@ -1 +1 @@\n-a\r\n+b\r\n", snapshot_after="b\n")["snapshot_after"] is True
    assert attempt(b"a\n", snapshot_after="c\n")["snapshot_after"] is False


def test_what_was_redacted_is_excused() -> None:
    redacted = CodeEditData(file_path="a.py", diff=DIFF, snapshot_after="b\n", extra={"redacted": ["diff", "snapshot_after"]})

    assert excuse_of(redacted) == "secrets were replaced in its diff and snapshot_after"
    assert snapshot_bytes(redacted) is None
    assert excuse_of(CodeEditData(file_path="a.py", diff="@@ -1 +1 @@\n-\ufffd\n+b\n")) is not None
    assert excuse_of(CodeEditData(file_path="a.py", diff=DIFF)) is None


def test_a_snapshot_counts_where_its_hash_is_the_claimed_one() -> None:
    assert snapshot_bytes(CodeEditData(file_path="a", diff=DIFF, snapshot_after="b\n", hash_after=sha(b"b\n"))) == b"b\n"
    assert snapshot_bytes(CodeEditData(file_path="a", diff=DIFF, snapshot_after="b\n", hash_after=sha(b"c\n"))) is None


def test_a_true_test_result_is_confirmed() -> None:
    data = a_result(num_passed=2, num_failed=1, failed_tests=("test_z",), summary="1 failed, 2 passed in 3.21s")

    assert status_of(check_test_result(data, a_run())) == "confirmed"


@pytest.mark.parametrize(
    ("claim", "contradicted"),
    [
        ({"tests_passed": True}, {"tests_passed"}),
        ({"num_passed": 3}, {"num_passed"}),
        ({"num_failed": 0}, {"num_failed"}),
        ({"failed_tests": ("test_x",)}, {"failed_tests"}),
        ({"failed_tests": ("test_z", "test_x")}, {"failed_tests"}),
        ({"summary": "3 passed in 0.1s"}, {"summary.passed", "summary.failed"}),
        ({"summary": "\x1b[31m1 failed\x1b[0m, 2 passed, 1 error in 0.1s"}, {"summary.errors"}),
    ],
)
def test_a_false_test_result_is_refuted_by_what_is_false(claim: dict[str, Any], contradicted: set[str]) -> None:
    assert wrong(check_test_result(a_result(**claim), a_run())) == contradicted


def test_a_list_that_was_cut_may_name_fewer_tests_than_failed() -> None:
    run = a_run(tests={"a.py::test_x": "failed", "a.py::test_y": "failed"})

    assert not wrong(check_test_result(a_result(num_failed=2, failed_tests=("test_x",)), run))
    assert wrong(check_test_result(a_result(failed_tests=("test_x",)), run)) == {"failed_tests"}


def test_what_is_skipped_here_may_have_run_there() -> None:
    run = a_run(0, tests={"a.py::test_x": "passed", "a.py::test_y": "skipped"})

    checks = check_test_result(a_result(tests_passed=True, num_passed=2), run)

    assert {check.what: check.agrees for check in checks} == {"tests_passed": True, "num_passed": None}


def test_an_error_is_a_failure_to_some() -> None:
    run = a_run(tests={"a.py::test_x": "error", "a.py::test_y": "failed"})

    assert not wrong(check_test_result(a_result(num_failed=2), run))
    assert not wrong(check_test_result(a_result(num_failed=1, summary="1 failed, 1 error in 1s"), run))


def test_files_that_cannot_be_collected_here_contradict_nothing() -> None:
    run = a_run(tests={}, collection_errors=("test_a.py",))

    assert status_of(check_test_result(a_result(tests_passed=True, num_passed=30), run)) == "unverifiable"
    assert status_of(check_test_command(a_command(exit_code=2), run)) == "confirmed"


def test_without_a_report_the_runs_own_summary_is_compared() -> None:
    run = a_run(
        tests={}, has_report=False, output_snippet="FAIL: test_z (t.T.test_z)\nRan 3 tests in 0.1s\n\nFAILED (failures=1)"
    )

    assert status_of(check_test_result(a_result(num_passed=2, num_failed=1, failed_tests=("test_z",)), run)) == "confirmed"
    assert wrong(check_test_result(a_result(num_passed=3, failed_tests=("test_y",)), run)) == {"num_passed", "failed_tests"}


def test_without_any_count_the_status_is_compared_alone() -> None:
    run = a_run(tests={}, has_report=False, output_snippet="whatever")

    assert status_of(check_test_result(a_result(num_passed=2), run)) == "confirmed"


def test_an_output_from_another_run_is_refuted() -> None:
    honest = "FAILED t/test_a.py::test_z - assert 0\n1 failed, 2 passed in 0.06s\n"

    assert status_of(check_test_command(a_command(honest), a_run())) == "confirmed"
    assert wrong(check_test_command(a_command("2 failed, 1 passed in 0.06s"), a_run())) == {"output.passed", "output.failed"}
    assert wrong(check_test_command(a_command(honest.replace("test_z", "test_x")), a_run())) == {"output.failed_tests"}
    assert wrong(check_test_command(a_command(honest, exit_code=0), a_run())) == {"exit_code"}


def test_a_command_that_says_nothing_is_unverifiable() -> None:
    assert status_of(check_test_command(a_command(exit_code=None), a_run())) == "unverifiable"


def test_another_command_is_compared_by_status_and_output() -> None:
    assert status_of(check_command(a_command("a\n", 0), 0, "a")) == "confirmed"
    assert wrong(check_command(a_command("a\n", 0), 1, "b")) == {"exit_code", "output"}
    assert not wrong(check_command(a_command("", 0, extra={"withheld": ["output"]}), 0, "b"))
    assert not wrong(check_command(a_command("a [REDACTED:email]", 0), 0, "a b@example.org"))
    assert check_command(a_command("a", 0), 0, None)[1].agrees is None


def test_a_reason_says_what_was_found_and_what_was_claimed() -> None:
    checks = check_test_result(a_result(tests_passed=True, num_passed=3), a_run())

    assert describe_checks(checks) == "tests_passed is false, not true; num_passed is 2, not 3"
