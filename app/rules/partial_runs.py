"""Test commands that run a part of what they name: up to the first failure, or what failed before. A replay runs the whole."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from typing import Literal

from app.models.replay import Check

Part = Literal["until_failure", "by_history"]
"""``until_failure``: it stops early, and fails exactly where the whole does. ``by_history``: which tests it runs depends on
earlier runs, so that it may pass where the whole fails."""

_BY_HISTORY = frozenset({"--lf", "--last-failed", "--sw", "--stepwise", "--sw-skip", "--stepwise-skip"})
_STOPPERS = frozenset({"--exitfirst", "--failfast", "--fail-fast", "--bail"})
_STOPPER_WITH_NUMBER = re.compile(r"--(?:maxfail|bail)(?:=|$)")
_PYTEST_CLUSTER = re.compile(r"-[vqslhV]*x")
_UNITTEST_CLUSTER = re.compile(r"-[vqbc]*f")
_COUNTS = re.compile(r"^(?:num_|summary\.|output\.)(?:passed|failed|errors)$")


def part_of(command: str) -> Part | None:
    """Which part of its tests a command runs; ``None`` where it runs all of them."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    if not _BY_HISTORY.isdisjoint(words):
        return "by_history"
    cluster = _UNITTEST_CLUSTER if "unittest" in words else _PYTEST_CLUSTER
    stops = any(word in _STOPPERS or _STOPPER_WITH_NUMBER.match(word) or cluster.match(word) for word in words)
    return "until_failure" if stops else None


def as_part(checks: Iterable[Check], part: Part) -> tuple[Check, ...]:
    """What was said of a part, beside what was found of the whole: what the part may have left out contradicts nothing."""
    return tuple(
        check.model_copy(update={"agrees": None}) if check.agrees is False and _may_be_left_out(check, part) else check
        for check in checks
    )


def _may_be_left_out(check: Check, part: Part) -> bool:
    if _COUNTS.match(check.what):
        return isinstance(check.claimed, int) and isinstance(check.found, int) and check.claimed < check.found
    if part == "by_history":
        return bool(check.found) is not bool(check.claimed) and _claims_success(check)
    return False


def _claims_success(check: Check) -> bool:
    return check.claimed is True if check.what == "tests_passed" else check.what == "exit_code" and check.claimed == 0
