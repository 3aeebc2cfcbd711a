"""Test runs and commits, as a terminal shows them."""

from __future__ import annotations

import pytest

from app.formats.pieces.derived import seen_commit, seen_test_run

FAILED = "F.\nFAILED tests/test_a.py::test_x - assert 1 == 2\n=== 1 failed, 1 passed in 0.12s ===\n"


def test_a_test_run_has_its_counts_and_names() -> None:
    seen = seen_test_run("cd /repo && python -m pytest -q 2>&1 | tail -5", FAILED, 0)

    assert seen is not None
    assert (seen.command, seen.passed, seen.num_passed, seen.num_failed) == ("python -m pytest -q", False, 1, 1)
    assert seen.failed_tests == ("tests/test_a.py::test_x",)
    assert seen.summary == "=== 1 failed, 1 passed in 0.12s ==="
    assert seen.framework == "pytest"


@pytest.mark.parametrize(
    ("command", "output", "exit_code", "passed"),
    [
        ("pytest", "3 passed in 0.1s", 0, True),
        ("pytest", "3 passed in 0.1s", None, True),
        ("pytest", "3 passed in 0.1s", 2, False),
        ("pytest | tail -1", "3 passed in 0.1s", 1, True),
        ("uv run pytest -q", "3 passed in 0.1s", 0, True),
        ("PYTHONPATH=. python -m unittest", "Ran 2 tests in 0.1s\n\nOK", 0, True),
        ("npm test", "Tests: 1 failed, 2 passed, 3 total", 1, False),
    ],
)
def test_a_run_passed_if_it_says_so(command: str, output: str, exit_code: int | None, passed: bool) -> None:
    seen = seen_test_run(command, output, exit_code)

    assert seen is not None
    assert seen.passed is passed


@pytest.mark.parametrize(
    ("command", "output"),
    [
        ("pytest", "all tests pass"),
        ("pytest", "no tests ran in 0.01s"),
        ("cat log.txt", "3 passed in 0.1s"),
        ("echo pytest", "3 passed in 0.1s"),
        ("pytest a; pytest b", "3 passed in 0.1s"),
        ("pytest > log.txt; cat log.txt", "3 passed in 0.1s"),
        ("go test ./...", "ok  \tpkg\t0.1s"),
    ],
)
def test_nothing_is_made_of_what_is_not_said(command: str, output: str) -> None:
    assert seen_test_run(command, output, 0) is None


HASH = "16684ce3dda64f5521fef20e827bfe110c396736"


@pytest.mark.parametrize(
    ("command", "output", "exit_code", "found"),
    [
        ("git commit -am 'Fix it'", "[main 8f0f4d5] Fix it\n 1 file changed", 0, ("8f0f4d5", "Fix it")),
        ("git commit -am 'Fix it'", "[detached HEAD 8f0f4d5] Fix it", None, ("8f0f4d5", "Fix it")),
        ("git commit -m 'x' -m y", "[main (root-commit) 8f0f4d5] x", 0, ("8f0f4d5", "x")),
        ("git add -A && git commit -qm 'Fix it' && git rev-parse HEAD", f"{HASH}\n", 0, (HASH, "Fix it")),
        ("git commit -m \"$(cat <<'EOF'\nFix it\nEOF\n)\"", "[main 8f0f4d5] Fix it", 0, ("8f0f4d5", "Fix it")),
        ("git commit -qm 'Fix it'", "", 0, None),
        ("git commit -am 'Fix it'", "[main 8f0f4d5] Fix it", 1, None),
        ("git commit -qm 'Fix it' || git rev-parse HEAD", f"{HASH}\n", 0, None),
        ("git log -1", "[main 8f0f4d5] Fix it", 0, None),
        ("git commit -qm a && git commit -qm b && git rev-parse HEAD", f"{HASH}\n", 0, None),
        ("echo git commit", "[main 8f0f4d5] Fix it", 0, None),
    ],
)
def test_a_commit_is_one_whose_hash_was_shown(command: str, output: str, exit_code: int | None, found: object) -> None:
    seen = seen_commit(command, output, exit_code)

    assert (None if seen is None else (seen.sha, seen.message)) == found
