"""JUnit XML, as any test runner writes it, as outcomes by node id.

The format has no standard. What stands in a report is taken in the sense of the runners that are common: pytest, Node.js, Jest,
Vitest, Mocha, Maven and Gradle, PHPUnit, gotestsum, nextest and their like.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from app.models.qa import TestOutcome

_WORST_FIRST: tuple[TestOutcome, ...] = ("error", "failed", "passed", "xfailed", "skipped")
_MAX_DEPTH = 200
_MAX_TESTS = 200_000
_SAYS_NOTHING = frozenset({"", "test"})
"""Class names that do not tell one test from another: Node.js says ``test`` of every one."""


class ReportError(ValueError):
    """The report cannot be read as what it claims to be."""


@dataclass(frozen=True)
class TestReport:
    """What the reports of a run say."""

    __test__ = False

    tests: Mapping[str, TestOutcome] = field(default_factory=dict)
    collection_errors: tuple[str, ...] = ()
    """Files or suites whose tests could not be collected."""

    @property
    def names_failures(self) -> bool:
        """Whether it speaks of a test that failed."""
        return any(outcome in ("failed", "error") for outcome in self.tests.values())


def may_be_report(content: bytes) -> bool:
    """Whether a file that lies where reports usually do is one."""
    return b"<testsuite" in content


def parse_junit(reports: Iterable[bytes], paths: Collection[str], root: str = "/work") -> TestReport:
    """Read the reports of one run. ``paths`` are the files of the tree that was tested, ``root`` is where it lay.

    Of a test that is reported more than once, the worst outcome counts.

    Raises:
        ReportError: one is not JUnit XML, or its own totals contradict it.
    """
    reader = _Reader(_Names(paths, root))
    for xml in reports:
        _parse(xml, reader)
    return TestReport(reader.tests, tuple(sorted(reader.not_collected)))


def _parse(xml: bytes, reader: _Reader) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse_declaration
    try:
        parser.Parse(xml, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"the report is not XML: {error}") from error


def _refuse_declaration(*_: object) -> None:
    raise ReportError("the report declares entities, which no test runner does")


def _worse(known: TestOutcome | None, outcome: TestOutcome) -> TestOutcome:
    return outcome if known is None else min(known, outcome, key=_WORST_FIRST.index)


@dataclass
class _Suite:
    attributes: Mapping[str, str]
    is_root: bool
    cases: int = 0
    suites: int = 0
    failures: int = 0
    """Test cases in which something failed, whatever became of them."""


@dataclass
class _Case:
    attributes: Mapping[str, str]
    errors: list[str] = field(default_factory=list)
    failures: int = 0
    skipped: str | None = None
    """The type of the mark, where there is one."""

    @property
    def outcome(self) -> TestOutcome:
        is_bad = bool(self.errors or self.failures)
        if self.skipped == "pytest.xfail" or (self.skipped == "todo" and is_bad):
            return "xfailed"
        if self.skipped is not None and not is_bad:
            return "skipped"
        return "error" if self.errors else "failed" if self.failures else "passed"

    @property
    def is_collection(self) -> bool:
        """pytest's way to say that a file could not be collected."""
        return not self.attributes.get("classname") and any("collection" in error for error in self.errors)


class _Reader:
    """Hears of one element after the other."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self._open: list[str] = []
        self._suites: list[_Suite] = []
        self._case: _Case | None = None
        self.tests: dict[str, TestOutcome] = {}
        self.not_collected: set[str] = set()

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if not self._open and tag not in ("testsuites", "testsuite"):
            raise ReportError(f"the report begins with <{tag}>, which no report in JUnit's format does")
        self._open.append(tag)
        if len(self._open) > _MAX_DEPTH:
            raise ReportError("the report is nested deeper than any suite")
        if tag in ("testsuites", "testsuite"):
            self._suites.append(_Suite(attributes, tag == "testsuites"))
        elif tag == "testcase":
            self._case = _Case(attributes)
        elif self._case is not None and self._open[-2] == "testcase":
            self._hear(self._case, tag, attributes)

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag == "testcase" and self._case is not None:
            self._note(self._case)
            self._case = None
        elif tag in ("testsuites", "testsuite"):
            self._close(self._suites.pop())

    @staticmethod
    def _hear(case: _Case, tag: str, attributes: Mapping[str, str]) -> None:
        if tag == "error":
            case.errors.append(attributes.get("message", ""))
        elif tag == "failure":
            case.failures += 1
        elif tag == "skipped":
            case.skipped = attributes.get("type", "")

    def _note(self, case: _Case) -> None:
        suite = self._suites[-1]
        suite.cases += 1
        suite.failures += bool(case.errors or case.failures)
        if case.is_collection:
            self.not_collected.add(self._names.of_module(case.attributes.get("name", "")))
            return
        name = self._names.of_test(case.attributes, [suite.attributes for suite in self._suites if not suite.is_root])
        self.tests[name] = _worse(self.tests.get(name), case.outcome)
        if len(self.tests) > _MAX_TESTS:
            raise ReportError(f"the report names more than {_MAX_TESTS} tests")

    def _close(self, suite: _Suite) -> None:
        # a test whose clean-up fails as well is counted once and written twice; some count the suites below as well
        announced = _count(suite.attributes, "tests")
        if announced > suite.cases + suite.suites:
            raise ReportError(f"the report announces {announced} tests and holds {suite.cases}")
        if _count(suite.attributes, "failures", "errors") and not suite.failures:
            # Jest counts a file that it could not load as an error of a suite without tests
            if suite.cases:
                raise ReportError("the report counts failures and names none")
            self.not_collected.add(self._names.of_suite(suite.attributes))
            suite.failures = 1
        if self._suites:
            above = self._suites[-1]
            above.cases += suite.cases
            above.suites += 1 + suite.suites
            above.failures += suite.failures


def _count(attributes: Mapping[str, str], *names: str) -> int:
    return sum(int(value) for value in (attributes.get(name, "") for name in names) if value.isdecimal() and len(value) < 10)


class _Names:
    """Node ids: the file, then suites or classes, then the test, as far as the report tells them."""

    def __init__(self, paths: Collection[str], root: str) -> None:
        self._paths = frozenset(paths)
        self._root = root.rstrip("/") + "/"
        self._modules = {path.removesuffix(".py").replace("/", "."): path for path in paths if path.endswith(".py")}

    def of_module(self, name: str) -> str:
        return self._modules.get(name, name)

    def of_suite(self, suite: Mapping[str, str]) -> str:
        return self._file_of(suite) or suite.get("name", "")

    def of_test(self, case: Mapping[str, str], suites: list[Mapping[str, str]]) -> str:
        name = case.get("name", "")
        class_name = case.get("classname", "")
        file = self._file_of(case) or next(filter(None, map(self._file_of, reversed(suites))), "")
        module, classes = self._split(class_name)
        if module is not None and file in ("", module):
            return "::".join([module, *classes, name])
        path = self._relative(class_name)
        if path in self._paths:
            groups, file = [], path
        elif class_name in _SAYS_NOTHING:
            groups = [name for name in (suite.get("name", "") for suite in suites) if self._relative(name) != file]
        else:
            groups = [class_name]
        parts = [file, *groups, "" if self._relative(name) == file else name]
        return "::".join(part for part in parts if part) or "a test without a name"

    def _split(self, class_name: str) -> tuple[str | None, list[str]]:
        """The Python module and the classes in it that a dotted name means."""
        parts = class_name.split(".")
        for length in range(min(len(parts), _MAX_DEPTH), 0, -1):
            path = self._modules.get(".".join(parts[:length]))
            if path is not None:
                return path, parts[length:]
        return None, []

    def _file_of(self, attributes: Mapping[str, str]) -> str:
        for key in ("file", "filepath"):
            if attributes.get(key):
                return self._relative(attributes[key])
        name = self._relative(attributes.get("name", ""))
        return name if name in self._paths else ""

    def _relative(self, path: str) -> str:
        return path.removeprefix(self._root).removeprefix("./")
