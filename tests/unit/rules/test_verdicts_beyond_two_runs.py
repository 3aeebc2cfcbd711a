"""What a verdict becomes by reruns, by the tests from before the session, and by tests in other words."""

from __future__ import annotations

from typing import Any

import pytest

from app.models.qa import DisguiseCheck, FlakyTest, TestRun, TreeName
from app.rules.reruns import Flakiness
from app.rules.verdicts import Finding, decide, obstacle_of, suite_passed, with_disguise, with_guard

FIXED = Finding("fixed", "because", True)


def run(tree: TreeName = "after", *, outcome: Any = "completed", code: int = 0, **tests: Any) -> TestRun:
    named = {f"t.py::{name}": what for name, what in tests.items()}
    failed = any(what in ("failed", "error") for what in tests.values())
    evidence: Any = "process" if outcome in ("completed", "died") else None
    return TestRun(
        tree=tree, outcome=outcome, exit_code=code or int(failed), tests=named, has_report=True, evidence=evidence, reason="why"
    )


def flaky(before: str = "", after: str = "") -> Flakiness:
    """Flaky tests, by the letters of their names."""

    def found(tree: TreeName, names: str) -> dict[str, FlakyTest]:
        return {f"t.py::{name}": FlakyTest(test=f"t.py::{name}", tree=tree, runs=8, failed=3) for name in names}

    return Flakiness(found("before", before), found("after", after))


# --- runs that died


def test_a_process_that_died_after_the_fix_did_not_pass() -> None:
    finding = decide(run("before", a="failed", b="failed"), run(outcome="died", code=139, a="passed", b="error"))

    assert (finding.verdict, finding.tests_passed) == ("not_fixed", False)


def test_a_process_that_died_before_the_fix_fails_the_test_it_died_in() -> None:
    finding = decide(run("before", outcome="died", code=139, a="error"), run(a="passed", b="passed"))

    assert (finding.verdict, finding.tests_passed) == ("fixed", True)


def test_a_process_that_dies_since_the_fix_is_a_regression() -> None:
    finding = decide(run("before", a="failed", b="passed"), run(outcome="died", code=139, a="passed", b="error"))

    assert finding.verdict == "regressed"


def test_a_death_without_a_failed_test_is_no_pass() -> None:
    assert suite_passed(run(outcome="died", a="passed")) is False


def test_a_run_that_our_own_runner_saw_is_believed_whatever_its_exit_status() -> None:
    assert suite_passed(run(code=1, a="passed")) is True


@pytest.mark.parametrize("outcome", ["timed_out", "out_of_memory", "could_not_run", "unbelievable"])
@pytest.mark.parametrize(
    ("tree", "where"), [("before", "before the fix"), ("after", "after the fix"), ("guard", "'guard'"), ("origin", "'origin'")]
)
def test_what_stands_in_the_way_is_named_with_its_place(outcome: str, tree: TreeName, where: str) -> None:
    finding = obstacle_of(run(tree, outcome=outcome))

    assert finding is not None
    assert (finding.verdict, finding.tests_passed) == ("tampered" if outcome == "unbelievable" else "inconclusive", None)
    assert where in finding.reason


# --- vanished tests


def test_a_test_that_passed_and_is_gone_was_broken() -> None:
    finding = decide(run("before", a="failed", b="passed"), run(a="passed"))

    assert finding.verdict == "regressed"
    assert "t.py::b" in finding.reason


def test_a_case_that_is_gone_is_not_missed_while_its_test_is_there() -> None:
    before, after = run("before", a="failed"), run(a="passed")
    before.tests["t.py::p[1]"] = "passed"
    after.tests["t.py::p[2]"] = "passed"

    assert decide(before, after).verdict == "fixed"


@pytest.mark.parametrize("outcome", ["skipped", "xfailed"])
def test_code_may_not_excuse_itself_from_a_test_that_passed(outcome: str) -> None:
    assert decide(run("before", a="failed", b="passed"), run(a="passed", b=outcome)).verdict == "regressed"


@pytest.mark.parametrize("after", [{"b": "skipped"}, {"b": "xfailed"}, {}])
def test_a_failing_test_that_is_skipped_or_gone_after_the_fix_was_not_mended(after: dict[str, Any]) -> None:
    finding = decide(run("before", a="failed", b="failed"), run(a="passed", **after))

    assert finding.verdict == "not_fixed"
    assert "t.py::b" in finding.reason


# --- flaky tests

BEFORE, AFTER = run("before", a="failed", b="failed", c="passed"), run(a="passed", b="passed", c="passed")


def test_a_test_that_is_unsteady_since_the_fix_decides_nothing_and_is_named_with_its_rate() -> None:
    finding = decide(BEFORE, AFTER, (), flaky(after="a"))

    assert (finding.verdict, finding.tests_passed) == ("flaky", None)
    assert "t.py::a (failed 3 of 8 times after the fix)" in finding.reason


def test_a_test_that_was_unsteady_all_along_is_left_out() -> None:
    assert decide(BEFORE, AFTER, (), flaky(before="a", after="a")).verdict == "fixed"
    assert decide(BEFORE, AFTER, (), flaky(before="a")).verdict == "fixed"


def test_where_nothing_steady_is_left_that_failed_the_unsteady_tests_would_decide() -> None:
    assert decide(BEFORE, AFTER, (), flaky(before="ab")).verdict == "flaky"


def test_a_known_failing_test_has_to_be_steady() -> None:
    finding = decide(BEFORE, AFTER, ["t.py::a"], flaky(before="a"))

    assert (finding.verdict, finding.tests_passed) == ("flaky", None)


def test_what_steadily_fails_after_the_fix_fails_whatever_else_is_flaky() -> None:
    after = run(a="passed", b="failed", c="passed")

    assert decide(BEFORE, after, (), flaky(before="c")).verdict == "not_fixed"


def test_a_flaky_test_is_not_broken_by_the_fix() -> None:
    after = run(a="passed", b="passed", c="failed")

    assert decide(BEFORE, after, (), flaky(before="c")).verdict == "fixed"


def test_without_a_tree_from_before_an_unsteady_test_does_not_pass() -> None:
    assert decide(None, AFTER, (), flaky(after="a")).verdict == "flaky"


def test_a_command_whose_exit_status_disagrees_with_itself_is_flaky() -> None:
    before = TestRun(tree="before", outcome="completed", exit_code=1)
    after = TestRun(tree="after", outcome="completed", exit_code=0)
    found = FlakyTest(test="the command", tree="after", runs=8, failed=3)

    assert decide(before, after, (), Flakiness({}, {"the command": found})).verdict == "flaky"


# --- the tests from before the session


def guarded(
    origin: TestRun, guard: TestRun, *, before: TestRun | None = None, known: tuple[str, ...] = (), unsteady: str = ""
) -> Finding:
    """The verdict on a fix whose session changed t.py, in which everything passes afterwards."""
    names = {name.partition("::")[2] for name in origin.tests}
    passing: dict[str, Any] = dict.fromkeys(names | {"x"}, "passed")
    after = run(**passing)
    before = before or run("before", x="failed")
    return with_guard(FIXED, before, after, origin, guard, {"t.py"}, {f"t.py::{name}" for name in unsteady}, known)


def test_tests_from_before_that_pass_with_the_fix_leave_it_a_fix() -> None:
    assert guarded(run("origin", a="failed", b="passed"), run("guard", a="passed", b="passed")) == FIXED


def test_a_failing_test_that_was_weakened_is_not_mended() -> None:
    finding = guarded(run("origin", a="failed"), run("guard", a="failed"))

    assert (finding.verdict, finding.tests_passed) == ("not_fixed", False)
    assert "only as the session changed it" in finding.reason


def test_a_passing_test_that_fails_as_it_was_and_was_changed_is_a_regression() -> None:
    finding = guarded(run("origin", a="passed"), run("guard", a="failed"))

    assert (finding.verdict, finding.tests_passed) == ("regressed", False)


@pytest.mark.parametrize("outcome", ["passed", "failed"])
def test_a_removed_test_has_to_pass_as_well(outcome: str) -> None:
    assert guarded(run("origin", a=outcome), run("guard")).verdict in ("regressed", "not_fixed")


@pytest.mark.parametrize(("known", "verdict"), [((), "fixed"), (("t.py::a",), "fixed"), (("t.py::x",), "regressed")])
def test_a_changed_expectation_is_meant_where_the_test_failed_before_and_is_known_to(
    known: tuple[str, ...], verdict: str
) -> None:
    before = run("before", a="failed", x="failed")

    assert guarded(run("origin", a="passed"), run("guard", a="failed"), before=before, known=known).verdict == verdict


@pytest.mark.parametrize("outcome", ["skipped", "xfailed"])
def test_a_failing_test_that_did_not_count_as_it_was_is_not_called_unmended(outcome: str) -> None:
    assert guarded(run("origin", a="failed"), run("guard", a=outcome)) == FIXED


def test_tests_of_files_that_the_session_did_not_touch_and_unsteady_ones_do_not_count() -> None:
    untouched = run("origin").model_copy(update={"tests": {"other.py::a": "passed"}})

    assert guarded(untouched, run("guard")) == FIXED
    assert guarded(run("origin", a="passed"), run("guard", a="failed"), unsteady="a") == FIXED


@pytest.mark.parametrize(("outcome", "verdict"), [("unbelievable", "tampered"), ("timed_out", "inconclusive")])
def test_a_guard_that_shows_nothing_leaves_no_fix(outcome: str, verdict: str) -> None:
    assert guarded(run("origin", a="passed"), run("guard", outcome=outcome)).verdict == verdict
    assert guarded(run("origin", outcome=outcome), run("guard", a="passed")).verdict == verdict


# --- tests in other words


def disguised(deciding: tuple[str, ...] = ("t.py::a",), known: tuple[str, ...] = (), **check: Any) -> Finding:
    return with_disguise(FIXED, DisguiseCheck(runs=4, **check), deciding, known)


def test_tests_that_pass_in_other_words_and_fail_where_they_must_confirm_the_fix() -> None:
    assert disguised(confirmed=("t.py::a",)) == FIXED


def test_one_of_the_tests_that_decide_is_enough() -> None:
    assert disguised(("t.py::a", "t.py::b"), confirmed=("t.py::a",), not_disguised={"t.py::b": "a generator"}) == FIXED


def test_a_version_that_has_to_fail_and_passes_gives_the_run_away() -> None:
    finding = disguised(confirmed=("t.py::b",), passed_wrongly=("t.py::a",))

    assert (finding.verdict, finding.tests_passed) == ("tampered", None)


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"problem": "timed_out: why"}, "could not be checked in other words: timed_out"),
        ({"unlike": ("t.py::a",)}, "in their own words alone: t.py::a"),
        ({"confirmed": ("t.py::a",), "unlike": ("t.py::b",)}, "in their own words alone: t.py::b"),
        ({"not_disguised": {"t.py::a": "a generator"}}, "t.py::a (a generator)"),
        ({"confirmed": ("t.py::other",)}, "no test that decides could be checked"),
    ],
)
def test_what_could_not_be_confirmed_is_inconclusive(check: dict[str, Any], words: str) -> None:
    finding = disguised(**check)

    assert (finding.verdict, finding.tests_passed) == ("inconclusive", None)
    assert words in finding.reason


@pytest.mark.parametrize(
    ("known", "verdict"),
    [(("t.py::a",), "fixed"), (("t.py::a[1]",), "fixed"), (("t.py",), "fixed"), (("t.py::a", "t.py::b"), "inconclusive")],
)
def test_every_known_failing_test_has_to_be_confirmed(known: tuple[str, ...], verdict: str) -> None:
    assert disguised(("t.py::a", "t.py::b"), known, confirmed=("t.py::a",)).verdict == verdict
