"""Runs unittest on the tree, and tells what becomes of each test. Standard library only."""

from __future__ import annotations

import os
import sys
import unittest
from collections.abc import Iterator
from typing import Any

from app.qa.guest.imports import leave, open_project
from app.qa.guest.records import Tell, teller


class TellingResult(unittest.TextTestResult):
    """Tells each outcome as it comes."""

    tell: Tell
    root: str
    waiting: list[unittest.TestCase]
    """Tests that have not begun."""
    _worst = "passed"
    _began = 0.0

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name, like all of these
        """A test begins."""
        self._worst = "passed"
        if test in self.waiting:
            self.waiting.remove(test)
            self.tell("start", id=name_of(test, self.root))
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802
        """It is over."""
        super().stopTest(test)
        if stands_for_module(test):
            if type(test).__name__ == "_FailedTest":
                self.tell("not_collected", id=module_path(str(test._testMethodName), self.root))
            return
        self._tell_end(test, self._worst)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        """It raised something else than a failure; or what comes before a class or a module did."""
        super().addError(test, err)
        self._worst = "error"
        if not isinstance(test, unittest.TestCase):
            self._break(str(test.id()), "error")

    def _break(self, what: str, outcome: str) -> None:
        """``setUpClass (tests.test_a.TestB)`` or the like: the tests behind it will not run. ``tearDownClass`` has none behind
        it, and counts as a test that failed."""
        before, _, inside = what.partition("(")
        inside = inside.rstrip(")")
        if before.startswith("tearDown"):
            self.tell("beside", id=f"{inside}::{before.strip()}", outcome=outcome)
        for test in list(self.waiting):
            module = type(test).__module__
            if inside in (module, f"{module}.{type(test).__qualname__}"):
                self.waiting.remove(test)
                self.tell("start", id=name_of(test, self.root))
                self._tell_end(test, outcome)

    def _tell_end(self, test: unittest.TestCase, outcome: str) -> None:
        name = name_of(test, self.root)
        self.tell("phase", id=name, when="call", outcome=outcome, altered=False)
        self.tell("phase", id=name, when="teardown", outcome="passed", altered=False)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        """It failed."""
        super().addFailure(test, err)
        self._worst = "failed"

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        """A part of it is over."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._worst = "failed"

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        """It was skipped."""
        super().addSkip(test, reason)
        if not isinstance(test, unittest.TestCase):
            self._break(str(test.id()), "skipped")
        elif self._worst == "passed":
            self._worst = "skipped"

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        """It failed, as it should."""
        super().addExpectedFailure(test, err)
        self._worst = "xfailed"

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        """It passed and should not."""
        super().addUnexpectedSuccess(test)
        self._worst = "failed"


class TellingRunner(unittest.TextTestRunner):
    """Tells what there is to run, and runs it."""

    def run(self, test: Any) -> Any:
        """Run a suite."""
        root = TellingResult.root
        TellingResult.waiting = [case for case in cases_of(test) if not stands_for_module(case)]
        TellingResult.tell("collected", ids=[name_of(case, root) for case in TellingResult.waiting], left_out=0)
        return super().run(test)


def cases_of(suite: Any) -> Iterator[unittest.TestCase]:
    """Every test in a suite."""
    if isinstance(suite, unittest.TestCase):
        yield suite
        return
    for part in suite:
        yield from cases_of(part)


def stands_for_module(test: Any) -> bool:
    """Whether it is no test, but says of a module that it could not be imported, or that it is to be skipped."""
    return type(test).__module__ == "unittest.loader"


def name_of(test: Any, root: str) -> str:
    """``tests/test_a.py::TestB::test_c``, as pytest would name it."""
    module = sys.modules.get(type(test).__module__)
    path = getattr(module, "__file__", None) or type(test).__module__
    relative = os.path.relpath(path, root).replace(os.sep, "/") if os.path.isabs(path) else path
    return "::".join([relative, *type(test).__qualname__.split("."), str(getattr(test, "_testMethodName", test))])


def module_path(name: str, root: str) -> str:
    """The file of a module that could not be imported, as far as its name tells."""
    path = name.replace(".", "/") + ".py"
    for folder in ("", *sorted(entry.name for entry in os.scandir(root) if entry.is_dir())):
        if os.path.isfile(os.path.join(root, folder, path)):
            return os.path.join(folder, path) if folder else path
    return path


def load(ids: list[str], root: str) -> unittest.TestSuite:
    """The tests of these names, in their order."""
    suite = unittest.TestSuite()
    for name in ids:
        path, *parts = name.split("::")
        folder, module = os.path.split(path[: -len(".py")])
        while os.path.isfile(os.path.join(root, folder, "__init__.py")):
            folder, package = os.path.split(folder)
            module = f"{package}.{module}"
        if os.path.join(root, folder) not in sys.path:
            sys.path.insert(0, os.path.join(root, folder))
        suite.addTest(unittest.defaultTestLoader.loadTestsFromName(".".join([module, *parts])))
    return suite


def run(config: dict[str, Any]) -> int:
    """Run unittest as the configuration says. Returns an exit status like unittest's own."""
    TellingResult.tell = staticmethod(teller(config["records_fd"], config["key"]))
    TellingResult.root = os.getcwd()
    open_project(TellingResult.root, config["folders"])
    runner = TellingRunner(resultclass=TellingResult)  # type: ignore[arg-type]  # a class, as its documentation has it
    if config["only"] is not None:
        result = runner.run(load(config["only"], TellingResult.root))
    else:
        argv = ["python -m unittest", *config["args"]]
        result = unittest.main(module=None, argv=argv, testRunner=runner, exit=False).result
    status = 0 if result.wasSuccessful() else 1
    TellingResult.tell("end", status=status)
    return status


if "GUEST_CONFIG" in globals():
    leave(run(globals().pop("GUEST_CONFIG")))
