"""What the pytest plugin hands over, made an event. The plugin lives in the tested project, and knows none of this."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.errors import PRTelemetryError
from app.models.commands import split_command
from app.recorder.recording import Recording, find_active
from app.recorder.runs import cwd_within
from app.recorder.watcher import ensure_watcher

MOST_NAMES = 1000
_COUNTED = ("failed", "error", "passed", "skipped", "xfailed", "xpassed")


class Report(BaseModel):
    """A test run as the plugin tells it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str
    cwd: str
    exit_code: int
    duration_s: Annotated[float, Field(ge=0)]
    counts: dict[str, Annotated[int, Field(ge=0)]]
    failed: tuple[str, ...]
    outcomes: dict[str, str]
    run: str | None = None
    version: str | None = None


_REPORT: TypeAdapter[Report] = TypeAdapter(Report)


def take_report(recording: Recording, report: Report) -> bool:
    """Write a test run down. Returns whether it was: without consent to commands, only the task's own test command is."""
    recording.look()
    session = recording.session
    folder = cwd_within(recording.folder.root, Path(report.cwd))
    command = report.command if folder is None else f"cd {folder} && {report.command}"
    if not session.consent.commands and not _is_same_command(command, session.test_command):
        return False
    recording.tell(_event(report, command, has_names=session.consent.commands))
    return True


def _event(report: Report, command: str, *, has_names: bool) -> dict[str, Any]:
    extra: dict[str, Any] = {"exit_code": report.exit_code, "duration_ms": round(report.duration_s * 1000)}
    if report.run is not None:
        extra["run"] = report.run
    if report.version is not None:
        extra["pytest"] = report.version
    if has_names:
        extra["outcomes"] = dict(list(report.outcomes.items())[:MOST_NAMES])
    counts = report.counts
    return {
        "type": "test_run",
        "test_command": command,
        "framework": "pytest",
        "tests_passed": report.exit_code == 0,
        "num_passed": counts.get("passed", 0),
        "num_failed": counts.get("failed", 0) + counts.get("error", 0),
        "failed_tests": list(report.failed[:MOST_NAMES]) if has_names else [],
        "summary": _summary(counts),
        "extra": extra,
    }


def _summary(counts: dict[str, int]) -> str:
    said = [f"{counts[word]} {word}" for word in _COUNTED if counts.get(word)]
    return ", ".join(said) or "no tests ran"


def _is_same_command(command: str, expected: str | None) -> bool:
    if expected is None:
        return False
    try:
        return split_command(command).argv == split_command(expected).argv
    except ValueError:
        return False


def main() -> int:
    """Take the report that stands on standard input, for the recording of the folder that the argument names."""
    try:
        recording = find_active(Path(sys.argv[1]))
        take_report(recording, _REPORT.validate_python(json.load(sys.stdin)))
        ensure_watcher(recording)
    except (PRTelemetryError, OSError, ValueError) as error:
        sys.stderr.write(f"the test run was not recorded: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
