"""Judgements out of files: what is read, and that everything wrong is told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli.judgement_json import Choice
from app.cli.judgement_rows import Scale
from app.cli.judgement_sets import JudgementSet, read_set
from app.errors import InvalidError
from app.qa.judge.rubric import load_rubrics

ANY = Choice("a")
SIX = Scale(6)
DIMENSIONS = ("hypothesis_formation", "evidence_gathering", "logical_coherence", "validation", "depth")


@pytest.fixture
def reasoning() -> Scale:
    rubric = load_rubrics()["reasoning-5"]
    return Scale(rubric.scale.levels, rubric)


def a_judgement(trace_id: str | None = "t-1", *, kind: str = "llm", **more: Any) -> dict[str, Any]:
    named = {} if trace_id is None else {"trace_id": trace_id}
    return {
        **named,
        "rubric": {"id": "reasoning-5", "version": "1", "sha256": "0" * 64},
        "judge": {"kind": kind, "name": "judge", "version": "1", "model": None},
        "status": "scored",
        "dimensions": {"depth": {"level": 3, "score": 0.75, "rationale": "…"}},
        "total": None,
        "created_at": "2026-03-02T12:00:00Z",
        **more,
    }


def read(path: Path, content: str, scale: Scale = SIX, choice: Choice = ANY) -> JudgementSet:
    path.write_text(content, encoding="utf-8")
    return read_set(path, scale, choice)


def read_objects(folder: Path, *objects: Any, scale: Scale = SIX, choice: Choice = ANY) -> JudgementSet:
    return read(folder / "set.jsonl", "".join(json.dumps(one) + "\n" for one in objects), scale, choice)


def faults(path: Path, content: str, scale: Scale = SIX, choice: Choice = ANY) -> list[str]:
    with pytest.raises(InvalidError) as raised:
        read(path, content, scale, choice)
    assert all(f"{fault.loc[0]}: {fault.msg}" in raised.value.detail for fault in raised.value.faults)
    return [f"{fault.loc[0]}: {fault.msg}" for fault in raised.value.faults]


def test_a_table_is_read_line_by_line(tmp_path: Path) -> None:
    found = read(
        tmp_path / "set.csv",
        "\ufefftrace_id,dimension,level,rater,total,outcome\n"
        "t-1,depth,2,ben,,\n"
        "t-1,depth,3,anna,2.5,passed\n"
        "\n"
        't-2,"depth",,anna,,\n'
        "t-2,validation, 1.5 ,anna,,failed\n",
    )

    assert found.levels == {"depth": {"anna": {"t-1": 3}, "ben": {"t-1": 2}}, "validation": {"anna": {"t-2": 1.5}}}
    assert found.totals == {"anna": {"t-1": 2.5}}
    assert found.properties == {"t-1": {"outcome": "passed"}, "t-2": {"outcome": "failed"}}
    assert sorted(found.traces) == ["t-1", "t-2"]
    assert sorted(found.raters) == ["anna", "ben"]


def test_every_fault_of_a_table_is_told_with_its_line(tmp_path: Path) -> None:
    found = faults(
        tmp_path / "set.csv",
        "trace_id,dimension,level,rater,total,length\n"
        "t-1,depth,3,anna,2,10\n"
        "t-1,depth,4,anna,2,10\n"
        "t-2,depth,6,anna,2,10\n"
        "t-3,depth,-1,anna,2,10\n"
        "t-4,depth,high,anna,2,10\n"
        "t-5,depth,nan,anna,2,10\n"
        ",depth,3,anna,2,10\n"
        "t-6,,3,anna,2,10\n"
        "t-7,depth,3,anna\n"
        't-8,"dep\nth",3,anna,2,10\n'
        "t-9,validation,3,anna,two,10\n"
        "t-1,validation,3,anna,4,10\n"
        "t-10,depth,3,anna,2,long\n"
        f"t-11,depth,3,anna,2,{'9' * 5000}\n",
    )

    assert found.pop().startswith("line 16: length: expected a whole number, got '999")
    assert found == [
        "line 3: trace, dimension and rater are those of line 2",
        "line 4: level: expected a number from 0 to 5, got '6'",
        "line 5: level: expected a number from 0 to 5, got '-1'",
        "line 6: level: expected a number, got 'high'",
        "line 7: level: expected a number, got 'nan'",
        "line 8: trace_id is empty",
        "line 9: dimension is empty",
        "line 10: expected 6 cells, got 4",
        "line 13: total: expected a number, got 'two'",
        "line 14: total: 4, but 2 on line 2",
        "line 15: length: expected a whole number, got 'long'",
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["line 1: the file is empty"]),
        ("trace_id,level\nt-1,3\n", ["line 1: no column dimension"]),
        ("trace_id,dimension,level,mood\n", ["line 1: unknown column 'mood'"]),
        ("trace_id,dimension,level,level\n", ["line 1: the column level stands twice"]),
        ('trace_id,dimension,level\nt-1,"de"pth,3\n', ["""line 2: ',' expected after '"'"""]),
    ],
)
def test_a_table_that_cannot_be_read_says_why(tmp_path: Path, content: str, expected: list[str]) -> None:
    assert faults(tmp_path / "set.csv", content) == expected


def test_many_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("trace_id,dimension,level\n" + "t-1,depth,9\n" * 25)

    with pytest.raises(InvalidError) as raised:
        read_set(path, SIX, ANY)

    assert len(raised.value.faults) == 25
    assert raised.value.detail.endswith("line 21: level: expected a number from 0 to 5, got '9'\n  and 5 more")


def test_a_rubric_knows_its_dimensions(tmp_path: Path, reasoning: Scale) -> None:
    content = "trace_id,dimension,level\nt-1,depth,3\nt-1,dept,3\n"

    assert faults(tmp_path / "set.csv", content, reasoning) == ["line 3: the rubric has no dimension 'dept'"]


def test_a_rubric_makes_totals_and_levels_where_they_are_missing(tmp_path: Path, reasoning: Scale) -> None:
    rows = "".join(f"t-1,{name},,0.6\n" for name in DIMENSIONS)
    found = read(tmp_path / "set.csv", f"trace_id,dimension,level,score\n{rows}t-2,depth,4,\n", reasoning)

    assert found.levels["depth"] == {"-": {"t-1": 2, "t-2": 4}}
    assert found.totals == {"-": {"t-1": pytest.approx(3)}}


def test_a_table_has_nothing_to_choose_by(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="tells neither kinds"):
        read(tmp_path / "set.csv", "trace_id,dimension,level\nt-1,depth,3\n", choice=Choice("a", kind="llm"))


def test_judgements_are_read_from_lines_lists_and_traces(tmp_path: Path) -> None:
    document = {
        "trace_id": "t-3",
        "metrics": {"num_events": 12},
        "repo": {"language_stats": [{"lang": "C", "ratio": 0.2}, {"lang": "Python", "ratio": 0.8}]},
        "session": {"agent": {"model": "m-1"}},
        "qa_results": {"tests_passed": True, "judgements": [a_judgement(None)]},
        "judgements": [a_judgement(None, created_at="2026-03-03T12:00:00Z", dimensions={"depth": {"level": 1}})],
    }
    found = read_objects(tmp_path, a_judgement("t-1"), [a_judgement("t-2")], document)

    assert found.levels == {"depth": {"llm judge": {"t-1": 3, "t-2": 3, "t-3": 1}}}
    assert found.properties["t-3"] == {"outcome": "passed", "length": "12", "language": "Python", "agent_model": "m-1"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"qa_results": {"tests_passed": False}, "events": [{}, {}]}, {"outcome": "failed", "length": "2"}),
        ({"qa_results": {"tests_passed": None}, "session": {"agent": None}, "repo": {}}, {}),
    ],
)
def test_what_a_trace_does_not_tell_is_not_known(tmp_path: Path, document: dict[str, Any], expected: dict[str, str]) -> None:
    found = read_objects(tmp_path, {"trace_id": "t-1", "judgements": [a_judgement()], **document})

    assert found.properties == {"t-1": expected}


def test_of_several_judgements_the_latest_with_a_level_counts(tmp_path: Path) -> None:
    found = read_objects(
        tmp_path,
        a_judgement(created_at="2026-03-02T12:00:00Z", dimensions={"depth": {"level": 2}}),
        a_judgement(created_at="2026-03-02T10:00:00-04:00", dimensions={"depth": {"level": 4}}),
        a_judgement(created_at="2026-03-09T12:00:00Z", status="failed", dimensions={}),
        a_judgement(created_at=None, dimensions={"depth": {"level": 0}}),
    )

    assert found.levels == {"depth": {"llm judge": {"t-1": 4}}}


def test_judgements_are_chosen_by_rubric_kind_model_and_flag(tmp_path: Path, reasoning: Scale) -> None:
    wanted = a_judgement("t-1", judge={"kind": "human", "name": "anna", "model": "m"}, flags=["ground_truth"])
    others = [
        {**wanted, "trace_id": "t-2", "flags": []},
        {**wanted, "trace_id": "t-3", "judge": {"kind": "llm", "name": "anna", "model": "m"}},
        {**wanted, "trace_id": "t-4", "judge": {"kind": "human", "name": "anna", "model": "n"}},
        {**wanted, "trace_id": "t-5", "rubric": {"id": "process-6", "version": "1"}},
    ]
    found = read_objects(tmp_path, wanted, *others, scale=reasoning, choice=Choice("b", "human", "m", "ground_truth"))

    assert found.traces == {"t-1"}
    assert found.name == "set.jsonl human m ground_truth"


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (a_judgement(kind="heuristic"), "of the kinds heuristic, llm: choose one with --b-kind"),
        (a_judgement(rubric={"id": "process-6", "version": "1"}), "by process-6, reasoning-5: choose one with --rubric"),
        (
            a_judgement(rubric={"id": "reasoning-5", "version": "2"}),
            "by versions 1, 2 of reasoning-5: choose one with --b-version",
        ),
        (
            a_judgement(rubric={"id": "reasoning-5", "version": "1", "sha256": "ab" * 32}),
            r"sha256 000000000000 \(1 judgement\), sha256 abababababab \(1 judgement\); choose one with --b-version SHA256",
        ),
    ],
)
def test_what_does_not_belong_together_is_not_mixed(tmp_path: Path, second: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        read_objects(tmp_path, a_judgement(), second, choice=Choice("b"))


@pytest.mark.parametrize(
    ("version", "traces"), [("1", {"t-1", "t-2"}), ("2", {"t-3"}), ("AB" * 6, {"t-2"}), ("0" * 64, {"t-1"})]
)
def test_judgements_are_chosen_by_version_and_by_content_of_the_rubric(tmp_path: Path, version: str, traces: set[str]) -> None:
    objects = [
        a_judgement("t-1"),
        a_judgement("t-2", rubric={"id": "reasoning-5", "version": "1", "sha256": "ab" * 32}),
        a_judgement("t-3", rubric={"id": "reasoning-5", "version": "2"}),
    ]
    choice = Choice("a", version=version)

    if len(traces) > 1:
        with pytest.raises(InvalidError, match="stands for 2 contents"):
            read_objects(tmp_path, *objects, choice=choice)
    else:
        assert read_objects(tmp_path, *objects, choice=choice).traces == traces


def test_every_fault_of_judgements_is_told_with_its_place(tmp_path: Path) -> None:
    objects = [
        7,
        {"trace_id": "t-1"},
        a_judgement(None),
        a_judgement(dimensions={"depth": {"level": True}}),
        a_judgement(dimensions={"depth": {"level": 6}}),
        {"trace_id": "t-1", "judgements": [a_judgement(), {"rubric": {"id": "reasoning-5"}}]},
        {"trace_id": "t-1", "qa_results": []},
    ]
    found = faults(tmp_path / "set.jsonl", "\n".join(map(json.dumps, objects)))

    assert sorted(fault.partition(":")[0] for fault in found) == [
        "object 1",
        "object 2",
        "object 3",
        "object 4",
        "object 5",
        "object 6, judgement 2",
        "object 7",
    ]
    assert "object 5: depth: expected a level from 0 to 5, got 6" in found
    assert "object 3: trace_id: names no trace" in found


def test_a_dimension_that_the_rubric_does_not_have_is_a_fault(tmp_path: Path, reasoning: Scale) -> None:
    content = json.dumps(a_judgement(dimensions={"dept": {"level": 3}}))

    assert faults(tmp_path / "set.json", content, reasoning) == ["object 1: the rubric has no dimension 'dept'"]


def test_a_score_without_a_level_is_the_nearest_level(tmp_path: Path, reasoning: Scale) -> None:
    found = read_objects(tmp_path, a_judgement(dimensions={"depth": {"score": 0.6}}), scale=reasoning)

    assert found.levels == {"depth": {"llm judge": {"t-1": 2}}}


@pytest.mark.parametrize(("name", "content"), [("set.json", "{"), ("set.json", "NaN"), ("set.csv", "\udcff"), ("set.txt", "x")])
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))

    with pytest.raises(InvalidError, match=name):
        read_set(path, SIX, ANY)
