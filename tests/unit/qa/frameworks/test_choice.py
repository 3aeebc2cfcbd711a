"""Which framework a command belongs to, and what of the command plays a part."""

from __future__ import annotations

import pytest

from app.qa.base import Guest
from app.qa.frameworks.base import Framework, Selection
from app.qa.frameworks.choice import framework_of
from app.qa.frameworks.command import CommandFramework
from app.qa.frameworks.pytest_framework import PytestFramework
from app.qa.frameworks.unittest_framework import UnittestFramework
from app.qa.pytest_settings import PytestSettings
from tests.replaying import MemoryTree

SETTINGS = PytestSettings(folders=("", "src"))


def framework(command: str, settings: PytestSettings = SETTINGS) -> Framework:
    return framework_of(command, settings)


def guest_of(command: str, settings: PytestSettings = SETTINGS, only: tuple[str, ...] | None = None) -> Guest:
    guest = framework(command, settings).spec(MemoryTree({}), Selection(only), "key").guest
    assert guest is not None
    return guest


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("pytest", PytestFramework),
        ("py.test -q", PytestFramework),
        ("/usr/bin/pytest", PytestFramework),
        ("python -m pytest", PytestFramework),
        ("python3 -m pytest tests", PytestFramework),
        ("python3.11 -B -m pytest", PytestFramework),
        ("A=1 pytest", PytestFramework),
        ("python -m unittest", UnittestFramework),
        ("python3 -m unittest discover -s tests", UnittestFramework),
        ("make test", CommandFramework),
        ("python run_tests.py", CommandFramework),
        ("python setup.py -m pytest", CommandFramework),
        ("python", CommandFramework),
        ("python -m tox", CommandFramework),
        ("pytest3", CommandFramework),
        ("node --test", CommandFramework),
    ],
)
def test_a_command_is_known_by_what_it_runs(command: str, kind: type) -> None:
    assert type(framework(command)) is kind


@pytest.mark.parametrize("command", ["pytest 'a", "pytest | tee", "pytest && true", "pytest; true", ""])
def test_a_command_that_needs_a_shell_is_refused(command: str) -> None:
    with pytest.raises(ValueError):
        framework(command)


@pytest.mark.parametrize(
    "name",
    [
        "PYTEST_ADDOPTS",
        "PYTEST_PLUGINS",
        "PYTHONSTARTUP",
        "PYTHONHASHSEED",
        "PYTHONOPTIMIZE",
        "LD_PRELOAD",
        "COVERAGE_PROCESS_START",
    ],
)
@pytest.mark.parametrize("runner", ["pytest", "python -m unittest"])
def test_a_variable_that_steers_the_interpreter_or_the_runner_plays_no_part(runner: str, name: str) -> None:
    spec = framework(f"{name}=1 LEVEL=2 {runner}").spec(MemoryTree({}), Selection(), "key")

    assert spec.env == {"LEVEL": "2"}


@pytest.mark.parametrize("runner", ["pytest", "python -m unittest"])
def test_folders_of_the_python_path_come_first_and_stay_inside_the_tree(runner: str) -> None:
    guest = guest_of(f"PYTHONPATH=code:./a/b::..:../x:/usr:. {runner}")

    assert guest.config["folders"] == ["code", "a/b", "", "src"]


def test_another_command_keeps_its_environment() -> None:
    spec = framework("PYTHONPATH=src python run.py").spec(MemoryTree({}), Selection(), "key")

    assert (spec.argv, spec.guest, spec.env["PYTHONPATH"]) == (("python", "run.py"), None, "src")


def test_options_of_the_settings_come_before_those_of_the_command() -> None:
    settings = PytestSettings(options=("--tb", "long"), filters=("-m", "fast"))

    guest = guest_of("pytest --tb short -k a tests", settings)

    assert guest.config["args"] == [
        "--tb",
        "long",
        "--tb",
        "short",
        "-m",
        "fast",
        "-k",
        "a",
        "--continue-on-collection-errors",
        "tests",
    ]


def test_chosen_tests_are_looked_for_in_their_files_and_nothing_leaves_them_out() -> None:
    settings = PytestSettings(options=("-q",), filters=("-m", "fast"))

    guest = guest_of("pytest -k a --ignore tests tests/b", settings, only=("a.py::t[1]", "a.py::t[2]", "b.py::C::t"))

    assert guest.config["args"] == ["-q", "--continue-on-collection-errors", "a.py", "b.py"]
    assert guest.config["only"] == ["a.py::t[1]", "a.py::t[2]", "b.py::C::t"]


@pytest.mark.parametrize("name", ["-pevil", "@arguments"])
def test_the_name_of_a_file_is_not_taken_for_an_option(name: str) -> None:
    assert f"./{name}/test_a.py" in guest_of("pytest", only=(f"{name}/test_a.py::t",)).config["args"]  # type: ignore[operator]


def test_what_stands_behind_two_dashes_is_not_taken_for_an_option() -> None:
    assert "./-pevil" in guest_of("pytest -- -pevil").config["args"]  # type: ignore[operator]


def test_unittest_does_not_stop_at_the_first_failure() -> None:
    assert guest_of("python -m unittest -f -v tests.test_a").config["args"] == ["-v", "tests.test_a"]
