"""What the records of a guest are believed, and what gives a forgery away."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.qa.base import RunResult
from app.qa.frameworks.base import Reading
from app.qa.frameworks.telling import ForgedRecordsError, read_records, read_tests
from tests.scripted_suite import Record, Told, records_of

KEY = "k" * 32


def collected(*names: str) -> Record:
    return {"kind": "collected", "ids": list(names), "left_out": 0}


def end(status: int) -> Record:
    return {"kind": "end", "status": status}


def phase(name: str, when: str, outcome: str, **more: Any) -> Record:
    return {"kind": "phase", "id": name, "when": when, "outcome": outcome, "altered": False, **more}


def exited(code: int, content: bytes, size: int | None = None) -> RunResult:
    return RunResult("exited", exit_code=code, records=content, records_bytes=len(content) if size is None else size)


def read(code: int, *records: Record, rest: bytes = b"") -> Reading:
    return read_tests(exited(code, Told(KEY, code, list(records), rest).content()), KEY, "pytest")


def reason_of(content: bytes, size: int | None = None) -> str:
    """Why these bytes are not believed."""
    with pytest.raises(ForgedRecordsError) as refused:
        read_records(exited(0, content, size), KEY)
    return str(refused.value)


def line(n: int, key: str = KEY, **more: Any) -> bytes:
    return json.dumps({"key": key, "n": n, "kind": "start", **more}).encode() + b"\n"


# --- records


def test_records_are_read_in_their_order() -> None:
    records = read_records(exited(0, line(1, id="a") + line(2, id="b")), KEY)

    assert [record["id"] for record in records] == ["a", "b"]


def test_nothing_reported_is_no_forgery() -> None:
    assert read_records(exited(1, b""), KEY) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (line(1, key="guessed"), "somebody else"),
        (b'{"n": 1, "kind": "start"}\n', "somebody else"),
        (b"[1]\n", "somebody else"),
        (b"null\n", "somebody else"),
        (line(2), "missing, or stand twice"),
        (line(1) + line(1), "missing, or stand twice"),
        (line(1) + line(3), "missing, or stand twice"),
        (line(1) + b"2 passed\n", "no result"),
        (line(1) + b"\n" + line(2), "no result"),
        (b"\xff\xfe\x00", "no result"),
        (b"[" * 100_000, "no result"),
        (line(1) + line(2)[:-5], "no result"),
    ],
)
def test_whatever_the_guest_did_not_write_is_noticed(content: bytes, words: str) -> None:
    assert words in reason_of(content)


def test_a_last_line_without_its_end_is_whole_all_the_same() -> None:
    assert len(read_records(exited(0, line(1) + line(2).rstrip(b"\n")), KEY)) == 2


def test_a_flood_of_records_is_not_believed() -> None:
    assert "more was reported" in reason_of(line(1), size=1 << 30)


# --- outcomes of tests


@pytest.mark.parametrize("outcome", ["passed", "failed", "error", "skipped", "xfailed", "xpassed"])
def test_each_outcome_is_told_apart(outcome: Any) -> None:
    code = int(outcome in ("failed", "error"))

    reading = read(code, collected("t"), *records_of("t", outcome), end(code))

    assert (reading.outcome, reading.tests, reading.evidence) == ("completed", {"t": outcome}, "process")


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([("setup", "failed"), ("teardown", "passed")], "error"),
        ([("setup", "passed"), ("call", "passed"), ("teardown", "failed")], "error"),
        ([("setup", "passed"), ("call", "failed"), ("teardown", "failed")], "failed"),
        ([("setup", "passed"), ("call", "xfailed"), ("teardown", "failed")], "error"),
        ([("setup", "passed"), ("call", "skipped"), ("teardown", "passed")], "skipped"),
    ],
)
def test_what_fails_around_a_test_is_an_error_and_the_first_bad_news_stays(
    phases: Sequence[tuple[str, str]], outcome: str
) -> None:
    told = [phase("t", when, what) for when, what in phases]

    assert read(1, collected("t"), {"kind": "start", "id": "t"}, *told, end(1)).tests == {"t": outcome}


def test_a_test_that_is_there_twice_runs_twice_and_the_worse_outcome_stays() -> None:
    reading = read(1, collected("t", "t"), *records_of("t", "failed"), *records_of("t", "passed"), end(1))

    assert (reading.outcome, reading.tests) == ("completed", {"t": "failed"})


def test_a_file_that_cannot_be_collected_is_named_and_its_tests_are_not() -> None:
    told = [{"kind": "not_collected", "id": "b.py"}, collected("a.py::t"), *records_of("a.py::t", "passed"), end(1)]

    reading = read(1, *told)

    assert (reading.outcome, reading.collection_errors, list(reading.tests)) == ("completed", ("b.py",), ["a.py::t"])


# --- results that contradict each other


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([collected("a"), collected("a")], "collected twice"),
        ([{"kind": "start", "id": "a"}], "none of the tests"),
        ([collected("a"), {"kind": "start", "id": "b"}], "none of the tests"),
        ([collected("a"), *records_of("a", "passed"), *records_of("a", "passed")], "reported twice"),
        ([collected("a"), phase("a", "call", "passed")], "without having begun"),
        ([collected("a"), *records_of("a", "failed"), phase("a", "call", "passed")], "without having begun"),
        ([collected("a"), {"kind": "start", "id": "a"}, phase("a", "call", "splendid")], "an outcome that there is not"),
        ([collected(), end(0), {"kind": "start", "id": "a"}], "after the end"),
        ([collected(), end(0), end(0)], "after the end"),
    ],
)
def test_results_that_contradict_each_other_are_not_believed(records: list[Record], words: str) -> None:
    reading = read(0, *records)

    assert reading.outcome == "unbelievable"
    assert words in str(reading.reason)


@pytest.mark.parametrize(
    "record",
    [
        {"kind": "applause"},
        {"kind": ["start"]},
        {"no": "kind"},
        {"kind": "collected"},
        {"kind": "collected", "ids": 7},
        {"kind": "start"},
        {"kind": "start", "id": {}},
        {"kind": "end", "status": "good"},
        {"kind": "end"},
        phase("a", "call", "passed", duration_s="long"),
        phase("a", "call", []),  # type: ignore[arg-type]
    ],
)
def test_a_record_without_the_form_of_one_is_not_believed(record: Record) -> None:
    reading = read(0, collected("a"), {"kind": "start", "id": "a"}, record)

    assert reading.outcome == "unbelievable"


def test_status_0_and_a_failure_do_not_go_together() -> None:
    reading = read(0, collected("a"), *records_of("a", "failed"), end(1))

    assert (reading.outcome, reading.reason) == ("unbelievable", "the process ended with status 0, and tests failed")


def test_status_0_and_a_file_that_could_not_be_collected_do_not_go_together() -> None:
    assert read(0, {"kind": "not_collected", "id": "b.py"}, collected(), end(0)).outcome == "unbelievable"


@pytest.mark.parametrize("records", [[], [collected("a")], [collected("a"), {"kind": "start", "id": "a"}]])
def test_a_process_that_ends_early_with_status_0_is_not_believed(records: list[Record]) -> None:
    assert read(0, *records).outcome == "unbelievable"


@pytest.mark.parametrize("status", [0, 1])
def test_an_end_without_all_results_is_not_believed(status: int) -> None:
    reading = read(status, collected("a", "b"), *records_of("a", "passed"), end(status))

    assert reading.outcome == "unbelievable"
    assert "after 1 of 2 tests" in str(reading.reason)


# --- runs that came to no end


def test_a_process_that_dies_in_a_test_leaves_that_test_with_an_error_and_the_rest_unknown() -> None:
    told = [collected("a", "b", "c"), *records_of("a", "passed"), {"kind": "start", "id": "b"}, phase("b", "setup", "passed")]

    reading = read(139, *told)

    assert (reading.outcome, reading.not_run) == ("died", ("c",))
    assert reading.tests == {"a": "passed", "b": "error"}
    assert reading.reason == "the process ended with status 139 in the midst of b"


def test_a_process_that_dies_between_two_tests_says_after_how_many() -> None:
    reading = read(3, collected("a", "b"), *records_of("a", "passed"))

    assert (reading.outcome, reading.reason) == ("died", "the process ended with status 3 after 1 of 2 tests")


def test_a_runner_that_is_interrupted_has_died() -> None:
    assert read(2, collected("a", "b"), *records_of("a", "passed"), end(2)).outcome == "died"


@pytest.mark.parametrize(("code", "records"), [(4, []), (139, []), (4, [end(4)]), (3, [collected("a"), end(3)]), (137, [])])
def test_a_runner_that_did_not_get_to_run_tests_could_not_run(code: int, records: list[Record]) -> None:
    assert read(code, *records).outcome == "could_not_run"


def test_a_suite_without_tests_has_completed() -> None:
    reading = read(5, collected(), end(5))

    assert (reading.outcome, reading.tests) == ("completed", {})


def test_half_a_line_of_a_process_that_was_killed_is_no_forgery() -> None:
    reading = read(137, collected("a", "b"), *records_of("a", "passed"), {"kind": "start", "id": "b"}, rest=b'{"key": "')

    assert (reading.outcome, reading.tests) == ("died", {"a": "passed", "b": "error"})
