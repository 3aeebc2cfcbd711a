"""Names of tests, compared leniently."""

from __future__ import annotations

import pytest

from app.rules.testnames import missing_names, same_test, unnamed_tests

NODE = "tests/unit/test_a.py::TestB::test_c"


@pytest.mark.parametrize(
    "name",
    [
        NODE,
        "test_a.py::TestB::test_c",
        "TestB::test_c",
        "test_c",
        "tests\\unit\\test_a.py::TestB::test_c",
        "./tests/unit/test_a.py::TestB::test_c",
        "test_c (tests.unit.test_a.TestB.test_c)",
        "test_c (tests.unit.test_a.TestB)",
        "tests.unit.test_a.TestB.test_c",
        "TestB.test_c",
    ],
)
def test_a_test_has_many_names(name: str) -> None:
    assert same_test(name, NODE)


@pytest.mark.parametrize(
    "name", ["test_d", "TestX::test_c", "tests/test_a.py::TestB::test_c", "TestB", "", "est_c", "test_c[x]"]
)
def test_and_not_every_one(name: str) -> None:
    assert not same_test(name, NODE)


@pytest.mark.parametrize("name", ["test_p", "test_p[a::b.c/d]", "test_p.py::test_p[a::b.c/d]", "test_p.py::test_p"])
def test_a_case_is_named_with_or_without_its_brackets(name: str) -> None:
    assert same_test(name, "test_p.py::test_p[a::b.c/d]")


def test_a_file_that_could_not_be_collected_is_named_by_its_path() -> None:
    assert same_test("tests/test_a.py", "tests/test_a.py")


def test_names_and_tests_are_matched_both_ways() -> None:
    tests = ["a.py::test_x[1]", "a.py::test_x[2]", "a.py::test_y"]

    assert missing_names(["test_x", "test_z"], tests) == ["test_z"]
    assert unnamed_tests(["test_x"], tests) == ["a.py::test_y"]
