"""Which files of a tree are tests, or decide how tests are run."""

from __future__ import annotations

import re

_TEST_FOLDERS = frozenset({"test", "tests", "__tests__", "spec", "specs"})
_TEST_NAME = re.compile(
    r"^(?:test_.*|.*_test|test|tests|conftest)\.py$"
    r"|^.*(?:\.|_|-)(?:test|spec)s?\.[cm]?[jt]sx?$"
    r"|^.*_test\.go$"
)
_SETTINGS = frozenset({"pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "conftest.py"})


def is_test_file(path: str) -> bool:
    """Whether a file belongs to the tests rather than to the code under test: by its name, its folder, or as test settings."""
    *folders, name = path.split("/")
    return name in _SETTINGS or _TEST_NAME.match(name) is not None or any(folder in _TEST_FOLDERS for folder in folders)


def is_test_module(path: str) -> bool:
    """Whether a test file holds tests, rather than something that tests use or are run by."""
    name = path.rpartition("/")[2]
    return name not in _SETTINGS and _TEST_NAME.match(name) is not None
