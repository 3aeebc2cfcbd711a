"""Which files are tests, or decide how tests are run."""

from __future__ import annotations

import pytest

from app.rules.testfiles import is_test_file, is_test_module


@pytest.mark.parametrize(
    "path",
    ["test_a.py", "a_test.py", "tests.py", "pkg/test_a.py", "tests/test_a.py", "till.test.js", "a/b_test.go", "x.spec.ts"],
)
def test_a_file_that_holds_tests_is_known_by_its_name(path: str) -> None:
    assert is_test_file(path)
    assert is_test_module(path)


@pytest.mark.parametrize(
    "path", ["conftest.py", "a/conftest.py", "pytest.ini", "tox.ini", "tests/helper.py", "pkg/tests/data/x.json", "spec/a.rb"]
)
def test_what_tests_rest_on_belongs_to_them_and_holds_none(path: str) -> None:
    assert is_test_file(path)
    assert not is_test_module(path)


@pytest.mark.parametrize("path", ["till.py", "contest.py", "testing_tools.py", "latest.py", "attest/till.py", "setup.cfg"])
def test_everything_else_is_code(path: str) -> None:
    assert not is_test_file(path)
