"""Commands that run a part of their tests, and what may be said against them."""

from __future__ import annotations

import pytest

from app.models.events import TerminalCommandData, TestResultData
from app.models.qa import TestOutcome, TestRun
from app.rules.ledger import check_test_command, check_test_result, status_of
from app.rules.partial_runs import Part, part_of


def a_run(*failed: str, passed: int = 3) -> TestRun:
    tests: dict[str, TestOutcome] = {f"t/test_a.py::test_{number}": "passed" for number in range(passed)}
    tests |= {f"t/test_a.py::{name}": "failed" for name in failed}
    return TestRun(tree="replay", outcome="completed", exit_code=1 if failed else 0, tests=tests, has_report=True)


def result(command: str, run: TestRun, **claimed: object) -> str:
    data = TestResultData.model_validate({"test_command": command, "summary": "", **claimed}, strict=False)
    return status_of(check_test_result(data, run))


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("pytest", None),
        ("pytest -k x -q", None),
        ("pytest -kx", None),
        ("pytest tests/test_x.py", None),
        ("pytest --maxfailures", None),
        ("python -m unittest -v", None),
        ("python -m unittest -k x", None),
        ("pytest -x", "until_failure"),
        ("pytest -xq tests", "until_failure"),
        ("pytest -qx", "until_failure"),
        ("pytest --exitfirst", "until_failure"),
        ("pytest --maxfail=1", "until_failure"),
        ("pytest --maxfail 2", "until_failure"),
        ("python -m unittest -f", "until_failure"),
        ("python -m unittest -vf", "until_failure"),
        ("python -m unittest --failfast", "until_failure"),
        ("pytest --lf", "by_history"),
        ("pytest -x --last-failed", "by_history"),
        ("pytest --sw", "by_history"),
        ("pytest 'unclosed -x", "until_failure"),
    ],
)
def test_the_part_that_a_command_runs(command: str, part: Part | None) -> None:
    assert part_of(command) == part


def test_who_stops_at_the_first_failure_may_have_seen_fewer() -> None:
    run = a_run("test_x", "test_y")
    said = {"tests_passed": False, "num_passed": 1, "num_failed": 1, "failed_tests": ["t/test_a.py::test_x"]}

    assert result("pytest -x", run, **said) == "confirmed"
    assert result("pytest", run, **said) == "refuted"


@pytest.mark.parametrize(
    "said",
    [
        {"tests_passed": True},
        {"tests_passed": False, "num_failed": 3},
        {"tests_passed": False, "num_passed": 4},
        {"tests_passed": False, "failed_tests": ["t/test_a.py::test_other"]},
    ],
)
def test_who_stops_at_the_first_failure_saw_no_more_than_there_is(said: dict[str, object]) -> None:
    assert result("pytest -x", a_run("test_x", "test_y"), **said) == "refuted"


def test_who_stops_at_the_first_failure_and_has_none_saw_everything() -> None:
    assert result("pytest -x", a_run(), tests_passed=True, num_passed=3) == "confirmed"
    assert result("pytest -x", a_run(), tests_passed=False, num_failed=1) == "refuted"


def test_what_failed_before_may_pass_where_another_test_fails() -> None:
    run = a_run("test_x")

    assert result("pytest --lf", run, tests_passed=True, num_passed=1) == "unverifiable"
    assert result("pytest --lf", a_run(), tests_passed=False, num_failed=1) == "refuted"


def test_a_command_in_a_terminal_is_compared_alike() -> None:
    output = "FAILED t/test_a.py::test_x - assert 0\n1 failed, 1 passed in 0.1s\n"
    data = TerminalCommandData(command="pytest -x", exit_code=1, output=output, duration_ms=1)

    assert status_of(check_test_command(data, a_run("test_x", "test_y"))) == "confirmed"
    assert status_of(check_test_command(data.model_copy(update={"command": "pytest"}), a_run("test_x", "test_y"))) == "refuted"
    assert status_of(check_test_command(data.model_copy(update={"exit_code": 0}), a_run("test_x", "test_y"))) == "refuted"
