"""What programs print, made comparable."""

from __future__ import annotations

import pytest

from app.rules.outputs import Counts, failing_names, normalise_output, parse_counts, same_output, without_colours


def counts(text: str) -> dict[str, int] | None:
    """The counts that are not 0."""
    found = parse_counts(text)
    return None if found is None else {name: count for name, count in found.said().items() if count}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3 passed, 1 failed in 0.12s", {"passed": 3, "failed": 1}),
        ("1 failed, 3 passed in 0.12s", {"passed": 3, "failed": 1}),
        ("==== 1 failed, 2 passed, 1 skipped, 3 warnings in 62.10s (0:01:02) ====", {"passed": 2, "failed": 1, "skipped": 1}),
        ("....\n4 passed in 0.06s\n", {"passed": 4}),
        ("\x1b[32m\x1b[1m4 passed\x1b[0m\x1b[32m in 0.06s\x1b[0m", {"passed": 4}),
        ("2 passed, 1 xfailed, 1 xpassed, 1 error in 1.0s", {"passed": 2, "xfailed": 1, "xpassed": 1, "errors": 1}),
        ("2 errors in 0.3s", {"errors": 2}),
        ("1 passed, 5 deselected in 0.01s", {"passed": 1}),
        ("no tests ran in 0.01s", {}),
        ("12 passed", {"passed": 12}),
        ("1 passed in 1s\n…\n3 passed in 1s", {"passed": 3}),
        ("Ran 5 tests in 0.002s\n\nOK", {"passed": 5}),
        ("Ran 5 tests in 0.002s\n\nFAILED (failures=1)", {"passed": 4, "failed": 1}),
        (
            "Ran 6 tests in 0.0s\n\nFAILED (failures=1, errors=2, skipped=1)",
            {"passed": 2, "failed": 1, "errors": 2, "skipped": 1},
        ),
        ("Ran 2 tests in 0.0s\n\nOK (expected failures=1)", {"passed": 1, "xfailed": 1}),
        ("3 passing (5ms)\n  1 failing", {"passed": 3, "failed": 1}),
        ("Test Suites: 1 failed, 8 total\nTests:       2 failed, 3 passed, 5 total", {"passed": 3, "failed": 2}),
        ("# tests 4\n# pass 3\n# fail 1\n", {"passed": 3, "failed": 1}),
        ("3 passed and 1 failed", {"passed": 3, "failed": 1}),
        ("3 tests passed", {"passed": 3}),
        ("Fixed 3 failing tests", None),
        ("all good", None),
        ("", None),
        ("2 of 3 failed before, I think", None),
    ],
)
def test_counts_are_read(text: str, expected: dict[str, int] | None) -> None:
    assert counts(text) == expected


def test_what_a_runner_leaves_out_of_its_summary_is_none_at_all() -> None:
    assert parse_counts("3 passed in 0.1s") == Counts(passed=3, failed=0, errors=0, skipped=0, xfailed=0, xpassed=0)


def test_what_words_leave_out_is_not_said() -> None:
    assert parse_counts("3 tests passed") == Counts(passed=3)


def test_failing_tests_are_named_as_pytest_and_unittest_name_them() -> None:
    output = (
        "FAILED tests/test_a.py::test_b[x - y] - assert 1 == 2\nERROR tests/test_c.py\n"
        "FAILED tests/test_a.py::TestD::test_e\nFAIL: test_f (test_g.TestH.test_f)\nFAILED (failures=1)\n"
        "FAILED tests/test_a.py::TestD::test_e\n"
    )

    assert failing_names(output) == (
        "tests/test_a.py::test_b[x",
        "tests/test_c.py",
        "tests/test_a.py::TestD::test_e",
        "test_f (test_g.TestH.test_f)",
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("done in 0.12s", "done in 3.4s"),
        ("<Cache object at 0x7f0012345678>", "<Cache object at 0x55aa00ff0012>"),
        ("wrote /tmp/pytest-of-me/pytest-3/x.txt", "wrote /tmp/pytest-of-you/pytest-0/x.txt"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\r\nb\r\n", "a\nb"),
        ("a  \nb", "a\nb\n\n"),
        ("b\na", "a\nb"),
        ("at 2026-03-02 12:00:01", "at 2026-03-03 08:59:10"),
        ("pid 12", "pid 4711"),
    ],
)
def test_what_does_not_matter_makes_no_difference(one: str, other: str) -> None:
    assert same_output(one, other)


@pytest.mark.parametrize(("one", "other"), [("3 lines", "4 lines"), ("a", "a\nb"), ("x = 1.5", "x = 2.5")])
def test_what_matters_does(one: str, other: str) -> None:
    assert not same_output(one, other)


def test_colours_go_and_text_stays() -> None:
    assert without_colours("\x1b]0;title\x07\x1b[1;31mFAILED\x1b[0m a") == "FAILED a"
    assert normalise_output("  indented stays\n") == "  indented stays"


@pytest.mark.parametrize(
    "text",
    [f"{'1' * 5000} passed", f"Ran {'1' * 5000} tests in 1s\n\nOK", f"Ran 1 test in 1s\n\nFAILED (failures={'9' * 5000})",
     f"# pass {'1' * 5000}", f"{'1' * 5000} tests passed and 1 failed", "5 pa\u017f\u017fed", "\u0665 passed"],
)  # fmt: skip
def test_odd_numbers_and_letters_are_no_accident(text: str) -> None:
    found = parse_counts(text)

    assert found is None or all(0 <= count < 10**9 for count in found.said().values())
