"""What the guest tells of a unittest suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest_runs import run_tests

COMMAND = "python -m unittest"


def a_case(body: str, head: str = "") -> str:
    """A module with one test case."""
    return f"import os, sys, unittest\n{head}\nclass TestIt(unittest.TestCase):\n{body}"


def outcomes(tmp_path: Path, files: dict[str, str], command: str = COMMAND) -> dict[str, str]:
    """Outcomes by the names of the tests of test_a.py."""
    reading = run_tests(tmp_path, files, command)
    assert reading.outcome == "completed"
    return {name.rpartition("::")[2]: outcome for name, outcome in reading.tests.items()}


def test_every_outcome_is_told_apart(tmp_path: Path) -> None:
    body = """
    def test_passes(self): pass
    def test_fails(self): self.fail()
    def test_error(self): raise ValueError
    @unittest.skip("later")
    def test_skipped(self): pass
    def test_skips(self): self.skipTest("later")
    @unittest.expectedFailure
    def test_xfails(self): self.fail()
    @unittest.expectedFailure
    def test_xpasses(self): pass
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertNotEqual(n, 1)
    def test_good_parts(self):
        with self.subTest(n=1):
            pass
    def test_untidy(self): self.addCleanup(int, "x")
"""
    assert outcomes(tmp_path, {"test_a.py": a_case(body)}) == {
        "test_passes": "passed",
        "test_fails": "failed",
        "test_error": "error",
        "test_skipped": "skipped",
        "test_skips": "skipped",
        "test_xfails": "xfailed",
        "test_xpasses": "failed",
        "test_parts": "failed",
        "test_good_parts": "passed",
        "test_untidy": "error",
    }


def test_names_are_those_that_pytest_would_give(tmp_path: Path) -> None:
    files = {
        "pkg/__init__.py": "",
        "pkg/test_a.py": a_case("    def test_b(self): pass\n"),
        "test_c.py": a_case("    def test_d(self): pass\n"),
    }

    assert set(run_tests(tmp_path, files, COMMAND).tests) == {"pkg/test_a.py::TestIt::test_b", "test_c.py::TestIt::test_d"}


@pytest.mark.parametrize("place", ["setUpClass", "setUpModule"])
def test_what_fails_before_a_class_or_a_module_is_an_error_of_its_tests(tmp_path: Path, place: str) -> None:
    tests = "    def test_a(self): pass\n    def test_b(self): pass\n"
    broken = f"    @classmethod\n    def setUpClass(cls): raise ValueError\n{tests}" if place == "setUpClass" else tests
    head = "def setUpModule(): raise ValueError\n" if place == "setUpModule" else ""

    assert outcomes(tmp_path, {"test_a.py": a_case(broken, head)}) == {"test_a": "error", "test_b": "error"}


def test_a_class_that_is_skipped_as_a_whole_is_skipped_test_by_test(tmp_path: Path) -> None:
    source = a_case("    def test_a(self): pass\n").replace("class TestIt", "@unittest.skip('later')\nclass TestIt")

    assert outcomes(tmp_path, {"test_a.py": source}) == {"test_a": "skipped"}


def test_a_class_that_skips_itself_has_not_failed(tmp_path: Path) -> None:
    body = "    @classmethod\n    def setUpClass(cls): raise unittest.SkipTest('later')\n    def test_a(self): pass\n"

    assert outcomes(tmp_path, {"test_a.py": a_case(body)}) == {"test_a": "skipped"}


def test_a_class_that_cannot_be_tidied_up_has_run_its_tests_and_failed_beside_them(tmp_path: Path) -> None:
    body = "    @classmethod\n    def tearDownClass(cls): raise ValueError\n    def test_a(self): pass\n"

    reading = run_tests(tmp_path, {"test_a.py": a_case(body)}, COMMAND)

    assert reading.outcome == "completed"
    assert list(reading.tests.values()) == ["passed", "error"]
    assert list(reading.tests)[1].endswith("TestIt::tearDownClass")


@pytest.mark.parametrize("source", ["import absent\n", "def f(:\n", "raise ValueError\n"])
def test_a_module_that_cannot_be_imported_is_named_and_the_others_run(tmp_path: Path, source: str) -> None:
    files = {"tests/__init__.py": "", "tests/test_a.py": a_case("    def test_b(self): pass\n"), "tests/test_c.py": source}

    reading = run_tests(tmp_path, files, COMMAND)

    assert (reading.outcome, reading.collection_errors) == ("completed", ("tests/test_c.py",))
    assert reading.tests == {"tests/test_a.py::TestIt::test_b": "passed"}


@pytest.mark.parametrize(
    "command",
    [
        "python -m unittest",
        "python -m unittest discover",
        "python -m unittest discover -s tests -t .",
        "python -m unittest tests.test_a",
        "python -m unittest tests.test_a.TestIt",
        "python -m unittest -v tests/test_a.py",
        "python -m unittest -f -b -k test",
    ],
)
def test_the_forms_of_the_command_find_the_tests(tmp_path: Path, command: str) -> None:
    files = {
        "tests/__init__.py": "",
        "tests/test_a.py": a_case("    def test_a(self): self.fail()\n    def test_b(self): pass\n"),
    }

    tests = run_tests(tmp_path, files, command).tests

    assert tests == {"tests/test_a.py::TestIt::test_a": "failed", "tests/test_a.py::TestIt::test_b": "passed"}


@pytest.mark.parametrize("folder", ["tests", "a/tests"])
@pytest.mark.parametrize("is_package", [True, False])
def test_tests_are_loaded_by_their_ids(tmp_path: Path, folder: str, is_package: bool) -> None:
    files = {f"{folder}/test_a.py": a_case("    def test_a(self): self.fail()\n    def test_b(self): pass\n")}
    files |= {f"{folder}/__init__.py": "", "a/__init__.py": ""} if is_package else {}
    names = (f"{folder}/test_a.py::TestIt::test_b", f"{folder}/test_a.py::TestIt::test_a")

    assert run_tests(tmp_path, files, COMMAND, only=names).tests == {names[0]: "passed", names[1]: "failed"}


def test_a_suite_without_tests_has_run_nothing(tmp_path: Path) -> None:
    reading = run_tests(tmp_path, {"shop.py": "x = 1\n"}, COMMAND)

    assert reading.tests == {}
    assert reading.outcome in ("completed", "could_not_run")


@pytest.mark.parametrize(("act", "outcome"), [("os._exit(0)", "unbelievable"), ("os._exit(3)", "died"), ("os.abort()", "died")])
def test_a_suite_that_ends_in_the_midst_has_not_passed(tmp_path: Path, act: str, outcome: str) -> None:
    body = f"    def test_a(self): pass\n    def test_b(self): {act}\n    def test_c(self): pass\n"

    reading = run_tests(tmp_path, {"test_a.py": a_case(body)}, COMMAND)

    assert (reading.outcome, reading.not_run) == (outcome, ("test_a.py::TestIt::test_c",))


def test_a_test_that_exits_is_an_error_and_the_others_run(tmp_path: Path) -> None:
    body = "    def test_a(self): sys.exit(0)\n    def test_b(self): pass\n"

    assert outcomes(tmp_path, {"test_a.py": a_case(body)}) == {"test_a": "error", "test_b": "passed"}


def test_a_module_that_skips_itself_has_no_tests(tmp_path: Path) -> None:
    files = {
        "test_a.py": a_case("    def test_b(self): pass\n"),
        "test_c.py": "import unittest\nraise unittest.SkipTest('later')\n",
    }

    assert outcomes(tmp_path, files) == {"test_b": "passed"}


def test_a_result_whose_methods_were_replaced_does_not_hide_a_failure(tmp_path: Path) -> None:
    head = "unittest.TestResult.addFailure = unittest.TextTestResult.addFailure = lambda *a: None\n"

    reading = run_tests(tmp_path, {"test_a.py": a_case("    def test_a(self): self.fail()\n", head)}, COMMAND)

    assert reading.tests == {"test_a.py::TestIt::test_a": "failed"}
