"""Test frameworks: how a command is made to leave a per-test report."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_PYTHON = re.compile(r"^python(?:\d+(?:\.\d+)?)?$")
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
    env: Mapping[str, str] = field(default_factory=dict)


def framework_of(argv: Sequence[str]) -> Framework:
    """The framework that a command belongs to, with what makes it report per test. An unknown one runs as it is."""
    position = _pytest_position(argv)
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
    if _PYTHON.match(name) and "-m" in argv:
        module = argv.index("-m") + 1
        flags = argv[1 : module - 1]
        if module < len(argv) and argv[module] in ("pytest", "py.test") and all(flag.startswith("-") for flag in flags):
            return module + 1
    return None
