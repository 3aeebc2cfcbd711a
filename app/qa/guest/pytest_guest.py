"""Runs pytest on the tree, and tells the outcome of each phase of each test, as no hook of the tree has changed it.

Standard library and pytest (6 or newer) only. The tree's own configuration plays no part: what is wanted of it comes with the
order.
"""

from __future__ import annotations

import os
import sys
import tempfile
import unittest
from typing import Any

import pytest

from app.qa.guest.imports import leave, open_project
from app.qa.guest.records import Tell, teller


class Reporter:
    """A plugin that was there before those of the tree: its wrappers lie inside theirs, and see what they have not changed."""

    def __init__(self, tell: Tell, root: str, folders: list[str], ini: str, only: list[str] | None) -> None:
        self._tell = tell
        self._only = None if only is None else frozenset(only)
        self._root = root
        self._folders = folders
        self._ini = ini

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        """Plugins of the image are loaded by now, and nothing of the tree."""
        os.unlink(self._ini)
        open_project(self._root, self._folders)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> Any:
        """What was found, before anybody leaves something out."""
        found = [item.nodeid for item in items]
        yield
        items[:] = [item for item in items if self._is_wanted(item.nodeid)]
        kept = {item.nodeid for item in items}
        self._tell("collected", ids=[item.nodeid for item in items], left_out=sum(name not in kept for name in found))

    def _is_wanted(self, name: str) -> bool:
        if self._only is None or name in self._only:
            return True
        path, colons, rest = name.partition("::")
        return path + colons + rest.partition("[")[0] in self._only

    def pytest_collectreport(self, report: Any) -> None:
        """A file or a class could not be collected."""
        if report.failed:
            self._tell("not_collected", id=report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """A test begins."""
        self._tell("start", id=nodeid)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        """A phase of a test is over."""
        raised = call.excinfo
        outcome = yield
        report = outcome.get_result()
        # unittest's exceptions are noted by a hook; what another hook takes away was there all the same
        seen = _seen(report, call.excinfo or raised)
        altered = seen == "failed" and report.passed
        self._tell("phase", id=item.nodeid, when=call.when, outcome=seen, altered=altered)


def _seen(report: Any, raised: Any) -> str:
    """What came of a phase. An exception is a failure, whatever the report says, but for one that was expected."""
    if hasattr(report, "wasxfail") and report.skipped:
        return "xfailed"
    if hasattr(report, "wasxfail") and report.passed and raised is None:
        return "xpassed"
    if raised is not None:
        is_skip = raised.errisinstance((pytest.skip.Exception, unittest.SkipTest))
        return "skipped" if is_skip else "failed"
    return str(report.outcome)


def run(config: dict[str, Any]) -> int:
    """Run pytest as the configuration says. Returns its exit status."""
    tell = teller(config["records_fd"], config["key"])
    root = os.getcwd()
    fd, ini = tempfile.mkstemp(suffix=".ini")
    with open(fd, "w", encoding="utf-8") as file:
        file.write(config["ini"])
    reporter = Reporter(tell, root, config["folders"], ini, config["only"])
    sys.argv = [pytest.__file__, *config["args"]]
    fixed = ["-c", ini, f"--rootdir={root}", f"--confcutdir={root}", "-p", "no:cacheprovider"]
    status = int(pytest.main([*fixed, *config["args"]], plugins=[reporter]))
    tell("end", status=status)
    return status


if "GUEST_CONFIG" in globals():
    leave(run(globals().pop("GUEST_CONFIG")))
