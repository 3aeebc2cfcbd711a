"""Test runners that write JUnit XML when they are told to, and where the others usually leave theirs.

A runner that is not here, or that is started by something else (``npm test``, ``make``), runs as its command says.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from app.qa.guest.protocol import WORK

USUAL_PLACES = tuple(
    f"{WORK}/{place}"
    for place in (
        "junit.xml",
        "report.xml",
        "rspec.xml",
        "test-results.xml",
        "test-results/*.xml",
        "test-results/*/*.xml",
        "reports/junit.xml",
        # Maven, Gradle: of the project and of its modules
        "target/surefire-reports/TEST-*.xml",
        "target/failsafe-reports/TEST-*.xml",
        "*/target/surefire-reports/TEST-*.xml",
        "*/target/failsafe-reports/TEST-*.xml",
        "build/test-results/*.xml",
        "build/test-results/*/*.xml",
        "*/build/test-results/*/*.xml",
        "target/nextest/*/junit.xml",
    )
)
"""Patterns in the sense of ``RunSpec.result_files``."""

_LAUNCHERS = frozenset({"npx", "pnpx", "bunx", "pnpm", "yarn", "exec", "dlx", "php", "bundle"})
_NODE_OPTIONS_WITH_VALUE = frozenset({
    "-r", "--require", "--import", "--loader", "--experimental-loader", "-C", "--conditions", "--env-file",
    "--test-concurrency", "--test-name-pattern", "--test-reporter", "--test-reporter-destination", "--test-shard",
    "--test-skip-pattern", "--test-timeout",
})  # fmt: skip


@dataclass(frozen=True)
class Telling:
    """A command that was told where to leave its report."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    always_reports: bool = False
    """Whether it has to leave one wherever it ended well."""


def tell_where(argv: Sequence[str], report: str) -> Telling | None:
    """The command with its report at the path ``report``; ``None`` for a runner that cannot be told."""
    position, program = _program(argv)
    before, after = tuple(argv[: position + 1]), tuple(argv[position + 1 :])
    if program in ("node", "nodejs") and _runs_tests(after):
        own = ("--test-reporter=spec", "--test-reporter-destination=stdout")
        ours = (f"--test-reporter={_node_reporter()}", f"--test-reporter-destination={report}")
        rest = _without(after, "--test-reporter", "--test-reporter-destination")
        return Telling((*before, *own, *ours, *rest), always_reports=True)
    if program == "vitest":
        rest = _without(after, "--reporter", "--outputFile", "--outputFile.junit")
        added = ("--reporter=default", "--reporter=junit", f"--outputFile.junit={report}")
        return Telling((*before, *rest, *added), always_reports=True)
    if program == "phpunit":
        return Telling((*before, "--log-junit", report, *_without(after, "--log-junit")))
    if program == "gotestsum":
        return Telling((*before, f"--junitfile={report}", *_without(after, "--junitfile")))
    if program == "deno" and after[:1] == ("test",):
        return Telling((*before, "test", f"--junit-path={report}", *_without(after[1:], "--junit-path")))
    if program == "bun" and after[:1] == ("test",):
        rest = _without(after[1:], "--reporter", "--reporter-outfile")
        return Telling((*before, "test", "--reporter=junit", f"--reporter-outfile={report}", *rest))
    if program == "jest":
        return Telling((*before, *after), _jest_environment(report))
    return None


def _jest_environment(report: str) -> dict[str, str]:
    """For the reporter jest-junit, where the command or the project's settings name it."""
    return {
        "JEST_JUNIT_OUTPUT_FILE": report,
        "JEST_JUNIT_ADD_FILE_ATTRIBUTE": "true",
        "JEST_JUNIT_CLASSNAME": "{classname}",
        "JEST_JUNIT_TITLE": "{title}",
        "JEST_JUNIT_ANCESTOR_SEPARATOR": "::",
    }


def _program(argv: Sequence[str]) -> tuple[int, str]:
    """Where the test runner stands in the command, and its name."""
    for position, word in enumerate(argv):
        name = word.rsplit("/", 1)[-1].removesuffix(".phar")
        if name not in _LAUNCHERS and not (position and word.startswith("-")):
            return position, name
    return 0, argv[0]


def _runs_tests(options: Sequence[str]) -> bool:
    """Whether Node's own options, which end at the first file, hold ``--test``."""
    words = iter(options)
    for word in words:
        if word == "--test":
            return True
        if not word.startswith("-") or word == "--":
            return False
        if word in _NODE_OPTIONS_WITH_VALUE:
            next(words, None)
    return False


def _without(arguments: Sequence[str], *options: str) -> tuple[str, ...]:
    """The arguments without these options and their values."""
    return tuple(_kept(arguments, frozenset(options)))


def _kept(arguments: Sequence[str], options: frozenset[str]) -> Iterator[str]:
    words = iter(arguments)
    for word in words:
        if word == "--":
            yield word
            yield from words
        elif word in options:
            next(words, None)
        elif word.partition("=")[0] not in options:
            yield word


@cache
def _node_reporter() -> str:
    source = files("app.qa.frameworks").joinpath("node_reporter.mjs").read_bytes()
    return f"data:text/javascript;base64,{base64.b64encode(source).decode('ascii')}"
