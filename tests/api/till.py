"""A session that mends a till, and a suite that passes where its fix is in."""

from __future__ import annotations

from collections.abc import Mapping

from app.models.qa import TestOutcome
from tests.builders import an_edit
from tests.scripted_suite import Outcomes, ScriptedSuite

TEST_FILE = "tests/test_till.py"
TESTS = "def test_total():\n    assert total([1, 2]) == 3\n\n\ndef test_other():\n    assert total([]) == 0\n"
BUGGY = {"till.py": "a\n", TEST_FILE: TESTS}
FIX = an_edit("till.py", "@@ -1 +1 @@\n-a\n+b\n")


def outcomes_by_b(files: Mapping[str, bytes]) -> Outcomes:
    """test_total passes where the fix is in."""
    total: TestOutcome = "passed" if files["till.py"] == b"b\n" else "failed"
    return {f"{TEST_FILE}::test_total": total, f"{TEST_FILE}::test_other": "passed"}


fixed_by_b = ScriptedSuite(outcomes_by_b, output=b"2 tests")
"""As a suite answers that ``FIX`` mends."""
