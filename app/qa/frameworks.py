"""Test frameworks: how a command is made to leave a per-test report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PYTHON = re.compile(r"^python(?:\d+(?:\.\d+)?)?$")
_NO_UNITTESTS = re.compile(rb"^(?:Ran 0 tests|NO TESTS RAN)", re.MULTILINE)
_REPORT = "/tmp/pr-telemetry-report.xml"  # noqa: S108 -- in the container, where nothing else runs


@dataclass(frozen=True)
class Framework:
    """A test command, ready to run."""

    name: str
    argv: tuple[str, ...]
    report: str | None = None
    """Where its JUnit XML will lie in the container; ``None`` where it writes none and the exit status has to do."""
    statuses_with_report: frozenset[int] = frozenset()
    """Exit statuses that never come without a report, if the runner was left alone."""
    nothing_ran: re.Pattern[bytes] | None = None
    """What its output holds where it found no test and ends with status 0 all the same."""
    env: Mapping[str, str] = field(default_factory=dict)


def framework_of(argv: Sequence[str]) -> Framework:
    """The framework that a command belongs to, with what makes it report per test. An unknown one runs as it is."""
    position = _pytest_position(argv)
    if position is None and _python_module(argv)[:1] == ("unittest",):
        return Framework(name="unittest", argv=tuple(argv), nothing_ran=_NO_UNITTESTS)
    if position is None:
        return Framework(name=argv[0], argv=tuple(argv))
    options = (f"--junitxml={_REPORT}", "-o", "junit_family=xunit1", "--continue-on-collection-errors")
    # behind "--" everything is a path, so the options stand before it
    end = argv.index("--", position) if "--" in argv[position:] else len(argv)
    return Framework(
        name="pytest",
        argv=(*argv[:end], *options, *argv[end:]),
        report=_REPORT,
        statuses_with_report=frozenset({0, 1, 5}),
    )


def _pytest_position(argv: Sequence[str]) -> int | None:
    """Where pytest's own arguments begin."""
    name = argv[0].rsplit("/", 1)[-1]
    if name in ("pytest", "py.test"):
        return 1
    module = _python_module(argv)
    return len(argv) - len(module) + 1 if module[:1] in (("pytest",), ("py.test",)) else None


def _python_module(argv: Sequence[str]) -> tuple[str, ...]:
    """The module that ``python -m`` runs, with its arguments; empty where the command is none such."""
    if _PYTHON.match(argv[0].rsplit("/", 1)[-1]) and "-m" in argv:
        position = argv.index("-m")
        if all(flag.startswith("-") for flag in argv[1:position]):
            return tuple(argv[position + 1 :])
    return ()
