"""What the code under test leaves behind is read, or refused in words; nothing else happens."""

from __future__ import annotations

import contextlib
from xml.sax.saxutils import quoteattr

from hypothesis import given, settings
from hypothesis import strategies as st

from app.qa.junit import ReportError, parse_junit
from app.rules.suspicions import ChangedFile, suspicions_of

PATHS = ("test_a.py", "tests/b.test.js")
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)
VALUES = st.one_of(
    NAMES, st.sampled_from(["test", "test_a.B", "tests/b.test.js", "/work/test_a.py", "0", "2", "-1", "1e9", "٣"])
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["name", "classname", "file", "tests", "failures", "errors", "type"]), VALUES, max_size=4
)


@st.composite
def elements(draw: st.DrawFn, depth: int = 0) -> str:
    tag = draw(st.sampled_from(["testsuites", "testsuite", "testcase", "failure", "error", "skipped", "system-out"]))
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in draw(ATTRIBUTES).items())
    inner = "".join(draw(st.lists(elements(depth + 1), max_size=3))) if depth < 4 else ""
    return f"<{tag}{attributes}>{inner}</{tag}>"


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), elements().map(str.encode), elements().map(lambda xml: xml.encode("utf-16"))))
def test_a_report_is_read_or_refused(xml: bytes) -> None:
    with contextlib.suppress(ReportError):
        report = parse_junit([xml], PATHS)
        assert all(report.tests)


SOURCES = st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))


@settings(deadline=None)
@given(st.sampled_from(["a.py", "tests/test_a.py", "a.js", "conftest.py", "pyproject.toml"]), SOURCES, SOURCES)
def test_whatever_changed_can_be_looked_at(path: str, before: bytes, after: bytes) -> None:
    suspicions_of([ChangedFile(path, before, after), ChangedFile(path, None, after), ChangedFile(path, before, None)])
