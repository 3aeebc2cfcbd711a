from __future__ import annotations

import pytest

from app.qa.junit import ReportError, TestReport, parse_junit


def read(xml: str, *paths: str) -> TestReport:
    return parse_junit([xml.encode()], paths)


def test_pytest_names_modules_and_classes_with_dots() -> None:
    report = read(
        '<testsuites><testsuite name="pytest" tests="3" errors="0" failures="1" skipped="1">'
        '<testcase classname="tests.test_a.TestB" name="test_c[x-1.5]"><failure message="no"/></testcase>'
        '<testcase classname="tests.test_a" name="test_d"><skipped type="pytest.xfail"/></testcase>'
        '<testcase classname="tests.test_a" name="test_e"/></testsuite></testsuites>',
        "tests/test_a.py",
    )

    assert report.tests == {
        "tests/test_a.py::TestB::test_c[x-1.5]": "failed",
        "tests/test_a.py::test_d": "xfailed",
        "tests/test_a.py::test_e": "passed",
    }


def test_a_file_that_pytest_could_not_collect_holds_no_failing_test() -> None:
    report = read(
        '<testsuites><testsuite tests="1" errors="1"><testcase classname="" name="tests.test_a">'
        '<error message="collection failure">…</error></testcase></testsuite></testsuites>',
        "tests/test_a.py",
    )

    assert (report.tests, report.collection_errors) == ({}, ("tests/test_a.py",))


def test_the_suites_around_a_test_of_node_are_part_of_its_name() -> None:
    report = read(
        '<testsuites><testsuite name="sum &lt;of&gt; things" tests="2" failures="1">'
        '<testcase name="adds" classname="test"/>'
        '<testsuite name="inner" tests="1" failures="1"><testcase name="deep" classname="test" failure="1 == 2">'
        '<failure type="testCodeFailure"/></testcase></testsuite></testsuite>'
        '<testcase name="alone" classname="test"/></testsuites>'
    )

    assert report.tests == {
        "sum <of> things::adds": "passed",
        "sum <of> things::inner::deep": "failed",
        "alone": "passed",
    }


def test_a_test_that_is_still_to_be_done_may_fail() -> None:
    report = read(
        '<testsuites><testcase name="a"><skipped type="todo"/><failure/></testcase>'
        '<testcase name="b"><skipped type="todo"/></testcase></testsuites>'
    )

    assert report.tests == {"a": "xfailed", "b": "skipped"}


def test_the_file_stands_first_where_the_report_names_it() -> None:
    php = read(
        '<testsuites><testsuite name="" tests="1"><testsuite name="TillTest" file="/work/tests/TillTest.php" tests="1">'
        '<testcase name="testTotal" class="TillTest" classname="TillTest" file="/work/tests/TillTest.php"/>'
        "</testsuite></testsuite></testsuites>",
        "tests/TillTest.php",
    )
    vitest = read(
        '<testsuites name="vitest tests" tests="1"><testsuite name="src/till.test.ts" tests="1">'
        '<testcase classname="src/till.test.ts" name="till &gt; adds"/></testsuite></testsuites>',
        "src/till.test.ts",
    )
    bun = read(
        '<testsuites tests="1"><testsuite name="./till.test.ts" tests="1"><testcase name="adds"/></testsuite></testsuites>',
        "till.test.ts",
    )

    assert list(php.tests) == ["tests/TillTest.php::TillTest::testTotal"]
    assert list(vitest.tests) == ["src/till.test.ts::till > adds"]
    assert list(bun.tests) == ["till.test.ts::adds"]


def test_maven_names_classes() -> None:
    report = read(
        '<testsuite name="org.till.TillTest" tests="2" errors="1" failures="0" skipped="0">'
        '<testcase name="adds" classname="org.till.TillTest" time="0.1"/>'
        '<testcase name="breaks" classname="org.till.TillTest"><error type="java.lang.Error"/></testcase></testsuite>'
    )

    assert report.tests == {"org.till.TillTest::adds": "passed", "org.till.TillTest::breaks": "error"}


def test_of_two_tests_of_one_name_the_worse_outcome_counts() -> None:
    one = b'<testsuite><testcase name="a"><failure/></testcase><testcase name="a"/></testsuite>'
    other = b'<testsuite><testcase name="a"><error/></testcase><testcase name="b"/></testsuite>'

    assert parse_junit([one], ()).tests == {"a": "failed"}
    assert parse_junit([one, other], ()).tests == {"a": "error", "b": "passed"}


def test_a_suite_with_an_error_and_without_tests_could_not_be_collected() -> None:
    report = read(
        '<testsuites tests="1" failures="0" errors="1"><testsuite name="till.test.js" errors="1" tests="0"/>'
        '<testsuite name="b" tests="1"><testcase name="c"/></testsuite></testsuites>'
    )

    assert (report.tests, report.collection_errors) == ({"b::c": "passed"}, ("till.test.js",))


@pytest.mark.parametrize(
    ("xml", "complaint"),
    [
        ("", "is not XML"),
        ("<testsuites><testcase name='a'>", "is not XML"),
        ("<html><testcase name='a'/></html>", "begins with <html>"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>', "declares entities"),
        ('<testsuite tests="2"><testcase name="a"/></testsuite>', "announces 2 tests and holds 1"),
        ('<testsuite tests="1" failures="1"><testcase name="a"/></testsuite>', "counts failures and names none"),
        ("<testsuite>" * 1000 + "</testsuite>" * 1000, "nested deeper"),
    ],
)
def test_what_is_no_report_is_refused(xml: str, complaint: str) -> None:
    with pytest.raises(ReportError, match=complaint):
        read(xml)


def test_entities_are_refused_in_every_encoding() -> None:
    xml = '<?xml version="1.0" encoding="utf-16"?><!DOCTYPE a [<!ENTITY b "c">]><testsuite name="&b;"/>'

    with pytest.raises(ReportError, match="declares entities"):
        parse_junit([xml.encode("utf-16")], ())
