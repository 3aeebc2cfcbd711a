"""What a pytest command asks for, and what of it is let through: which tests to run, and nothing of how they are reported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WITH_VALUE = frozenset(
    {
        "-k", "-m", "-W", "--pythonwarnings", "--deselect", "--ignore", "--ignore-glob", "--import-mode", "--tb", "--durations",
        "--durations-min", "--log-level", "--log-format", "--doctest-glob", "--asyncio-mode", "--show-capture", "--color",
        "--verbosity", "--capture", "-r", "--hypothesis-seed", "--hypothesis-profile", "--assert", "--code-highlight",
        "--doctest-report", "--log-cli-level", "--log-cli-format", "--log-date-format", "--log-auto-indent", "--log-disable",
    }
)  # fmt: skip
_DROPPED_WITH_VALUE = frozenset(
    {
        "-p", "-c", "--config-file", "-o", "--override-ini", "--rootdir", "--confcutdir", "--junitxml", "--junit-xml",
        "--junit-prefix", "-n", "--numprocesses", "--dist", "--maxfail", "--cov-report", "--cov-config", "--cov-fail-under",
        "--html", "--report-log", "--log-file", "--basetemp", "--timeout", "--timeout-method", "--reruns", "--reruns-delay",
        "--count", "--pdbcls", "--pastebin", "--benchmark-json", "--lfnf", "--last-failed-no-failures", "--cov-context",
        "--maxprocesses", "--tx", "--only-rerun", "--rerun-except",
    }
)  # fmt: skip
_DROPPED = frozenset(
    {
        "-x", "--exitfirst", "--lf", "--last-failed", "--ff", "--failed-first", "--nf", "--new-first", "--sw", "--stepwise",
        "--stepwise-skip", "--pdb", "--trace", "--collect-only", "--co", "--fixtures", "--funcargs", "--fixtures-per-test",
        "--setup-only", "--setup-plan", "--setup-show", "--cache-clear", "--noconftest", "--no-cov", "--cov", "--version", "-V",
        "--help", "-h", "--markers", "--debug", "--forked", "--boxed", "--runxfail", "--continue-on-collection-errors",
        "--self-contained-html", "--benchmark-only", "--benchmark-skip", "--disable-plugin-autoload", "--sw-skip",
        "--stepwise-reset", "--sw-reset",
    }
)  # fmt: skip
_SHORT_WITH_VALUE = ("-k", "-m", "-W", "-p", "-c", "-o", "-n", "-r")
_MAY_HAVE_VALUE = "--cov"
_FILTERS = ("-k", "-m", "--deselect", "--ignore", "--ignore-glob")
_CLUSTER = re.compile(r"^-[vqslxhV][a-zA-Z]")
"""A short option without a value, and others behind it."""


@dataclass(frozen=True)
class PytestCommand:
    """The arguments of pytest, sorted."""

    selection: tuple[str, ...] = ()
    """Files, folders and node ids."""
    options: tuple[str, ...] = ()
    """Options that stay, but for the filters."""
    filters: tuple[str, ...] = ()
    """Options that leave tests out. They stay, too, where all tests are to run."""
    dropped: tuple[str, ...] = ()
    """Options that play no part: they would stop early, load something, or change what is reported."""


def read_pytest_arguments(arguments: Sequence[str]) -> PytestCommand:
    """Sort the arguments."""
    selection: list[str] = []
    options: list[str] = []
    filters: list[str] = []
    dropped: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            selection += (each for each in waiting if not each.startswith("@"))
            break
        if argument.startswith("@"):
            # pytest would read further arguments from this file
            dropped.append(argument)
            continue
        if not argument.startswith("-") or argument == "-":
            selection.append(argument)
            continue
        if _CLUSTER.match(argument):
            waiting.insert(0, f"-{argument[2:]}")
            argument = argument[:2]
        whole, name = _with_value(argument, waiting)
        if name in _DROPPED or name in _DROPPED_WITH_VALUE or name.startswith(("--cov", "--no-cov")):
            dropped += whole
        elif name in _FILTERS:
            filters += whole
        else:
            options += whole
    return PytestCommand(tuple(selection), tuple(options), tuple(filters), tuple(dropped))


def _with_value(argument: str, waiting: list[str]) -> tuple[list[str], str]:
    """The option with its value, which may be the next argument (and is taken from ``waiting``), and its name."""
    name, equals, _ = argument.partition("=")
    if not argument.startswith("--"):
        short = next((short for short in _SHORT_WITH_VALUE if argument.startswith(short)), None)
        if short is None:
            return [argument], argument
        if argument != short:
            return [argument], short
        name, equals = short, ""
    takes = name in _WITH_VALUE or name in _DROPPED_WITH_VALUE
    if name == _MAY_HAVE_VALUE:
        takes = bool(waiting) and not waiting[0].startswith("-")
    if takes and not equals and waiting:
        return [argument, waiting.pop(0)], name
    return [argument], name
