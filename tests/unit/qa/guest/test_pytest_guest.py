"""What the guest tells of a pytest suite, whatever the suite does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guest_runs import run_tests

PASSES = "def test_a():\n    pass\n"
FAILS = "def test_a():\n    assert 1 == 2\n"


def test_every_outcome_is_told_apart(tmp_path: Path) -> None:
    source = """
        import pytest, unittest

        def test_passes(): pass
        def test_fails(): assert 1 == 2
        @pytest.fixture
        def broken(): raise ValueError
        def test_error(broken): pass
        @pytest.fixture
        def untidy():
            yield
            raise ValueError
        def test_untidy(untidy): pass
        @pytest.mark.skip
        def test_skipped(): pass
        def test_skips(): pytest.skip("later")
        def test_skips_as_unittest(): raise unittest.SkipTest("later")
        @pytest.mark.xfail
        def test_xfails(): assert False
        @pytest.mark.xfail
        def test_xpasses(): pass
        @pytest.mark.xfail(strict=True)
        def test_xpasses_strictly(): pass
        @pytest.mark.xfail(raises=KeyError)
        def test_fails_otherwise(): assert False
        def test_xfails_by_itself(): pytest.xfail("known")
    """.replace("\n        ", "\n")

    reading = run_tests(tmp_path, {"test_a.py": source})

    assert (reading.outcome, reading.evidence) == ("completed", "process")
    assert {name.removeprefix("test_a.py::test_"): outcome for name, outcome in reading.tests.items()} == {
        "passes": "passed",
        "fails": "failed",
        "error": "error",
        "untidy": "error",
        "skipped": "skipped",
        "skips": "skipped",
        "skips_as_unittest": "skipped",
        "xfails": "xfailed",
        "xpasses": "xpassed",
        "xpasses_strictly": "failed",
        "fails_otherwise": "failed",
        "xfails_by_itself": "xfailed",
    }


def test_ids_with_any_characters_are_told_as_pytest_has_them(tmp_path: Path) -> None:
    ids = ["a::b", "x.y/z", "sp ace", "[]", 'quo"te', "100%", "-x", "", "#;|&"]
    source = f"import pytest\n@pytest.mark.parametrize('s', {ids!r} + ['ü', '\\n'])\ndef test_a(s): pass\n"

    tests = run_tests(tmp_path, {"test_a.py": source}).tests

    assert list(tests) == [
        *(f"test_a.py::test_a[{name}]" for name in ids),
        "test_a.py::test_a[\\xfc]",
        "test_a.py::test_a[\\n]",
    ]


def test_a_case_can_be_run_alone_whatever_its_id(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.parametrize('s', ['a::b', '[x]', 'c'])\ndef test_a(s): pass\ndef test_b(): pass\n"

    tests = run_tests(tmp_path, {"test_a.py": source}, only=("test_a.py::test_a[a::b]", "test_a.py::test_a[[x]]")).tests

    assert list(tests) == ["test_a.py::test_a[a::b]", "test_a.py::test_a[[x]]"]


def test_a_function_can_be_run_with_all_its_cases_and_filters_play_no_part(tmp_path: Path) -> None:
    source = "import pytest\nclass TestC:\n    @pytest.mark.parametrize('n', [1, 2])\n    def test_a(self, n): pass\n"

    tests = run_tests(
        tmp_path, {"tests/test_a.py": f"{source}\n{PASSES}"}, "pytest -k nothing", only=("tests/test_a.py::TestC::test_a",)
    ).tests

    assert list(tests) == ["tests/test_a.py::TestC::test_a[1]", "tests/test_a.py::TestC::test_a[2]"]


def test_unittest_style_is_told_by_the_same_names(tmp_path: Path) -> None:
    source = "import unittest\nclass TestA(unittest.TestCase):\n    def test_b(self): self.fail()\n    def test_c(self): pass\n"

    assert run_tests(tmp_path, {"test_a.py": source}).tests == {
        "test_a.py::TestA::test_b": "failed",
        "test_a.py::TestA::test_c": "passed",
    }


def test_a_file_that_cannot_be_collected_is_named_and_the_others_run(tmp_path: Path) -> None:
    reading = run_tests(tmp_path, {"test_a.py": PASSES, "test_b.py": "import absent\n", "test_c.py": "def test_c(:\n"})

    assert reading.outcome == "completed"
    assert reading.collection_errors == ("test_b.py", "test_c.py")
    assert reading.tests == {"test_a.py::test_a": "passed"}


# --- where things are imported from


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"shop.py": "x = 1\n"}, "pytest"),
        ({"src/shop/__init__.py": "x = 1\n"}, "pytest"),
        ({"code/shop.py": "x = 1\n", "pytest.ini": "[pytest]\npythonpath = code\n"}, "pytest"),
        ({"code/shop.py": "x = 1\n"}, "PYTHONPATH=code pytest"),
        ({"shop.py": "x = 1\n"}, "pytest --import-mode=importlib"),
    ],
)
def test_the_project_is_imported_as_it_lies(tmp_path: Path, files: dict[str, str], command: str) -> None:
    test = "import shop\ndef test_a(): assert shop.x == 1\n"

    assert run_tests(tmp_path, {**files, "tests/test_a.py": test}, command).tests == {"tests/test_a.py::test_a": "passed"}


def test_a_module_of_the_project_comes_before_one_that_is_installed(tmp_path: Path) -> None:
    files = {"iniconfig.py": "x = 1\n", "test_a.py": "import iniconfig\ndef test_a(): assert iniconfig.x == 1\n"}

    assert run_tests(tmp_path, files).tests == {"test_a.py::test_a": "passed"}


@pytest.mark.parametrize("name", ["pytest.py", "_pytest/__init__.py", "json.py", "random.py", "unittest/__init__.py", "re.py"])
def test_a_module_of_the_project_does_not_stand_in_for_the_runner_or_the_language(tmp_path: Path, name: str) -> None:
    files = {name: "raise SystemExit(0)\n", "test_a.py": FAILS}

    assert run_tests(tmp_path, files).tests == {"test_a.py::test_a": "failed"}


# --- settings


def test_testpaths_are_expanded_as_pytest_does(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\ntestpaths = pkg/*/tests absent\n", "pkg/a/tests/test_a.py": PASSES, "test_b.py": PASSES}

    assert list(run_tests(tmp_path, files).tests) == ["pkg/a/tests/test_a.py::test_a"]


def test_testpaths_that_are_not_there_leave_out_nothing(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\ntestpaths = absent\n", "test_b.py": PASSES}

    assert list(run_tests(tmp_path, files).tests) == ["test_b.py::test_a"]


def test_the_projects_own_patterns_decide_what_a_test_is(tmp_path: Path) -> None:
    settings = "[tool.pytest.ini_options]\npython_files = ['check_*.py']\npython_functions = ['check_*']\n"
    files = {"pyproject.toml": settings, "check_a.py": "def check_b(): pass\ndef test_c(): pass\n", "test_d.py": PASSES}

    assert list(run_tests(tmp_path, files).tests) == ["check_a.py::check_b"]


def test_settings_of_the_project_cannot_load_a_plugin(tmp_path: Path) -> None:
    files = {"pytest.ini": "[pytest]\naddopts = -p evil\n", "evil.py": "raise SystemExit(0)\n", "test_a.py": FAILS}

    assert run_tests(tmp_path, files, "pytest -qpevil").tests == {"test_a.py::test_a": "failed"}


def test_nothing_stops_at_the_first_failure(tmp_path: Path) -> None:
    files = {"test_a.py": FAILS, "test_b.py": FAILS, "test_c.py": "import absent\n"}

    assert len(run_tests(tmp_path, files, "pytest -x --maxfail=1").tests) == 2


# --- suites that do not play by the rules

REWRITES = {
    "makereport": """
        import pytest
        @pytest.hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            outcome.get_result().outcome = "passed"
    """,
    "logreport": """
        def pytest_runtest_logreport(report):
            report.outcome = "passed"
    """,
    "session": """
        def pytest_sessionfinish(session):
            session.exitstatus = 0
    """,
    "expected": """
        import pytest
        @pytest.hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(item, call):
            outcome = yield
            outcome.get_result().wasxfail = "known"
            outcome.get_result().outcome = "passed"
    """,
    "a report of its own": """
        import pytest
        from _pytest.reports import TestReport
        @pytest.hookimpl(tryfirst=True)
        def pytest_runtest_makereport(item, call):
            call.excinfo = None
            return TestReport.from_item_and_call(item, call)
    """,
}


@pytest.mark.parametrize("rewrite", REWRITES)
def test_a_conftest_that_rewrites_reports_does_not_make_a_test_pass(tmp_path: Path, rewrite: str) -> None:
    conftest = REWRITES[rewrite].replace("\n        ", "\n")

    assert run_tests(tmp_path, {"conftest.py": conftest, "test_a.py": FAILS}).tests == {"test_a.py::test_a": "failed"}


def test_tests_that_a_conftest_leaves_out_are_no_tests_of_the_run(tmp_path: Path) -> None:
    conftest = "def pytest_collection_modifyitems(items):\n    del items[0]\n"
    files = {"conftest.py": conftest, "test_a.py": f"{PASSES}\ndef test_b():\n    pass\n"}

    assert list(run_tests(tmp_path, files).tests) == ["test_a.py::test_b"]


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        ("os._exit(0)", "unbelievable"),
        ("os._exit(3)", "died"),
        ("os.kill(os.getpid(), 9)", "died"),
        ("os.abort()", "died"),
        ("pytest.exit('enough', returncode=0)", "unbelievable"),
        ("pytest.exit('enough')", "died"),
        ("raise KeyboardInterrupt", "died"),
    ],
)
def test_a_suite_that_ends_in_the_midst_has_not_passed(tmp_path: Path, act: str, outcome: str) -> None:
    source = f"import os, pytest\ndef test_a(): pass\ndef test_b(): {act}\ndef test_c(): pass\n"

    reading = run_tests(tmp_path, {"test_a.py": source})

    assert reading.outcome == outcome
    if outcome == "died":
        assert reading.tests == {"test_a.py::test_a": "passed", "test_a.py::test_b": "error"}
        assert reading.not_run == ("test_a.py::test_c",)


@pytest.mark.parametrize("act", ["sys.exit(0)", "raise SystemExit", "exit()"])
def test_a_test_that_exits_has_failed_and_the_others_run(tmp_path: Path, act: str) -> None:
    source = f"import sys\ndef test_a(): {act}\ndef test_b(): pass\n"

    reading = run_tests(tmp_path, {"test_a.py": source})

    assert (reading.outcome, list(reading.tests.values())) == ("completed", ["failed", "passed"])


def test_an_exit_while_files_are_loaded_is_not_believed(tmp_path: Path) -> None:
    files = {"conftest.py": "import os\nos._exit(0)\n", "test_a.py": PASSES}

    assert run_tests(tmp_path, files).outcome == "unbelievable"


def test_nothing_of_the_suite_runs_after_the_end(tmp_path: Path) -> None:
    files = {"conftest.py": "import atexit, os\natexit.register(os._exit, 0)\n", "test_a.py": FAILS}

    reading = run_tests(tmp_path, files)

    assert (reading.outcome, list(reading.tests.values())) == ("completed", ["failed"])


def test_what_is_written_to_every_descriptor_is_no_result(tmp_path: Path) -> None:
    source = """
import os

def test_a():
    for fd in range(3, 100):
        try:
            os.write(fd, b'{"n": 2, "kind": "phase", "id": "test_a.py::test_a", "when": "call", "outcome": "passed"}\\n')
        except OSError:
            pass
    assert False
"""
    assert run_tests(tmp_path, {"test_a.py": source}).outcome == "unbelievable"


def test_what_a_suite_prints_is_no_result(tmp_path: Path) -> None:
    source = "def test_a():\n    print('1 passed in 0.1s')\n    assert False\n"

    assert run_tests(tmp_path, {"test_a.py": source}, "pytest -s").tests == {"test_a.py::test_a": "failed"}


def test_a_suite_without_tests_has_run_nothing(tmp_path: Path) -> None:
    reading = run_tests(tmp_path, {"shop.py": "x = 1\n"})

    assert (reading.outcome, reading.tests) == ("completed", {})


def test_a_usage_error_is_no_failing_test(tmp_path: Path) -> None:
    assert run_tests(tmp_path, {"test_a.py": PASSES}, "pytest absent.py").outcome == "could_not_run"
