from __future__ import annotations

import pytest

from app.rules.suspicions import MAX_OF_A_FILE, MAX_SUSPICIONS, ChangedFile, suspicions_of
from app.rules.syntax import MAX_SOURCE_BYTES

TESTS = "def test_total():\n    assert total([120, 250]) == 370\n    assert name() == 'till'\n"


def kinds(*files: ChangedFile) -> list[str]:
    return [suspicion.kind for suspicion in suspicions_of(files)]


def added(path: str, source: str) -> ChangedFile:
    return ChangedFile(path, None, source.encode())


def changed(path: str, before: str, after: str) -> ChangedFile:
    return ChangedFile(path, before.encode(), after.encode())


def same(path: str, source: str) -> ChangedFile:
    return changed(path, source, source)


def test_an_ordinary_fix_is_not_suspicious() -> None:
    fix = changed(
        "till.py", "import json\n\ndef total(x):\n    return sum(x) + 1\n", "import json\n\ndef total(x):\n    return sum(x)\n"
    )

    assert suspicions_of([fix, same("test_till.py", TESTS)]) == ()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("conftest.py", "test_infrastructure"),
        ("pkg/conftest.py", "test_infrastructure"),
        ("pytest.ini", "test_infrastructure"),
        (".github/workflows/ci.yml", "test_infrastructure"),
        ("web/jest.config.js", "test_infrastructure"),
        ("sitecustomize.py", "start_up_hook"),
        ("lib/fast.pth", "start_up_hook"),
        ("till.egg-info/entry_points.txt", "installed_metadata"),
        ("json.py", "shadowed_module"),
        ("src/random/__init__.py", "shadowed_module"),
        ("pytest.py", "shadowed_module"),
        ("_pytest/runner.py", "shadowed_module"),
    ],
)
def test_some_names_speak_for_themselves(path: str, kind: str) -> None:
    assert kinds(added(path, "")) == [kind]


@pytest.mark.parametrize("path", ["till/types.py", "till/json.py", "test/test_a.py", "README.md", "tests/test_new.py"])
def test_other_names_do_not(path: str) -> None:
    assert kinds(added(path, "")) == []


def test_settings_count_where_they_speak_of_tests() -> None:
    settings = "[project]\nname = 'till'\n\n[tool.pytest.ini_options]\naddopts = '-q'\n"

    assert kinds(changed("pyproject.toml", settings, settings.replace("till", "tills"))) == []
    assert kinds(changed("pyproject.toml", settings, settings.replace("-q", "-k total"))) == ["test_infrastructure"]
    assert kinds(changed("package.json", '{"name": "a"}', '{"scripts": {\n"test": "true"}}')) == ["test_infrastructure"]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import pytest", "reaches_for_runner"),
        ("from _pytest.runner import CallInfo", "reaches_for_runner"),
        ("import unittest.mock", "reaches_for_runner"),
        ("x = os.environ.get('PYTEST_CURRENT_TEST')", "reaches_for_runner"),
        ("import sys\nsys.modules['a'].b()", "reaches_inside"),
        ("from sys import modules as m\nm.clear()", "reaches_inside"),
        ("import sys as s\nf = s._getframe(1)", "reaches_inside"),
        ("def f(x):\n    return x.f_back", "reaches_inside"),
        ("import gc", "reaches_inside"),
        ("import ctypes", "reaches_inside"),
        ("exec(text)", "reaches_inside"),
        ("import os\nos._exit(0)", "touches_process"),
        ("from os import _exit as leave\nleave(0)", "touches_process"),
        ("import atexit\natexit.register(f)", "touches_process"),
        ("import signal\nsignal.signal(2, f)", "touches_process"),
        ("import sys\nsys.exit(0)", "touches_process"),
        ("raise SystemExit", "touches_process"),
        ("import builtins as b\nb.len = f", "patches_module"),
        ("from till import cart\ncart.Cart.total = f", "patches_module"),
        ("import time\nsetattr(time, 'sleep', f)", "patches_module"),
        ("f.__code__ = g", "patches_module"),
        ("__builtins__['len'] = f", "patches_module"),
        ("class A:\n    def __eq__(self, other):\n        'Equal.'\n        return True", "always_equal"),
        ("class A:\n    __eq__ = lambda self, other: True", "always_equal"),
        ("class A:\n    def __ne__(self, other):\n        return False", "always_equal"),
    ],
)
def test_source_that_reaches_for_the_runner_stands_out(source: str, kind: str) -> None:
    assert kind in kinds(changed("till/cart.py", "", source))
    assert kinds(changed("till/cart.py", source, source + "\nx = 3\n")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import sys\nif __name__ == '__main__':\n    sys.exit(main())",
        "import re\nP = re.compile('a')",
        "def f():\n    'As pytest does.'",
        "self.total = 3\nx.y.z = 4",
        "class A:\n    def __eq__(self, other):\n        return self.a == other.a",
    ],
)
def test_source_that_does_not_is_left_alone(source: str) -> None:
    assert kinds(changed("till/cart.py", "", source)) == []


def test_code_that_knows_an_answer_stands_out() -> None:
    cheat = "def total(x):\n    if x == [120, 250]:\n        return 370\n    return sum(x) + 1\n"

    (found,) = suspicions_of([changed("till.py", "def total(x):\n    return sum(x) + 1\n", cheat), same("test_till.py", TESTS)])

    assert (found.kind, found.place) == ("special_case", "till.py:1")
    assert "370" in found.message


def test_answers_of_parametrised_tests_are_known_too() -> None:
    cases = "@pytest.mark.parametrize('a, b', [(17, 'seventeen'), (23, 'x')])"
    tests = f"import pytest\n{cases}\ndef test_words(a, b):\n    assert words(a) == b\n"

    assert kinds(added("words.py", "ANSWERS = {17: 'seventeen'}\n"), same("tests/test_words.py", tests)) == ["special_case"]


def test_a_literal_alone_is_no_answer() -> None:
    assert kinds(added("till.py", "def name():\n    return 'till'\n"), same("test_till.py", TESTS)) == []


@pytest.mark.parametrize(
    ("after", "message"),
    [
        ("", "test_total is gone"),
        ("import pytest\n@pytest.mark.skip\n" + TESTS, "test_total is skipped, or expected to fail"),
        ("import pytest\n@pytest.mark.xfail(reason='x')\n" + TESTS, "test_total is skipped, or expected to fail"),
        ("import pytest\npytestmark = pytest.mark.skip\n" + TESTS, "tests are skipped, or expected to fail, as a whole"),
        (
            "import pytest\npytest.skip('no', allow_module_level=True)\n" + TESTS,
            "tests are skipped, or expected to fail, as a whole",
        ),
        (TESTS.replace("== 370", "== 371"), "test_total expects something else than before"),
        (TESTS.replace("    assert name() == 'till'\n", ""), "test_total checks less than before"),
        (TESTS.replace("assert name() == 'till'", "assert True"), "test_total checks less than before"),
        ("@robust\n" + TESTS, "test_total is wrapped by something new"),
        (
            "def test_total():\n  try:\n    assert total([120, 250]) == 370\n    assert name() == 'till'\n  except: pass\n",
            "test_total catches what its checks raise",
        ),
        ("def load_tests(a, b, c):\n    return a\n" + TESTS, "load_tests decides which tests run, or what comes of them"),
    ],
)
def test_tests_that_were_weakened_stand_out(after: str, message: str) -> None:
    found = suspicions_of([changed("tests/test_till.py", TESTS, after)])

    assert [(suspicion.kind, suspicion.message) for suspicion in found] == [("tests_weakened", message)]


def test_tests_that_only_became_more_do_not() -> None:
    more = TESTS + "    assert total([]) == 0\n\ndef test_more():\n    assert total([1]) == 1\n"

    assert kinds(changed("tests/test_till.py", TESTS, more)) == []


def test_a_file_of_tests_that_is_gone_stands_out() -> None:
    assert kinds(ChangedFile("tests/test_till.py", TESTS.encode(), None)) == ["tests_weakened"]


@pytest.mark.parametrize(
    ("path", "before", "after", "kind"),
    [
        ("till.test.js", "it('adds', f)\nit('b', g)\n", "it.skip('adds', f)\nit('b', g)\n", "tests_weakened"),
        (
            "till_test.go",
            "func TestA(t) {\n t.Error()\n}\nfunc TestB(t) {}\n",
            "func TestA(t) {\n t.Error()\n}\n",
            "tests_weakened",
        ),
        ("till.js", "", "process.exit(0)", "touches_process"),
        ("till.js", "", "const { mock } = require('node:test')", "reaches_for_runner"),
        ("till.go", "", 'import "testing"', "reaches_for_runner"),
        ("Till.java", "", "System.exit(0);", "touches_process"),
    ],
)
def test_other_languages_are_looked_at_line_by_line(path: str, before: str, after: str, kind: str) -> None:
    assert kinds(changed(path, before, after)) == [kind]


@pytest.mark.parametrize(
    "source",
    [
        b"a\0b",
        b"\xff\xfe\x00",
        b"# coding: nothing-like-it\n",
        b"def (",
        b"(" * 1000,
        b"-" * 200_000 + b"1",
        b"a" + b".b" * 100_000,
        b"f" + b"()" * 100_000,
        b"1" + b"+1" * 100_000,
        b"9" * 100_000,
        b"x" * (MAX_SOURCE_BYTES + 1),
        b"".join(b" " * depth + b"if 1:\n" for depth in range(150)),
    ],
)
@pytest.mark.parametrize("path", ["till.py", "tests/test_till.py", "till.js"])
def test_hostile_source_is_said_to_be_unreadable(path: str, source: bytes) -> None:
    found = suspicions_of([ChangedFile(path, b"x = 1\n", source), ChangedFile("z.py", source, b"x = 1\n")])

    assert [suspicion.kind for suspicion in found] == ([] if path.endswith(".js") else ["unreadable"])


def test_what_is_found_is_bounded() -> None:
    source = "".join(f"import sys\nsys.settrace({number})\nimport pytest.a{number}\n" for number in range(50))

    found = suspicions_of([added(f"till/a{number}.py", source) for number in range(20)])

    assert len(found) == MAX_SUSPICIONS
    assert sum(suspicion.place.startswith("till/a0.py") for suspicion in found) == MAX_OF_A_FILE


def test_a_file_that_is_too_large_counts_by_its_name() -> None:
    assert kinds(ChangedFile("json.py", None, b"", is_whole=False)) == ["shadowed_module"]
    assert kinds(ChangedFile("data.bin", b"", b"", is_whole=False)) == []
