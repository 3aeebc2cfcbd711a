"""Reports of ``judge compare`` as the filter of an export reads them, and as the command prints them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import export, judge_compare
from app.cli.calibration_report import read_calibration, render_refusal
from app.errors import InvalidError
from app.models.judgement import DimensionScore, JudgeIdentity, JudgeKind, Judgement
from app.models.rubric import RubricRef
from app.models.trace import Trace
from app.qa.judge.rubric import load_rubrics
from app.rules.vouching import NamedJudge, NamedRubric
from app.storage.base import Record
from app.storage.file_traces import FileTraceStore
from app.storage.layout import Layout
from tests.builders import NOON
from tests.unit.formats.writing.sessions import a_finalized, results

RUBRIC = load_rubrics()["reasoning-5"]
MODEL = NamedJudge("llm", "chat", "2", "m-1", "1" * 64)
PERSON = NamedJudge("human", "anna", "1")
TRACES = 60


def a_side(*judges: NamedJudge, rubrics: tuple[NamedRubric, ...] = (NamedRubric.of(RUBRIC.ref),)) -> dict[str, Any]:
    return {"judges": [vars(judge) for judge in judges], "rubrics": [vars(rubric) for rubric in rubrics]}


def a_report(folder: Path, **more: Any) -> Path:
    agreements = [
        {"subject": "depth", "label": {"name": "usable", "reason": "fewer than 100 traces"}},
        {"subject": "validation", "label": {"name": "uncalibrated", "reason": "fewer than 50 traces"}},
        {"subject": "total", "label": None},
    ]
    path = folder / "report.json"
    path.write_text(json.dumps({"a": a_side(MODEL), "b": a_side(PERSON), "agreements": agreements, **more}))
    return path


def test_a_report_tells_judge_rubric_labels_and_its_hash(tmp_path: Path) -> None:
    path = a_report(tmp_path)

    found = read_calibration(path, "usable")

    assert (found.judge, found.rubric) == (MODEL, NamedRubric.of(RUBRIC.ref))
    assert found.labels == {"depth": "usable", "validation": "uncalibrated"}
    assert found.report_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"a": a_side()}, "names no judge of side A; compare judgements or traces"),
        ({"a": a_side(MODEL, rubrics=())}, "names no rubric of side A"),
        ({"a": a_side(MODEL, PERSON)}, r"side A mixes 2 judges \(llm chat 2 m-1, human anna 1\)"),
        ({"a": a_side(MODEL, rubrics=(NamedRubric("x", "1"), NamedRubric("x", "2")))}, r"mixes 2 rubrics \(x 1, x 2\)"),
        ({"b": a_side(MODEL)}, "side B is llm chat 2 m-1, and labels mean agreement with people"),
        ({"a": {"name": "a.csv"}}, "is not what judge compare --json prints: a.judges: Field required; a.rubrics"),
        ({"agreements": [{"subject": "depth", "label": {"name": "superb"}}]}, r"agreements\.0\.label\.name"),
    ],
)
def test_a_report_that_leaves_open_whom_it_vouches_for_is_refused(tmp_path: Path, change: Any, told: str) -> None:
    path = a_report(tmp_path, **change)

    with pytest.raises(InvalidError, match=told):
        read_calibration(path, "usable")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_what_is_no_report_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)

    with pytest.raises(InvalidError, match="is not what judge compare --json prints"):
        read_calibration(tmp_path / "report.json", "usable")


def test_reviewers_in_a_table_are_taken_at_the_word_of_whoever_compares(tmp_path: Path) -> None:
    assert read_calibration(a_report(tmp_path, b=a_side(rubrics=())), "usable").judge == MODEL


def test_a_refusal_says_what_the_report_is_about_and_what_is_too_low(tmp_path: Path) -> None:
    found = read_calibration(a_report(tmp_path), "usable")

    assert render_refusal(Path("r.json"), found, 7) == (
        "r.json does not vouch for the scores of 7 traces: it is about llm chat 2 m-1 by reasoning-5 1, "
        "and validation is uncalibrated"
    )


# --- from a comparison to an export -----------------------------------------------------------------------------------


def a_judgement(kind: JudgeKind, level: int, version: str = "2", rubric: RubricRef = RUBRIC.ref) -> Judgement:
    score = RUBRIC.scale.at(level)
    model = "m-1" if kind == "llm" else None
    return Judgement(
        rubric=rubric,
        judge=JudgeIdentity(kind=kind, name="chat" if kind == "llm" else "anna", version=version, model=model),
        status="scored",
        dimensions={one.id: DimensionScore(score=score, level=level, rationale="…") for one in RUBRIC.dimensions},
        total=score * len(RUBRIC.dimensions),
        created_at=NOON,
        duration_ms=1,
    )


def a_trace(trace_id: str, *judgements: Judgement) -> Trace:
    return a_finalized(trace_id, events=(), qa_results=results(score=judgements[0].total, judgements=judgements[:1]),
                       judgements=judgements[1:])  # fmt: skip


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Sessions that a model judged, or another version of it, or by another version of the rubric."""
    layout = Layout(tmp_path / "data")
    layout.make()
    store = FileTraceStore(layout)
    for trace in (
        a_trace("by-the-judge", a_judgement("llm", 3)),
        a_trace("by-another-version", a_judgement("llm", 3, "3")),
        a_trace("by-another-rubric", a_judgement("llm", 3, rubric=RUBRIC.ref.model_copy(update={"version": "9"}))),
        a_trace("by-a-person", a_judgement("human", 3)),
        a_finalized("by-nobody", events=(), score=None),
    ):
        store.create(trace, Record())
    return layout.lock.parent


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """What comes of comparing the judge with a person on other traces, by the command itself."""
    judged = tmp_path / "judged.jsonl"
    levels = [number % RUBRIC.scale.levels for number in range(TRACES)]
    traces = (
        a_trace(f"t-{number}", a_judgement("llm", level), a_judgement("human", level)) for number, level in enumerate(levels)
    )
    judged.write_text("".join(trace.model_dump_json() + "\n" for trace in traces))
    arguments = [str(judged), str(judged), "--rubric", RUBRIC.id, "--a-kind", "llm", "--b-kind", "human", "--json"]
    ran = CliRunner().invoke(judge_compare.command, arguments, catch_exceptions=False)
    (tmp_path / "report.json").write_text(ran.stdout)
    return tmp_path / "report.json"


def run(data_dir: Path, *arguments: str | Path) -> Result:
    given = ["--format", "jsonl", "--no-dedup", "--data-dir", data_dir, *arguments]
    return CliRunner().invoke(export.command, [str(one) for one in given], catch_exceptions=False)


def test_a_comparison_names_the_judges_and_rubrics_of_both_sides(report: Path) -> None:
    found = json.loads(report.read_text())

    assert found["a"]["judges"] == [{"kind": "llm", "name": "chat", "version": "2", "model": "m-1", "prompt_sha256": None}]
    assert [judge["kind"] for judge in found["b"]["judges"]] == ["human"]
    assert found["a"]["rubrics"] == found["b"]["rubrics"] == [RUBRIC.ref.model_dump()]


def test_only_what_the_judge_of_the_report_scored_is_exported(data_dir: Path, report: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    ran = run(data_dir, "--calibration", report, "--min-calibration", "usable", "--out", out)

    manifest = json.loads((out / "MANIFEST.json").read_text())
    sha256 = hashlib.sha256(report.read_bytes()).hexdigest()
    assert ran.exit_code == 0
    assert [json.loads(line)["trace_id"] for line in (out / "data/train-00000-of-00001.jsonl").read_text().splitlines()] == [
        "by-the-judge"
    ]
    assert manifest["traces"]["left_out"] == {"not_calibrated": 3, "not_judged": 1}
    assert manifest["query"]["calibration"]["report_sha256"] == sha256
    assert sha256 in (out / "README.md").read_text().partition("## How it was verified")[2].partition("## ")[0]


def test_a_report_that_vouches_for_nothing_is_told_as_a_sentence(data_dir: Path, report: Path) -> None:
    ran = run(data_dir, "--calibration", report, "--min-calibration", "calibrated", "--dry-run")

    assert ran.exit_code == 1
    assert f"{report} does not vouch for the scores of 4 traces: it is about llm chat 2 m-1 by reasoning-5" in ran.stderr
    assert "depth is usable" in ran.stderr


def test_a_report_about_others_says_whom_it_is_about(data_dir: Path, report: Path) -> None:
    ran = run(data_dir, "--judge-kind", "human", "--calibration", report, "--min-calibration", "usable", "--dry-run")

    assert ran.exit_code == 1
    assert ran.stderr.endswith("does not vouch for the score of 1 trace: it is about llm chat 2 m-1 by reasoning-5 1\n")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--min-calibration", "usable"), "go together"),
        (("--calibration", "REPORT"), "go together"),
        (("--calibration", "REPORT", "--min-calibration", "usable", "--server", "http://127.0.0.1:9"), "takes no report"),
        (("--calibration", "REPORT", "--min-calibration", "uncalibrated"), "usable"),
    ],
)
def test_half_a_question_is_none(data_dir: Path, report: Path, options: tuple[str, ...], told: str) -> None:
    ran = run(data_dir, *(str(report) if one == "REPORT" else one for one in options), "--dry-run")

    assert ran.exit_code == 2
    assert told in ran.stderr
