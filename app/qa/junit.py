"""JUnit XML, as pytest writes it, as outcomes by node id."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Collection
from dataclasses import dataclass

from app.models.qa import TestOutcome

_WORST_FIRST: tuple[TestOutcome, ...] = ("error", "failed", "passed", "xfailed", "skipped")


class ReportError(ValueError):
    """The report cannot be read as what it claims to be."""


@dataclass(frozen=True)
class TestReport:
    """What a report says."""

    __test__ = False

    tests: dict[str, TestOutcome]
    collection_errors: tuple[str, ...]
    """Files whose tests could not be collected."""


def parse_junit(xml: bytes, paths: Collection[str]) -> TestReport:
    """Read a report. ``paths`` are the files of the tree that was tested: class names alone do not tell a module from a class.

    Raises:
        ReportError: it is not JUnit XML, or its own totals contradict it.
    """
    if b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:
        raise ReportError("the report declares entities, which no test runner does")
    try:
        root = ET.fromstring(xml)  # noqa: S314 -- no entities, and the size is bounded by the sandbox
    except ET.ParseError as error:
        raise ReportError(f"the report is not XML: {error}") from error
    modules = {path.removesuffix(".py").replace("/", "."): path for path in paths if path.endswith(".py")}
    tests: dict[str, TestOutcome] = {}
    not_collected: set[str] = set()
    for case in root.iter("testcase"):
        outcome = _outcome(case)
        if outcome == "error" and _is_collection(case):
            not_collected.add(modules.get(case.get("name", ""), case.get("name", "")))
            continue
        name = _node_id(case, modules)
        known = tests.get(name)
        tests[name] = outcome if known is None else min(known, outcome, key=_WORST_FIRST.index)
    _compare_totals(root)
    return TestReport(tests, tuple(sorted(not_collected)))


def _outcome(case: ET.Element) -> TestOutcome:
    if case.find("error") is not None:
        return "error"
    if case.find("failure") is not None:
        return "failed"
    skipped = case.find("skipped")
    if skipped is None:
        return "passed"
    return "xfailed" if skipped.get("type") == "pytest.xfail" else "skipped"


def _is_collection(case: ET.Element) -> bool:
    error = case.find("error")
    return not case.get("classname") and error is not None and "collection" in (error.get("message") or "")


def _node_id(case: ET.Element, modules: dict[str, str]) -> str:
    class_name, name = case.get("classname", ""), case.get("name", "")
    parts = class_name.split(".")
    for length in range(len(parts), 0, -1):
        path = modules.get(".".join(parts[:length]))
        if path is not None:
            return "::".join([path, *parts[length:], name])
    return "::".join(part for part in (case.get("file", ""), class_name, name) if part)


def _compare_totals(root: ET.Element) -> None:
    for suite in root.iter("testsuite"):
        announced = suite.get("tests")
        found = len(suite.findall("testcase"))
        # a test that fails and whose clean-up fails as well is counted once and written twice
        if announced is not None and announced.isdigit() and int(announced) > found:
            raise ReportError(f"the report announces {announced} tests and holds {found}")
