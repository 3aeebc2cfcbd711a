"""Names of tests, and whom they name."""

from __future__ import annotations

import pytest

from app.rules.nodeids import file_of, function_of, is_named


@pytest.mark.parametrize(
    ("node_id", "function"),
    [
        ("a.py::test_b", "a.py::test_b"),
        ("a.py::test_b[x]", "a.py::test_b"),
        ("a.py::test_b[x::y[z]", "a.py::test_b"),
        ("a.py::TestC::test_b[1]", "a.py::TestC::test_b"),
        ("odd[folder]/a.py::test_b[1]", "odd[folder]/a.py::test_b"),
        ("a.py", "a.py"),
    ],
)
def test_a_case_belongs_to_its_function(node_id: str, function: str) -> None:
    assert function_of(node_id) == function
    assert file_of(node_id) == function.partition("::")[0]


@pytest.mark.parametrize("known", ["a.py::test_b[x]", "a.py::test_b", "a.py"])
def test_a_name_fits_the_test_and_all_that_it_belongs_to(known: str) -> None:
    assert is_named(known, "a.py::test_b[x]")


@pytest.mark.parametrize("known", ["a.py::test_b[y]", "a.py::test", "b.py", "a", "a.p", "test_b[x]", ""])
def test_half_a_name_of_a_python_test_names_nothing(known: str) -> None:
    assert not is_named(known, "a.py::test_b[x]")


@pytest.mark.parametrize(
    "known",
    [
        "test/till.test.js",
        "test/till.test.js::prices",
        "test/till.test.js::prices::adds [1, 2]",
        "prices > adds [1, 2]",
        "prices › adds [1, 2]",
        "adds [1, 2]",
    ],
)
def test_the_end_of_a_name_names_a_test_of_other_languages(known: str) -> None:
    assert is_named(known, "test/till.test.js::prices::adds [1, 2]")


@pytest.mark.parametrize("known", ["TillTest.adds", "TillTest#adds", "org.till.TillTest.adds", "org.till.TillTest", "adds"])
def test_classes_are_named_as_their_runners_do(known: str) -> None:
    assert is_named(known, "org.till.TillTest::adds")


@pytest.mark.parametrize("known", ["Test.adds", "till", "org.till", "adds.org", ""])
def test_half_a_name_names_nothing(known: str) -> None:
    assert not is_named(known, "org.till.TillTest::adds")


def test_a_test_of_python_is_named_from_its_beginning() -> None:
    assert is_named("tests/test_a.py::test_b", "tests/test_a.py::test_b[1]")
    assert not is_named("test_b", "tests/test_a.py::test_b")
