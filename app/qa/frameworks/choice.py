"""Which framework a command belongs to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.models.commands import split_command
from app.qa.frameworks.base import Framework
from app.qa.frameworks.command import CommandFramework
from app.qa.frameworks.pytest_framework import PytestFramework
from app.qa.frameworks.unittest_framework import UnittestFramework
from app.qa.pytest_command import read_pytest_arguments
from app.qa.pytest_settings import PytestSettings

_STEERING = ("PYTEST_", "PYTHON", "LD_", "COVERAGE_")
_READ_BY = {
    "make": ("Makefile", "makefile", "GNUmakefile"),
    "tox": ("tox.ini",),
    "nox": ("noxfile.py",),
    "npm": ("package.json",),
    "yarn": ("package.json",),
    "pnpm": ("package.json",),
    "just": ("justfile", "Justfile"),
}
_PYTHON = re.compile(r"^python(?:\d+(?:\.\d+)?)?$")


def framework_of(test_command: str, settings: PytestSettings) -> Framework:
    """The framework of a command. An unknown one runs as it is.

    Raises:
        ValueError: the command cannot be split, or needs a shell.
    """
    command = split_command(test_command)
    env, folders = _split_environment(dict(command.env))
    settings = replace(settings, folders=tuple(dict.fromkeys((*folders, *settings.folders))))
    module = _python_module(command.argv)
    if command.argv[0].rsplit("/", 1)[-1] in ("pytest", "py.test"):
        return PytestFramework(read_pytest_arguments(command.argv[1:]), settings, env)
    if module[:1] in (("pytest",), ("py.test",)):
        return PytestFramework(read_pytest_arguments(module[1:]), settings, env)
    if module[:1] == ("unittest",):
        return UnittestFramework(tuple(module[1:]), settings.folders, env)
    return CommandFramework(tuple(command.argv), dict(command.env))


def files_named_by(test_command: str) -> frozenset[str]:
    """Files of the tree that a command rests on besides tests: scripts that it runs, and the files that its program reads. What
    the session did to them may change what is tested.

    Raises:
        ValueError: the command cannot be split, or needs a shell.
    """
    argv = split_command(test_command).argv
    named = {posixpath.normpath(word.partition("::")[0]) for word in argv if not word.startswith("-")}
    return frozenset({*named, *_READ_BY.get(argv[0].rsplit("/", 1)[-1], ())})


def _split_environment(env: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables that stay, and the folders that ``PYTHONPATH`` names: what would load something into the interpreter, or
    change what the runner does, plays no part."""
    kept = {name: value for name, value in env.items() if not name.startswith(_STEERING)}
    paths = (posixpath.normpath(path) for path in env.get("PYTHONPATH", "").split(":") if path and not path.startswith("/"))
    return kept, tuple("" if path == "." else path for path in paths if not path.startswith(".."))


def _python_module(argv: Sequence[str]) -> tuple[str, ...]:
    """The module that ``python -m`` runs, with its arguments; empty where the command is none such."""
    if _PYTHON.match(argv[0].rsplit("/", 1)[-1]) and "-m" in argv:
        position = argv.index("-m")
        if all(flag.startswith("-") for flag in argv[1:position]):
            return tuple(argv[position + 1 :])
    return ()
