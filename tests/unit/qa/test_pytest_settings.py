"""A project's settings of pytest, read without running anything of it."""

from __future__ import annotations

import configparser

import pytest

from app.qa.pytest_settings import SETTINGS_FILES, PytestSettings, read_pytest_settings
from tests.replaying import MemoryTree

FOLDERS = ("", "src", "lib", "python")
"""Where any project is imported from."""


def read(files: dict[str, str | bytes], trusted: dict[str, str] | None = None) -> PytestSettings:
    tree = MemoryTree({path: text.encode() if isinstance(text, str) else text for path, text in files.items()})
    ruling = MemoryTree({path: text.encode() for path, text in trusted.items()}) if trusted is not None else None
    return read_pytest_settings(ruling, tree)


def as_pytest_reads_it(settings: PytestSettings) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    parser.read_string(settings.text())
    return dict(parser.items("pytest"))


# --- where settings stand


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pytest.ini", "[pytest]\nasyncio_mode = auto\n"),
        (".pytest.ini", "[pytest]\nasyncio_mode = auto\n"),
        ("tox.ini", "[tox]\nenvlist = py\n[pytest]\nasyncio_mode = auto\n"),
        ("setup.cfg", "[metadata]\nname = x\n[tool:pytest]\nasyncio_mode = auto\n"),
        ("pyproject.toml", "[tool.pytest.ini_options]\nasyncio_mode = 'auto'\n"),
        ("pyproject.toml", "[tool.pytest]\nasyncio_mode = 'auto'\n"),
        ("pytest.toml", "[pytest]\nasyncio_mode = 'auto'\n"),
        (".pytest.toml", "[pytest]\nasyncio_mode = 'auto'\n"),
    ],
)
def test_settings_are_found_wherever_pytest_looks_for_them(name: str, text: str) -> None:
    assert read({name: text}).ini == {"asyncio_mode": "auto"}


def settings_in(name: str, mode: str) -> str:
    """A file of this name that says so."""
    section = {"setup.cfg": "tool:pytest", "pyproject.toml": "tool.pytest.ini_options"}.get(name, "pytest")
    return f"[{section}]\nasyncio_mode = {mode!r}\n" if name.endswith("toml") else f"[{section}]\nasyncio_mode = {mode}\n"


@pytest.mark.parametrize("first", range(len(SETTINGS_FILES) - 1))
def test_of_several_files_the_first_in_pytests_order_rules(first: int) -> None:
    files: dict[str, str | bytes] = {name: settings_in(name, name) for name in SETTINGS_FILES[first:]}

    assert read(files).ini == {"asyncio_mode": SETTINGS_FILES[first]}


def test_a_pytest_ini_rules_even_where_it_says_nothing() -> None:
    assert read({"pytest.ini": "", "tox.ini": settings_in("tox.ini", "auto")}).ini == {}


@pytest.mark.parametrize("name", ["tox.ini", "setup.cfg", "pyproject.toml"])
def test_a_file_that_says_nothing_of_pytest_does_not_rule(name: str) -> None:
    assert read({name: "[other]\n", "setup.cfg": settings_in("setup.cfg", "auto")}).ini == ({"asyncio_mode": "auto"})


def test_values_of_toml_become_what_they_are_in_an_ini_file() -> None:
    text = """
        [tool.pytest.ini_options]
        xfail_strict = true
        python_files = ["test_*.py", "my check.py"]
        markers = ["slow: takes long", "db"]
    """
    settings = read({"pyproject.toml": text})

    assert settings.ini["xfail_strict"] == "true"
    assert settings.ini["python_files"] == "'test_*.py' 'my check.py'"
    assert as_pytest_reads_it(settings)["markers"] == "\nslow: takes long\ndb"


# --- what of it is let through


def test_options_are_let_through_as_those_of_the_command_are() -> None:
    settings = read({"pytest.ini": "[pytest]\naddopts = -q -pevil\n    --maxfail=1 -k 'not slow' --tb short  # why\n"})

    assert settings.options == ("-q", "--tb", "short")
    assert settings.filters == ("-k", "not slow")
    assert "addopts" not in settings.ini


@pytest.mark.parametrize(
    "setting", ["required_plugins", "junit_family", "log_cli", "console_output_style", "cache_dir", "log_file", "plugins"]
)
def test_what_is_not_known_to_be_harmless_is_left_out(setting: str) -> None:
    assert read({"pytest.ini": f"[pytest]\n{setting} = x\n"}).ini == {}


def test_a_warning_filter_that_would_import_the_projects_own_category_is_left_out() -> None:
    text = "[pytest]\nfilterwarnings =\n    error\n    ignore::shop.Old\n    ignore::pytest.PytestWarning\n    ignore:a.b\n"

    assert read({"pytest.ini": text}).ini["filterwarnings"].split() == [
        "error",
        "ignore::pytest.PytestWarning",
        "ignore:a.b",
    ]


def test_testpaths_stay_patterns_for_pytest_to_expand() -> None:
    settings = read({"pytest.ini": "[pytest]\ntestpaths = tests 'other tests' src/*/tests\n"})

    assert settings.testpaths == ("tests", "other tests", "src/*/tests")
    assert as_pytest_reads_it(settings) == {"testpaths": "\ntests 'other tests' 'src/*/tests'"}


# --- who rules


def test_which_tests_are_run_is_for_the_trusted_tree_to_say() -> None:
    own: dict[str, str | bytes] = {"pytest.ini": "[pytest]\ntestpaths = none\naddopts = -k nothing\npython_files = x.py\n"}

    settings = read(own, trusted={"pytest.ini": "[pytest]\ntestpaths = tests\naddopts = -q\n"})

    assert (settings.testpaths, settings.options, settings.filters, settings.ini) == (("tests",), ("-q",), (), {})


def test_settings_that_say_nothing_of_which_tests_are_run_are_the_trees_own() -> None:
    own: dict[str, str | bytes] = {"pytest.ini": "[pytest]\nasyncio_mode = auto\nmarkers = new\n"}

    settings = read(own, trusted={"pytest.ini": "[pytest]\nasyncio_mode = strict\nusefixtures = db\n"})

    assert settings.ini == {"asyncio_mode": "auto", "markers": "new", "usefixtures": "db"}


# --- where the project is imported from


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        ({}, ()),
        ({"pytest.ini": "[pytest]\npythonpath = . code ./more/ sub/dir\n"}, ("", "code", "more", "sub/dir")),
        ({"pyproject.toml": "[tool.setuptools.packages.find]\nwhere = ['source']\n"}, ("source",)),
        ({"pyproject.toml": "[tool.setuptools.packages.find]\nwhere = ['.']\n"}, ("",)),
        ({"pyproject.toml": "[tool.setuptools.package-dir]\n'' = 'source'\n"}, ("source",)),
        ({"pyproject.toml": "[[tool.poetry.packages]]\ninclude = 'shop'\nfrom = 'source'\n"}, ("source",)),
        ({"pyproject.toml": "[tool.hatch.build.targets.wheel]\npackages = ['source/shop']\n"}, ("source",)),
        ({"setup.cfg": "[options]\npackage_dir =\n    = source\n"}, ("source",)),
        ({"setup.cfg": "[options.packages.find]\nwhere = source\n"}, ("source",)),
    ],
)
def test_the_project_is_imported_from_where_it_says_its_packages_lie(
    files: dict[str, str | bytes], folders: tuple[str, ...]
) -> None:
    assert read(files).folders == tuple(dict.fromkeys((*folders, *FOLDERS)))


@pytest.mark.parametrize("folder", ["..", "../x", "a/../../x", "/..", "a/../.."])
def test_nothing_is_imported_from_outside_of_the_project(folder: str) -> None:
    files: dict[str, str | bytes] = {
        "pytest.ini": f"[pytest]\npythonpath = {folder}\n",
        "setup.cfg": f"[options.packages.find]\nwhere = {folder}\n",
    }

    assert read(files).folders == FOLDERS


# --- hostile contents


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00[pytest]\n",
        b"[pytest\naddopts = -pevil\n",
        b"no section\n",
        b"[pytest]\nno delimiter\n",
        b"[pytest]\n" + b"[" * 100_000,
        b"x = " + b"[" * 100_000,
        b"\xef\xbb\xbf[pytest]\naddopts = -pevil\n",
        b"[pytest]\r\n\r\r\naddopts\n",
        b"tool = 1\n",
        b"[tool]\npytest = 1\nsetuptools = []\npoetry = 'x'\nhatch = {build = 3}\n",
        b"[[tool]]\n",
        b"pytest = [1]\n",
    ],
)
@pytest.mark.parametrize("name", SETTINGS_FILES)
def test_what_cannot_be_read_says_nothing(name: str, content: bytes) -> None:
    assert read({name: content}) == PytestSettings()


def test_a_file_that_is_too_large_says_nothing() -> None:
    assert read({"pytest.ini": "[pytest]\naddopts = -q\n" + "#" * (1 << 20)}) == PytestSettings()


def test_of_a_setting_that_stands_twice_the_last_counts() -> None:
    assert read({"pytest.ini": "[pytest]\nasyncio_mode = a\nasyncio_mode = b\n"}).ini == {"asyncio_mode": "b"}


def test_percent_signs_mean_nothing() -> None:
    assert read({"pytest.ini": "[pytest]\nlog_level = %(here)s 100%\n"}).ini == {"log_level": "%(here)s 100%"}


def test_names_are_told_apart_by_case() -> None:
    text = "[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\n"

    assert read({"pytest.ini": text}).ini == {"DJANGO_SETTINGS_MODULE": "shop.settings"}


@pytest.mark.parametrize("value", ["x\\n[pytest]\\naddopts = -pevil", "x\\raddopts = -pevil", "x\\u2028addopts = -pevil"])
def test_a_value_cannot_bring_a_setting_of_its_own(value: str) -> None:
    settings = read({"pyproject.toml": f'[tool.pytest.ini_options]\nlog_level = "{value}"\n'})

    assert list(as_pytest_reads_it(settings)) == ["log_level"]


def test_quotes_that_do_not_close_are_no_fault_of_ours() -> None:
    assert read({"pytest.ini": "[pytest]\naddopts = -k 'a\n"}).filters == ("-k", "'a")
