"""``judge compare`` on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from app.cli.judge_compare import command
from app.errors import InvalidError
from app.qa.judge.rubric import load_rubrics
from tests.agreement import ANNA, BEN, JUDGE, LEVELS, by_trace, noisy


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


def a_table(path: Path, sides: Mapping[str, Mapping[str, float]], **more: Mapping[str, object]) -> Path:
    """A file with one dimension; ``more`` are columns by trace id."""
    lines = [",".join(["trace_id", "dimension", "level", "total", "rater", *more])]
    for rater, levels in sides.items():
        for trace, level in levels.items():
            lines.append(
                ",".join(map(str, [trace, "depth", level, level / 2, rater, *(column[trace] for column in more.values())]))
            )
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def judge(tmp_path: Path) -> Path:
    return a_table(tmp_path / "judge.csv", {"j": by_trace(JUDGE)})


@pytest.fixture
def reviewers(tmp_path: Path) -> Path:
    return a_table(tmp_path / "reviewers.csv", {"anna": by_trace(ANNA)})


@pytest.fixture
def generous(tmp_path: Path) -> tuple[Path, Path]:
    """A judge who is a level too generous, and three reviewers; 120 traces."""
    random = np.random.default_rng(6)
    truth = [float(level) for level in random.integers(0, LEVELS, 120)]
    said = by_trace([min(level + 1, LEVELS - 1) for level in truth])
    people = {name: by_trace(noisy(truth, random, 0.4)) for name in ("anna", "ben", "chloe")}
    outcome = {trace: "passed" if number % 2 else "failed" for number, trace in enumerate(said)}
    length = {trace: number + 1 for number, trace in enumerate(said)}
    return (
        a_table(tmp_path / "generous.csv", {"j": said}, outcome=outcome, length=length),
        a_table(tmp_path / "people.csv", people),
    )


def agreements(result: Result) -> dict[str, Any]:
    return {one["subject"]: one for one in json.loads(result.stdout)["agreements"]}


def test_a_table_tells_each_statistic_with_n_interval_and_label(judge: Path, reviewers: Path) -> None:
    result = run(judge, reviewers, "--levels", "6")
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    words = [[cell.strip() for cell in line if cell.strip()] for line in lines]

    assert result.exit_code == 0
    assert words[:3] == [
        ["A: judge.csv, 12 traces, 1 rater"],
        ["B: reviewers.csv, 12 traces, 1 rater"],
        ["12 traces in both, levels 0-5"],
    ]
    assert words[4] == ["n", "statistic", "value", "95 % interval", "label"]
    assert words[5] == ["depth", "12", "QWK", "0.894", "0.741 to 0.958", "uncalibrated: fewer than 50 traces"]
    assert [line[:3] for line in words[6:9]] == [
        ["12", "kappa, linear", "0.737"],
        ["12", "kappa, plain", "0.487"],
        ["12", "alpha, ordinal", "0.909"],
    ]
    assert next(line for line in words if line[:1] == ["total"])[:4] == ["total", "12", "ICC(A,1)", "0.902"]


def test_json_holds_every_number(judge: Path, reviewers: Path) -> None:
    result = run(judge, reviewers, "--levels", "6", "--json")
    found = agreements(result)

    assert json.loads(result.stdout)["shared_traces"] == 12
    assert found["depth"]["measures"]["qwk"]["value"] == pytest.approx(0.893617, abs=5e-7)
    assert found["depth"]["measures"]["bias"]["value"] == pytest.approx(1 / 12)
    assert found["total"]["measures"]["mae"]["value"] == pytest.approx(5 / 24)
    assert sum(map(sum, found["depth"]["table"])) == 12
    assert found["depth"]["table"][2] == [0, 0, 2, 0, 0, 0]
    assert found["depth"]["label"] == {"name": "uncalibrated", "reason": "fewer than 50 traces"}
    assert found["depth"]["stand_in"] is None
    assert "calibration" not in found["depth"]


def test_several_reviewers_are_also_compared_with_each_other(judge: Path, tmp_path: Path) -> None:
    both = a_table(tmp_path / "both.csv", {"anna": by_trace(ANNA), "ben": by_trace(BEN)})
    found = agreements(run(judge, both, "--levels", "6", "--json"))["depth"]["among_b"]

    assert found["alpha_ordinal"]["value"] == pytest.approx(0.857631, abs=5e-7)
    assert found["alpha_ordinal"]["n"] == found["mean_pairwise_qwk"]["n"] == 11
    assert "B among themselves: alpha, ordinal  0.858" in run(judge, both, "--levels", "6").stdout


def test_three_reviewers_allow_the_question_whether_the_judge_may_stand_in(generous: tuple[Path, Path]) -> None:
    found = agreements(run(*generous, "--levels", "6", "--json"))["depth"]["stand_in"]
    text = run(*generous, "--levels", "6").stdout

    assert (found["passes"], found["winning_rate"]) == (False, 0)
    assert [one["reviewer"] for one in found["left_out"]] == ["anna", "ben", "chloe"]
    assert "depth: may A stand in for a reviewer? no: it wins against 0 of 3 (epsilon 0.1)" in text


def test_too_few_traces_for_that_question_are_told(judge: Path, tmp_path: Path) -> None:
    both = a_table(tmp_path / "both.csv", {"anna": by_trace(ANNA), "ben": by_trace(BEN)})

    assert "Not tested: needs 3 reviewers with 30 shared traces each" in run(judge, both, "--levels", "6").stdout


def test_a_map_is_shown_where_it_helps(generous: tuple[Path, Path], judge: Path, reviewers: Path) -> None:
    kept = run(*generous, "--levels", "6", "--calibrate").stdout
    not_tried = run(judge, reviewers, "--levels", "6", "--calibrate").stdout
    found = agreements(run(*generous, "--levels", "6", "--calibrate", "--json"))["depth"]["calibration"]

    assert "depth: map kept (MAE " in kept
    assert "  level 3 -> 2." in kept
    assert "depth: no map: fewer than 50 traces" in not_tried
    assert found["is_kept"] is True
    assert found["levels"][3] == pytest.approx(2, abs=0.2)


def test_a_map_also_gives_scores_where_the_rubric_is_known(tmp_path: Path) -> None:
    right = [0, 1, 2, 3] * 20
    one = a_table(tmp_path / "a.csv", {"j": by_trace([level + 1 for level in right])})
    other = a_table(tmp_path / "b.csv", {"r": by_trace(right)})
    result = run(one, other, "--rubric", "reasoning-5", "--calibrate")

    assert "  level 4 -> 3.00   score 1 -> 0.750" in result.stdout
    assert agreements(run(one, other, "--rubric", "reasoning-5", "--calibrate", "--json"))["depth"]["calibration"]["scores"][
        4
    ] == {
        "score": 1.0,
        "calibrated_score": 0.75,
    }


def test_parts_are_compared_on_their_own(generous: tuple[Path, Path]) -> None:
    result = run(*generous, "--levels", "6", "--split-by", "outcome", "--split-by", "length", "--json")
    found = json.loads(result.stdout)["splits"]
    text = run(*generous, "--levels", "6", "--split-by", "outcome").stdout

    assert {value: [one["n"] for one in part] for value, part in found["outcome"].items()} == {
        "failed": [60, 60],
        "passed": [60, 60],
    }
    assert list(found["length"]) == [
        "1st quartile, 1–30 events",
        "2nd quartile, 31–60 events",
        "3rd quartile, 61–90 events",
        "4th quartile, 91–120 events",
    ]
    assert "By outcome:" in text


def test_both_sides_may_come_from_the_same_traces(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(a_document(number, one, other)) for number, (one, other) in enumerate(zip(JUDGE, ANNA, strict=True))
        )
    )
    result = run(path, path, "--levels", "6", "--a-kind", "llm", "--b-kind", "human", "--json")

    assert agreements(result)["depth"]["measures"]["qwk"]["value"] == pytest.approx(0.893617, abs=5e-7)
    assert json.loads(result.stdout)["a"]["name"] == "traces.jsonl llm"


def by_contents(folder: Path, one: str, other: str) -> Path:
    """Traces that a model judged by one content of the rubric, and people by another."""
    documents = [a_document(number, *levels) for number, levels in enumerate(zip(JUDGE, ANNA, strict=True))]
    for document in documents:
        for judgement, sha256 in zip(document["qa_results"]["judgements"], (one, other), strict=True):
            judgement["rubric"]["sha256"] = sha256
            judgement["dimensions"] = {"causal_linking": judgement["dimensions"]["depth"]}
    path = folder / "contents.json"
    path.write_text(json.dumps(documents))
    return path


def test_two_sides_by_two_contents_of_one_version_are_not_compared_unknowingly(tmp_path: Path) -> None:
    path = by_contents(tmp_path, "ab" * 32, "cd" * 32)
    sides = (path, path, "--levels", "6", "--a-kind", "llm", "--b-kind", "human")
    with pytest.raises(InvalidError) as refused:
        run(*sides)
    knowingly = run(*sides, "--a-version", "ab" * 6, "--b-version", "cd" * 6, "--json")

    assert refused.value.detail == (
        "The rubric process-6 was changed without a new version: as version 1, A was judged by sha256 abababababab and B by "
        "sha256 cdcdcdcdcdcd. Compare judgements by one of them, or name both with --a-version SHA256 and --b-version SHA256."
    )
    assert agreements(knowingly)["causal_linking"]["n"] == 12


def test_the_rubric_of_the_command_line_may_be_another_content(tmp_path: Path) -> None:
    own = load_rubrics()["process-6"].sha256
    kinds = ("--rubric", "process-6", "--a-kind", "llm", "--b-kind", "human")
    path = by_contents(tmp_path, "ab" * 32, "ab" * 32)
    other = run(path, path, *kinds)
    by_contents(tmp_path, own, own)
    same = run(path, path, *kinds)

    assert (other.exit_code, same.exit_code) == (0, 0)
    assert "Note: A was judged by another content of process-6 1 (sha256 abababababab) than --rubric names" in other.stderr
    assert f"(sha256 {own[:12]})" in other.stderr
    assert same.stderr == ""


def a_document(number: int, one: int, other: int) -> dict[str, Any]:
    def judgement(kind: str, level: int) -> dict[str, Any]:
        return {
            "rubric": {"id": "process-6", "version": "1"},
            "judge": {"kind": kind, "name": kind},
            "dimensions": {"depth": {"level": level}},
            "created_at": "2026-03-02T12:00:00Z",
        }

    return {"trace_id": f"t-{number}", "qa_results": {"judgements": [judgement("llm", one), judgement("human", other)]}}


def test_a_picture_is_drawn_in_pixels(generous: tuple[Path, Path], tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    result = run(*generous, "--levels", "6", "--plot", picture)
    pixels = imread(picture)

    assert result.exit_code == 0
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 600
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50


def test_a_picture_is_drawn_in_lines(generous: tuple[Path, Path], tmp_path: Path) -> None:
    pictures = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for picture in pictures:
        run(*generous, "--levels", "6", "--plot", picture)
    root = ElementTree.fromstring(pictures[0].read_text())
    panels = [one for one in root.iter() if (one.get("id") or "").startswith("axes_")]

    assert len(panels) == 2
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_a_name_is_drawn_as_it_is(tmp_path: Path) -> None:
    """A dollar sign begins a formula elsewhere, and this one could not be read as one."""
    table = tmp_path / "a$_$.csv"
    table.write_text("trace_id,dimension,level\nt-1,$^cost$,1\nt-2,$^cost$,2\n")
    result = run(table, table, "--levels", "6", "--plot", tmp_path / "picture.svg")

    assert result.exit_code == 0
    assert "$^cost$" in (tmp_path / "picture.svg").read_text()


def refused(arguments: Sequence[str | Path]) -> str:
    with pytest.raises(InvalidError) as raised:
        run(*arguments)
    return raised.value.detail


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "Say on which scale the levels are: --rubric or --levels."),
        (("--levels", "6", "--split-by", "language"), "Neither set tells the language of any trace."),
        (("--rubric", "reasoning-5", "--levels", "6"), "The rubric reasoning-5 has 5 levels, not 6."),
        (("--levels", "6", "--plot", "picture.gif"), "picture.gif is neither .png nor .svg."),
        (("--rubric", "gone.toml"), "The rubric gone.toml cannot be read"),
    ],
)
def test_options_that_cannot_be_met_are_refused(
    judge: Path, reviewers: Path, arguments: tuple[str, ...], expected: str
) -> None:
    assert refused([judge, reviewers, *arguments]) == expected


def test_rubrics_that_are_not_there_are_refused_with_those_that_are(judge: Path, reviewers: Path) -> None:
    message = refused([judge, reviewers, "--rubric", "gone"])

    assert message.startswith("No rubric has the id gone; there are ")
    assert "reasoning-5" in message


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("u-1,depth,3", "The two sets have no trace in common."),
        ("t-0000,validation,3", "The two sets score no dimension of the same trace."),
    ],
)
def test_sets_with_nothing_in_common_are_refused(judge: Path, tmp_path: Path, line: str, expected: str) -> None:
    other = tmp_path / "other.csv"
    other.write_text(f"trace_id,dimension,level\n{line}\n")

    assert refused([judge, other, "--levels", "6"]) == expected


def test_a_picture_that_cannot_be_written_is_told(judge: Path, reviewers: Path, tmp_path: Path) -> None:
    assert "cannot be written" in refused([judge, reviewers, "--levels", "6", "--plot", tmp_path / "gone" / "picture.png"])


def without(library: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command where a library of the extra is not installed."""
    code = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from app.cli.judge_compare import command\n"
        "from app.errors import UnavailableError\n"
        "try: command(sys.argv[1:])\n"
        "except UnavailableError as error: sys.exit(error.detail)\n"
    )
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("library", ["numpy", "scipy", "sklearn", "krippendorff", "matplotlib"])
def test_without_the_extra_it_says_what_to_install(library: str, judge: Path, reviewers: Path) -> None:
    result = without(library, judge, reviewers, "--levels", "6")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Agreement statistics need the extra: pip install 'pr-telemetry[agreement]'\n"


def test_without_the_extra_there_is_still_help() -> None:
    result = without("numpy", "--help")

    assert result.returncode == 0
    assert "pip install 'pr-telemetry[agreement]'" in result.stdout
