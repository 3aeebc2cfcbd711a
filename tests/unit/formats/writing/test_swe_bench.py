"""SWE-bench instances, predictions and reports."""

from __future__ import annotations

import json

import pytest

from app.formats.base import ReadOptions
from app.formats.swe_bench import SweBench
from app.formats.writing.base import NO_VERIFIED_FIX, Change, Context, Item, Tally
from app.formats.writing.swe_bench import SweBenchWriter, repository_name
from tests.unit.formats.reading import a_source
from tests.unit.formats.writing.sessions import (
    TEST,
    a_finalized,
    a_session_of,
    chosen_of,
    read_out,
    some_code,
    written,
)

WITH_TEST = Change("tests/test_till.py", b"", b"from till import total\n", is_test=True)


def test_an_instance_is_made_of_the_best_fix() -> None:
    code = some_code(changes=(*some_code().changes, WITH_TEST), test_changes=(WITH_TEST,))
    worse, better = a_session_of(a_finalized("a", score=2.0)), a_session_of(a_finalized("b", score=4.5), code)

    (instance,) = written(SweBenchWriter(), worse, better).rows()

    assert instance["instance_id"] == "shop__till-BUG-1"
    assert (instance["repo"], instance["base_commit"], instance["trace_id"]) == ("shop/till", "8f0f4d5", "b")
    assert instance["problem_statement"] == "Wrong totals\n\nThe till is off."
    assert json.loads(instance["FAIL_TO_PASS"]) == [TEST]
    assert "till.py" in instance["patch"]
    assert "test_till" not in instance["patch"]
    assert instance["test_patch"].startswith("diff --git a/tests/test_till.py b/tests/test_till.py\n")


def test_each_attempt_is_a_prediction_with_its_report() -> None:
    files = written(SweBenchWriter(), a_session_of(a_finalized("a")), a_session_of(a_finalized("b", "not_fixed"))).files

    prediction = json.loads(files["predictions/train/b.jsonl"])
    report = json.loads(files["reports/train/b/report.json"])["shop__till-BUG-1"]
    assert (prediction["instance_id"], prediction["model_name_or_path"]) == ("shop__till-BUG-1", "m-1")
    assert prediction["model_patch"].startswith("diff --git a/till.py b/till.py\n")
    assert report["resolved"] is False
    assert report["tests_status"]["FAIL_TO_PASS"] == {"success": [], "failure": [TEST]}
    assert json.loads(files["reports/train/a/report.json"])["shop__till-BUG-1"]["resolved"] is True


def test_a_bug_without_a_fix_that_held_is_no_instance() -> None:
    found = written(SweBenchWriter(), a_session_of(a_finalized("a", "not_fixed")))

    assert found.files == {}
    assert found.tally.left_out == {NO_VERIFIED_FIX: 1}


def test_a_bug_at_two_commits_is_two_instances() -> None:
    sessions = [a_session_of(a_finalized(name)) for name in ("a", "b")]
    context = Context(lambda chosen: sessions[chosen.trace_id == "b"], Tally())

    found = read_out(SweBenchWriter(), [Item((chosen_of(session),)) for session in sessions], context)

    assert [row["instance_id"] for row in found.rows()] == ["shop__till-BUG-1", "shop__till-BUG-1-b"]
    assert json.loads(found.files["predictions/train/b.jsonl"])["instance_id"] == "shop__till-BUG-1-b"


def test_a_secret_in_a_patch_keeps_the_instance_back() -> None:
    code = some_code(changes=(Change("a.py", None, b"password = 'hunter2'\n"),))

    found = written(SweBenchWriter(), a_session_of(a_finalized(), code))

    assert not any(b"hunter2" in content for content in found.files.values())
    assert found.losses() == {"instance": 1}


def test_our_reader_takes_what_was_written() -> None:
    files = written(SweBenchWriter(), a_session_of(a_finalized())).files
    both = files["data/train-00000-of-00001.jsonl"] + files["predictions/train/t-1.jsonl"]

    (read,) = SweBench().read(a_source(both, "x.jsonl"), ReadOptions())

    assert read.trace.bug_id == "shop__till-BUG-1"
    assert read.trace.task is not None
    assert read.trace.task.known_failing_tests == (TEST,)
    assert {artifact.name for artifact in read.artifacts} >= {"tests.json", "final.patch"}


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.org/shop/till.git", "shop/till"),
        ("git@example.org:shop/till.git", "shop/till"),
        ("https://example.org/group/sub/till/", "sub/till"),
        ("https://example.org/till", "till"),
        ("https://example.org", None),
        (None, None),
    ],
)
def test_a_repository_is_named_by_its_address(url: str | None, name: str | None) -> None:
    assert repository_name(url) == name
