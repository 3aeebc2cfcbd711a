"""Whether a run passed, and how many tests it ran."""

from __future__ import annotations

import pytest

from app.qa.judge.features.reading import read_session
from tests.unit.qa.judge.sessions import as_events, ran

PASSED = "2 errors logged\n5 passed"


@pytest.mark.parametrize(
    ("exit_code", "output", "failed", "tests"),
    [
        (0, PASSED, False, 5),
        (None, PASSED, False, 5),
        (1, PASSED, True, 5),
        (0, "tests/test_errors.py: 2 errors logged", False, 2),
        (None, "2 errors logged", True, 2),
        (0, "1 failed, 3 passed", True, 4),
        (0, "3 passed\n1 failed, 3 passed in 0.1s", True, 4),
        (0, "Ran 3 tests in 0.1s\n\nFAILED (failures=1)", True, 3),
        (0, "Ran 3 tests in 0.1s\n\nOK", False, 3),
        (0, "", False, None),
        (None, "", None, None),
        (0, "1" * 5000 + " passed", False, None),
        (0, "1" * 5000 + " failed", False, None),
        (0, "5 pa\u017f\u017fed", False, 5),
        (0, "²² failed", False, None),
    ],
)
def test_a_run_is_known_by_its_exit_code_and_the_summary_at_its_end(
    exit_code: int | None, output: str, failed: bool | None, tests: int | None
) -> None:
    (run,) = read_session(as_events([ran("pytest", exit_code, output)])).results

    assert (run.failed, run.tests) == (failed, tests)
