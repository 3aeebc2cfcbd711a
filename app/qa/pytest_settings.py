"""A project's own settings of pytest: read from its files without running any of them, and only as far as they are harmless."""

from __future__ import annotations

import configparser
import posixpath
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.qa.base import Tree, read_tree
from app.qa.pytest_command import read_pytest_arguments

SETTINGS_FILES = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_MOST_BYTES = 1 << 20
_WHAT_IS_RUN = ("testpaths", "python_files", "python_classes", "python_functions", "norecursedirs", "addopts")
_HOW = (
    "markers", "pythonpath", "asyncio_mode", "asyncio_default_fixture_loop_scope", "anyio_mode", "xfail_strict",
    "filterwarnings", "usefixtures", "doctest_optionflags", "doctest_encoding", "consider_namespace_packages",
    "empty_parameter_set_mark", "DJANGO_SETTINGS_MODULE", "log_level", "tmp_path_retention_policy",
)  # fmt: skip
_OWN_OPTIONS = frozenset(
    {
        "--strict-markers", "--strict-config", "--strict", "--doctest-modules", "--doctest-glob", "--doctest-report",
        "--doctest-continue-on-failure", "--doctest-ignore-import-errors", "--import-mode", "--ignore",
        "--ignore-glob", "--deselect", "--tb", "--durations", "--durations-min", "--showlocals", "--show-capture", "--color",
        "--verbosity", "--verbose", "--quiet", "--pyargs", "--log-level", "--log-cli-level", "--pythonwarnings", "--capture",
        "--no-header", "--no-summary", "--full-trace", "--keep-duplicates", "--collect-in-virtualenv", "--no-showlocals",
    }
)  # fmt: skip
_FOLDERS = ("", "src", "lib", "python")
_LIST_SEPARATED_BY_LINES = frozenset({"markers", "filterwarnings"})


@dataclass(frozen=True)
class PytestSettings:
    """What is taken over."""

    ini: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """From ``addopts``, as far as they are let through."""
    filters: tuple[str, ...] = ()
    testpaths: tuple[str, ...] = ()
    folders: tuple[str, ...] = _FOLDERS
    """Where the project is imported from, relative to its root."""

    def text(self) -> str:
        """The settings as the content of a file."""
        lines = ["[pytest]"]
        # pytest itself expands patterns in them, and passes over those that are not there
        testpaths = {"testpaths": shlex.join(self.testpaths)} if self.testpaths else {}
        for name, value in {**self.ini, **testpaths}.items():
            lines += [f"{name} =", *(f"    {line}" for line in value.splitlines() if line.strip())]
        return "\n".join(lines) + "\n"


def read_pytest_settings(trusted: Tree | None, tree: Tree) -> PytestSettings:
    """The settings for a run on ``tree``. Which tests are run is for ``trusted`` to say, where there is one: a change that
    the session made to that plays no part.

    Raises:
        TreeError: a tree cannot be read.
    """
    own = _sections(tree)
    ruling = own if trusted is None else _sections(trusted)
    merged = {name: own.pytest[name] for name in _HOW if name in own.pytest}
    merged |= {name: ruling.pytest[name] for name in (*_WHAT_IS_RUN, *_HOW) if name in ruling.pytest and name not in merged}
    if "filterwarnings" in merged:
        merged["filterwarnings"] = "\n".join(line for line in merged["filterwarnings"].splitlines() if _is_plain_filter(line))
    command = read_pytest_arguments(_known_options(_split(merged.pop("addopts", ""))))
    testpaths = tuple(_split(merged.pop("testpaths", "")))
    folders = tuple(dict.fromkeys((*_inside(_split(merged.pop("pythonpath", ""))), *own.folders, *_FOLDERS)))
    return PytestSettings(merged, command.options, command.filters, testpaths, folders)


def _inside(folders: Iterable[str]) -> tuple[str, ...]:
    """The folders, relative to the root, without those that leave it."""
    paths = (posixpath.normpath(folder.strip("/") or ".") for folder in folders)
    return tuple("" if path == "." else path for path in paths if path.partition("/")[0] != "..")


def _known_options(words: list[str]) -> list[str]:
    """Without options that are not pytest's own: the image may not have what they belong to."""
    kept: list[str] = []
    is_known = True
    for word in words:
        if word.startswith("--"):
            is_known = word.partition("=")[0] in _OWN_OPTIONS
        elif word.startswith("-"):
            is_known = True
        if is_known:
            kept.append(word)
    return kept


def _is_plain_filter(line: str) -> bool:
    """Whether a warning filter names no category of the project's: pytest imports it before it has a place to import from."""
    parts = line.split(":")
    category = parts[2].strip() if len(parts) > 2 else ""
    return "." not in category or category.startswith("pytest.")


@dataclass(frozen=True)
class _Sections:
    pytest: Mapping[str, str]
    folders: tuple[str, ...]


def _sections(tree: Tree) -> _Sections:
    try:
        texts = read_tree(tree, SETTINGS_FILES, _MOST_BYTES)
    except ValueError:
        return _Sections({}, ())
    settings: Mapping[str, str] | None = None
    for name in SETTINGS_FILES:
        if name in texts and settings is None:
            settings = _pytest_section(name, texts[name].decode("utf-8", "replace"))
    return _Sections(settings or {}, _inside(_package_folders(texts)))


def _pytest_section(name: str, text: str) -> Mapping[str, str] | None:
    if name.endswith(".toml"):
        tables = _toml(text)
        tool = tables.get("tool", {}) if name == "pyproject.toml" else {"pytest": tables.get("pytest")}
        table = tool.get("pytest") if isinstance(tool, dict) else None
        if isinstance(table, dict) and isinstance(table.get("ini_options"), dict):
            table = table["ini_options"]
        return {key: _as_ini(key, value) for key, value in table.items()} if isinstance(table, dict) else None
    section = "tool:pytest" if name == "setup.cfg" else "pytest"
    parser = _ini(text)
    if parser.has_section(section):
        return dict(parser.items(section))
    return {} if name.endswith("pytest.ini") else None


def _as_ini(key: str, value: Any) -> str:
    if isinstance(value, list):
        parts = [str(part) for part in value]
        return "\n".join(parts) if key in _LIST_SEPARATED_BY_LINES else shlex.join(parts)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _package_folders(texts: Mapping[str, bytes]) -> Iterator[str]:
    """Where packages lie, as setuptools, Poetry and Hatch have it said."""
    tool = _toml(texts.get("pyproject.toml", b"").decode("utf-8", "replace")).get("tool", {})
    for path in (
        ("setuptools", "package-dir", ""),
        ("setuptools", "packages", "find", "where"),
        ("poetry", "packages"),
        ("hatch", "build", "targets", "wheel", "packages"),
    ):
        found: Any = tool
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        for entry in found if isinstance(found, list) else [found]:
            folder = entry.get("from") if isinstance(entry, dict) else entry
            if isinstance(folder, str):
                yield folder.strip("/").rpartition("/")[0] if path[0] == "hatch" else folder
    parser = _ini(texts.get("setup.cfg", b"").decode("utf-8", "replace"))
    for section, option in (("options", "package_dir"), ("options.packages.find", "where")):
        for line in filter(str.strip, parser.get(section, option, fallback="").splitlines()):
            yield line.partition("=")[2].strip() if "=" in line else line.strip()


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _ini(text: str) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(strict=False)
    # names of settings are told apart by case
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.Error:
        return configparser.RawConfigParser()
    return parser


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
