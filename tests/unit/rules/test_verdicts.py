"""What two test runs prove, and what they do not."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.qa import TestRun
from app.rules.verdicts import compare_runs, decide


def run(tree: Any = "after", *, code: int = 0, outcome: Any = "completed", errors: Any = (), **tests: Any) -> TestRun:
    return TestRun(
        tree=tree, outcome=outcome, exit_code=code, tests=tests, has_report=True, collection_errors=errors, reason="because"
    )


@pytest.mark.parametrize(
    ("before", "after", "verdict", "passed"),
    [
        (run("before", code=1, a="failed", b="passed"), run(a="passed", b="passed"), "fixed", True),
        (run("before", code=1, a="error"), run(a="passed"), "fixed", True),
        (run("before", code=1, a="failed"), run(code=1, a="failed"), "not_fixed", False),
        (run("before", code=1, a="failed", b="failed"), run(code=1, a="passed", b="failed"), "not_fixed", False),
        (run("before", code=1, a="failed", b="passed"), run(code=1, a="passed", b="failed"), "regressed", False),
        (run("before", code=1, a="failed", b="passed"), run(code=1, errors=("b",), a="passed"), "regressed", False),
        (run("before", a="passed"), run(a="passed"), "not_reproduced", True),
        (run("before", a="passed"), run(code=1, a="passed", b="failed"), "not_reproduced", False),
        (run("before", code=2, errors=("x.py",)), run(a="passed"), "not_reproduced", True),
        (run("before", code=1, a="failed"), run(a="skipped"), "inconclusive", None),
        (run("before", code=1, a="failed"), run(b="passed"), "not_fixed", True),
        (run("before", code=1, a="failed"), run(code=1, a="passed"), "not_fixed", False),
        (run("before", code=1, a="failed"), run(code=5), "inconclusive", None),
        (run("before", code=1, a="failed"), run(code=2, errors=("x.py",)), "inconclusive", None),
        (run("before", code=1, a="failed"), run(code=1, errors=("x.py",), a="passed"), "inconclusive", None),
        (None, run(a="passed"), "passes", True),
        (None, run(code=1, a="failed"), "not_fixed", False),
        (run("before", code=1, a="failed"), run(outcome="timed_out"), "inconclusive", None),
        (run("before", outcome="out_of_memory"), run(a="passed"), "inconclusive", None),
        (run("before", outcome="could_not_run"), run(a="passed"), "inconclusive", None),
        (run("before", code=1, a="failed"), run(outcome="unbelievable"), "tampered", None),
        (run("before", outcome="unbelievable"), run(a="passed"), "tampered", None),
    ],
)
def test_the_verdict_on_two_runs(before: TestRun | None, after: TestRun, verdict: str, passed: bool | None) -> None:
    finding = decide(before, after)

    assert (finding.verdict, finding.tests_passed) == (verdict, passed)
    assert finding.reason


@pytest.mark.parametrize(
    ("known", "verdict"),
    [(["a"], "fixed"), (["p"], "fixed"), (["p[1]"], "fixed"), (["a", "gone"], "not_fixed"), (["b"], "not_fixed")],
)
def test_every_known_failing_test_must_turn(known: list[str], verdict: str) -> None:
    outcomes: dict[str, Any] = {"a": "failed", "p[1]": "failed", "b": "passed"}
    before = run("before", code=1, **outcomes)
    passing: dict[str, Any] = dict.fromkeys(outcomes, "passed")
    after = run(**passing)

    assert decide(before, after, known).verdict == verdict


@pytest.mark.parametrize(
    ("codes", "verdict"), [((1, 0), "fixed"), ((1, 1), "not_fixed"), ((0, 0), "not_reproduced"), ((0, 1), "regressed")]
)
def test_exit_statuses_alone_are_declared_as_weaker(codes: tuple[int, int], verdict: str) -> None:
    before, after = (TestRun(tree="after", outcome="completed", exit_code=code) for code in codes)

    finding = decide(before, after)

    assert finding.verdict == verdict
    assert "exit status alone" in finding.reason


def test_a_test_that_only_one_run_reports_is_not_compared() -> None:
    compared = compare_runs(run(a="failed", only="passed"), run(a="passed", new="failed"))

    assert (compared.fail_to_pass, compared.pass_to_fail) == (("a",), ())
