"""A plugin of pytest: writes how each test ended, a line for each, to the file that ``TASK_OUTCOMES`` names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

_found: dict[str, str] = {}
_BAD = ("failed", "error")


def pytest_runtest_logreport(report: Any) -> None:
    """Note a phase of a test: what went wrong in one of them decides."""
    if _found.get(report.nodeid) in _BAD:
        return
    if report.when == "call" or report.outcome != "passed":
        _found[report.nodeid] = _outcome(report)


def pytest_sessionfinish() -> None:
    """Write everything at once: what a test writes there meanwhile is overwritten."""
    lines = [json.dumps([name, outcome]) + "\n" for name, outcome in _found.items()]
    Path(os.environ["TASK_OUTCOMES"]).write_text("".join(lines), encoding="utf-8")


def _outcome(report: Any) -> str:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    if report.failed and report.when != "call":
        return "error"
    return str(report.outcome)
