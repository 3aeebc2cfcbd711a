from __future__ import annotations

from app.qa.base import RunResult
from app.qa.frameworks.base import Reading, Selection
from app.qa.frameworks.command import CommandFramework
from tests.integration.sandbox_runs import FileTree

GOOD = b'<testsuite name="s" tests="1"><testcase classname="s" name="a"/></testsuite>'
BAD = b'<testsuite name="s" tests="1"><testcase classname="s" name="a"><failure/></testcase></testsuite>'
OTHER = b'<testsuite name="t" tests="1"><testcase classname="t" name="b"/></testsuite>'
TOLD = "/tmp/k.xml"


def read(files: dict[str, bytes], *paths: str, status: int = 0, command: str = "make check", left_out: int = 0) -> Reading:
    result = RunResult("exited", exit_code=status, files=files, files_left_out=left_out)
    return CommandFramework(tuple(command.split())).read(result, frozenset(paths), "k")


def test_a_report_in_a_usual_place_is_read() -> None:
    reading = read({"/work/junit.xml": BAD, "/work/target/surefire-reports/TEST-t.xml": OTHER}, status=1)

    assert (reading.outcome, reading.evidence) == ("completed", "report")
    assert reading.tests == {"s::a": "failed", "t::b": "passed"}


def test_a_report_that_came_with_the_tree_is_not_taken_for_one_of_the_run() -> None:
    reading = read({"/work/junit.xml": GOOD}, "junit.xml")

    assert (reading.outcome, reading.evidence, reading.tests) == ("completed", "status", {})


def test_a_file_that_only_lies_where_reports_do_is_none() -> None:
    reading = read({"/work/report.xml": b"<sales/>"})

    assert (reading.outcome, reading.evidence) == ("completed", "status")


def test_the_report_that_was_asked_for_is_the_only_one_that_counts() -> None:
    reading = read({TOLD: GOOD, "/work/junit.xml": OTHER}, command="phpunit tests")

    assert reading.tests == {"s::a": "passed"}


def test_a_report_that_contradicts_the_status_is_not_believed() -> None:
    reading = read({"/work/junit.xml": BAD})

    assert reading.outcome == "unbelievable"
    assert "names tests that failed" in str(reading.reason)


def test_a_report_that_contradicts_itself_is_not_believed() -> None:
    assert read({TOLD: GOOD.replace(b'tests="1"', b'tests="2"')}, command="phpunit").outcome == "unbelievable"


def test_a_runner_that_always_reports_and_did_not_is_not_believed() -> None:
    assert read({}, command="node --test").outcome == "unbelievable"
    assert read({}, command="node --test", status=9).outcome == "completed"
    assert read({}, command="jest").outcome == "completed"


def test_reports_that_cannot_all_be_read_prove_nothing() -> None:
    assert read({TOLD: GOOD}, command="phpunit", left_out=3).outcome == "could_not_run"


def test_a_file_that_ended_badly_was_not_collected() -> None:
    report = b'<testsuites><testcase file="a.test.js" name="a.test.js"><error/></testcase></testsuites>'

    reading = read({TOLD: report}, "a.test.js", command="node --test", status=1)

    assert (reading.tests, reading.collection_errors) == ({"a.test.js": "error"}, ("a.test.js",))


def test_the_sessions_own_environment_comes_first() -> None:
    framework = CommandFramework(("jest",), {"JEST_JUNIT_TITLE": "mine", "CI": "1"})

    spec = framework.spec(FileTree(), Selection(overlay={"a": b"b"}), "k")

    assert (spec.env["JEST_JUNIT_TITLE"], spec.env["CI"], spec.env["JEST_JUNIT_OUTPUT_FILE"]) == ("mine", "1", TOLD)
    assert spec.result_files[0] == TOLD
    assert spec.overlay == {"a": b"b"}
