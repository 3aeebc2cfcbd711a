"""SWE-bench instances and predictions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.formats.errors import FormatError
from app.formats.swe_bench import SweBench, instances_of
from tests.unit.formats.reading import SAMPLES, counts, lost, of_document, of_lines, open_sample, read_all, read_sample

INSTANCE = "swe-bench/swe-bench-dev-easy-first-only.json"
FAILING = (
    "pydicom/tests/test_numpy_pixel_data.py::TestNumpy_GetPixelData::test_missing_required_elem_pixel_data_monochrome",
    "pydicom/tests/test_numpy_pixel_data.py::TestNumpy_GetPixelData::test_missing_conditionally_required_elem_pixel_data_color",
)


def test_an_instance_is_a_task() -> None:
    session = read_sample(INSTANCE)

    trace = session.trace
    assert counts(session) == {}
    assert trace.task is not None
    assert trace.task.known_failing_tests == FAILING
    assert (trace.task.description or "").startswith("Pixel Representation attribute should be optional")
    assert (trace.repo.name, trace.repo.commit_before) == ("pydicom", "8da0b9b215ebfad5756051c891def88e426787e7")
    assert session.missing == ("branch", "commit_after", "test_command")
    assert [(artifact.name, artifact.kind) for artifact in session.artifacts] == [
        ("gold", "gold_patch"), ("test_changes", "tests_patch"), ("tests.json", "test_list"),
    ]  # fmt: skip
    names = json.loads(session.artifacts[2].content)
    assert (len(names["FAIL_TO_PASS"]), len(names["PASS_TO_PASS"])) == (2, 159)


def test_a_prediction_is_what_a_session_ended_with() -> None:
    session = read_sample("swe-bench/all_preds.jsonl")

    assert session.trace.bug_id == "pydicom__pydicom-1458"
    assert [artifact.name for artifact in session.artifacts] == ["final.patch"]
    assert lost(session) == {"instance": 1}


def test_a_prediction_is_joined_with_its_instance() -> None:
    instances = instances_of(open_sample(INSTANCE))
    (prediction,) = (SAMPLES / "swe-bench/all_preds.jsonl").read_text(encoding="utf-8").splitlines()
    (instance,) = instances.values()

    by_option = read_sample("swe-bench/all_preds.jsonl", instances=instances)
    (in_one_file,) = read_all(SweBench(), of_lines([instance, prediction]))

    for session in (by_option, in_one_file):
        assert [artifact.name for artifact in session.artifacts] == ["final.patch", "gold", "test_changes", "tests.json"]
        assert session.trace.task is not None
        assert session.trace.task.known_failing_tests == FAILING
        assert session.trace.session is not None
        assert session.trace.session.role == "ai_agent"


def an_instance(**more: Any) -> dict[str, Any]:
    return {"instance_id": "i-1", "repo": "a/b", "base_commit": "8f0f4d5", "problem_statement": "Fix it.", **more}


@pytest.mark.parametrize("written", [["t::a"], '["t::a"]', "['t::a']"])
def test_names_of_tests_are_a_list_or_one_in_a_string(written: Any) -> None:
    (session,) = read_all(SweBench(), of_document([an_instance(FAIL_TO_PASS=written)]))

    assert session.trace.task is not None
    assert session.trace.task.known_failing_tests == ("t::a",)


@pytest.mark.parametrize("written", ["__import__('os').system('true')", "[" * 5000, "[t::a]"])
def test_a_string_that_is_no_list_is_never_carried_out(written: str) -> None:
    (session,) = read_all(SweBench(), of_document([an_instance(FAIL_TO_PASS=written)]))

    assert session.trace.task is not None
    assert session.trace.task.known_failing_tests == ()
    assert lost(session)["list of tests"] > 0


@pytest.mark.parametrize("form", ["list", "object"])
def test_predictions_may_be_a_list_or_an_object_by_id(form: str) -> None:
    one, two = {"model_name_or_path": "m", "model_patch": "a"}, {"model_name_or_path": "m", "model_patch": "b"}
    by_id = {"i-1": one, "i-2": two}
    document = by_id if form == "object" else [{"instance_id": name, **fields} for name, fields in by_id.items()]

    sessions = read_all(SweBench(), of_document(document))

    assert [(session.trace.trace_id, session.artifacts[0].content) for session in sessions] == [
        ("swe-bench-i-1.m", "a"), ("swe-bench-i-2.m", "b"),
    ]  # fmt: skip


def test_a_report_is_no_session() -> None:
    with pytest.raises(FormatError, match="a verdict from elsewhere"):
        read_all(SweBench(), open_sample("swe-bench/report.json"))
