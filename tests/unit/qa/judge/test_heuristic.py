"""The judge that counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.models.judgement import Judgement
from app.models.rubric import Rubric
from app.qa.judge.features.commands import MAX_SIMPLE_COMMANDS
from app.qa.judge.heuristic import HeuristicJudge, measure_features
from app.qa.judge.record import Desk
from tests.unit.qa.judge.sessions import (
    FAILURE,
    NOON,
    PROCESS_RUBRIC,
    RUBRIC,
    Draft,
    as_evidence,
    calls_during,
    diff,
    edit,
    good_session,
    opened,
    ran,
    repeated,
    result_of,
    thought,
)

DESK = Desk(now=lambda: NOON, monotonic=lambda: 0.0, new_id=lambda: "j-1")


def judged(drafts: list[Draft], rubric: Rubric = RUBRIC) -> Judgement:
    (judgement,) = HeuristicJudge(DESK).judge(as_evidence(drafts), rubric)
    return judgement


def dimension(judgement: Judgement, name: str) -> float:
    score = judgement.dimensions[name].score
    assert score is not None
    return score


def test_a_good_session_is_scored_with_evidence() -> None:
    judgement = judged(good_session())

    assert (judgement.status, judgement.reason, judgement.total) == ("scored", None, 5.0)
    assert judgement.judge.kind == "heuristic"
    assert all(dimension.evidence and dimension.rationale for dimension in judgement.dimensions.values())
    assert "no language model was involved" in judgement.feedback
    assert "(id-1)" in judgement.feedback


def test_the_total_is_the_sum_of_the_dimensions() -> None:
    judgement = judged(good_session()[4:])

    assert judgement.total == pytest.approx(sum(one.score or 0 for one in judgement.dimensions.values()))
    assert judgement.total is not None
    assert judgement.total < 4


def test_the_same_trace_gets_the_same_judgement() -> None:
    assert judged(good_session()) == judged(good_session())


def test_counted_holds_the_features_and_counts() -> None:
    counted = judged(good_session()).counted

    assert counted["edits"] == 2
    assert counted["features"]["F13"] == {"name": "check_after_last_edit", "value": 1.0, "events": ["id-9"]}  # type: ignore[index,call-overload]
    assert counted["features"].keys() == {f"F{number:02}" for number in range(1, 20)}  # type: ignore[union-attr]


def test_without_events_nothing_can_be_scored() -> None:
    judgement = judged([])

    assert (judgement.status, judgement.reason, judgement.total, judgement.dimensions) == (
        "not_scorable",
        "no_events",
        None,
        {},
    )


def test_without_reasoning_what_needs_it_is_missing_not_bad() -> None:
    judgement = judged([draft for draft in good_session() if draft["event_type"] != "reasoning_step"])

    assert (judgement.status, judgement.total) == ("partial", None)
    scored = {name for name, dimension in judgement.dimensions.items() if dimension.score is not None}
    assert scored == {"evidence_gathering", "validation"}
    assert judgement.reason == "no_reasoning: hypothesis_formation, logical_coherence, depth"


def test_a_dimension_with_too_little_to_count_is_not_scored() -> None:
    judgement = judged([thought("Hm."), thought("It must be somewhere.")])

    assert judgement.dimensions["validation"].score is None
    assert judgement.status == "partial"
    assert judgement.reason is not None
    assert judgement.reason.startswith("too_little_evidence: ")


def test_without_any_hypothesis_there_is_no_hypothesis_formation() -> None:
    judgement = judged([ran("pytest", 1, FAILURE), thought("AssertionError again."), edit(diff=diff(["a"], ["b"]))])

    assert judgement.dimensions["hypothesis_formation"].score == 0.0


CARELESS_CLAIMS = [
    *good_session(), edit(), thought("Fixed the last bit: tests pass."), thought("All tests are green."), thought("Verified."),
    thought("It works now."),
]  # fmt: skip
UNPREPARED = [edit(), *good_session()]
WEAKENED = [*good_session(), edit("tests/test_b.py", diff(added=["@pytest.mark.skip"])), ran("pytest")]
UNCHECKED = [*good_session(), edit()]


@pytest.mark.parametrize(
    ("drafts", "flag", "limits"),
    [
        (CARELESS_CLAIMS, "unsupported_claims", {"logical_coherence": 0.4, "validation": 0.5}),
        (UNPREPARED, "no_investigation", {"hypothesis_formation": 0.25, "depth": 0.25}),
        (WEAKENED, "tests_weakened", {"validation": 0.25}),
        (UNCHECKED, "unverified", {"validation": 0.25}),
    ],
)
def test_a_cap_holds_its_dimensions_down_and_is_told(drafts: list[Draft], flag: str, limits: dict[str, float]) -> None:
    judgement = judged(drafts)

    assert flag in judgement.flags
    assert {name for name, one in judgement.dimensions.items() if flag in one.flags} == set(limits)
    for name, limit in limits.items():
        assert dimension(judgement, name) <= limit


@pytest.mark.parametrize(
    ("drafts", "flag", "limits"),
    [
        (CARELESS_CLAIMS, "unsupported_claims", {"causal_linking": 2.0}),
        (UNPREPARED, "no_investigation", {"causal_linking": 1.25, "experiment_design": 2.0}),
        (WEAKENED, "tests_weakened", {"experiment_design": 1.25, "safety_hygiene": 2.5, "causal_linking": 2.5}),
        (UNCHECKED, "unverified", {"experiment_design": 2.5}),
    ],
)
def test_the_caps_hold_by_the_process_rubric_too(drafts: list[Draft], flag: str, limits: dict[str, float]) -> None:
    judgement = judged(drafts, PROCESS_RUBRIC)

    assert flag in judgement.flags
    assert {name for name, one in judgement.dimensions.items() if flag in one.flags} == set(limits)
    for name, limit in limits.items():
        assert dimension(judgement, name) <= limit < dimension(judged(good_session(), PROCESS_RUBRIC), name)


def test_a_good_session_has_no_flags() -> None:
    assert judged(good_session()).flags == ()


@pytest.mark.parametrize(
    "drafts",
    [
        [ran("'", None, "\x00\ud83d \x1b[31m")],
        [edit(diff=""), edit(diff="@@ garbage"), edit(diff="+\n-\n@@ -1,9 +1,9 @@\n+a")],
        [result_of(False, "x", failed_tests=("a", "b"), selection=("a", "b"))],
        [thought("\u202e" * 10, plan="p"), opened("a b/[c].py")],
        [
            ran("pytest", 0, "1" * 5000 + " passed"),
            edit(diff=f"@@ -1,{'1' * 5000} +1 @@\n-a\n+b\n"),
            ran("pytest", 0, "5 pa\u017f\u017fed"),
        ],
        [ran("pytest", None, "²² failed ١٢ passed"), edit(diff="@@ -١,٢ +٣ @@\n-a\n+b\n"), edit(diff="@@ -² +² @@")],
        [result_of(False, "9" * 5000, summary="9" * 5000 + " failed")],
    ],
)
def test_odd_events_are_judged_like_any_other(drafts: list[Draft]) -> None:
    statuses = {judged(drafts, rubric).status for rubric in (RUBRIC, PROCESS_RUBRIC)}

    assert statuses <= {"scored", "partial", "not_scorable"}


def test_where_no_dimension_has_enough_to_count_nothing_is_scored() -> None:
    judgement = judged([opened(), opened("a.py")])

    assert (judgement.status, judgement.total, judgement.partial, judgement.confidence) == ("not_scorable", None, None, None)
    assert judgement.reason == "no_reasoning: hypothesis_formation, evidence_gathering, logical_coherence, validation, depth"
    assert (judgement.dimensions, judgement.flags, judgement.needs_review) == ({}, (), False)
    assert "Not scored: hypothesis_formation, " in judgement.feedback
    assert judgement.counted["events"] == 2


ODD_PARTS = (
    "a", "a.", "/a", "a_B", "1", " ", "n't ", "tests ", "\x1b]0;", "{", "-", "\n@@", "'", "<<", "sh|", "a=1 ", "eval ", "<<a\n",
    "~/", "$(curl ",
)  # fmt: skip


@pytest.mark.parametrize("part", ODD_PARTS)
def test_long_odd_text_is_judged_like_any_other(part: str) -> None:
    """A search that starts anew at every character would not come back from this."""
    text = part * (200_000 // len(part))
    drafts = [ran(text, 1, text), thought(text), edit(diff=text), result_of(False, "pytest", summary=text), thought("x")]

    assert {judged(drafts, rubric).status for rubric in (RUBRIC, PROCESS_RUBRIC)} <= {"scored", "partial"}


@pytest.mark.parametrize("rubric", [RUBRIC, PROCESS_RUBRIC], ids=lambda rubric: rubric.id)
def test_the_work_is_linear_in_the_events(rubric: Rubric) -> None:
    def calls(repeats: int) -> int:
        evidence = as_evidence(repeated(repeats))
        return calls_during(lambda: HeuristicJudge(DESK).judge(evidence, rubric))

    assert calls(400) < 12 * calls(40)  # ten times the events; a square would be a hundred times the work


@pytest.mark.parametrize(
    "part", ["a;", "rm a;", "a | ", "env ", "A=1 ", "git -c a ", "sudo ", "cat <<A\nA\n", "bash -c 'a;'\n"]
)
def test_the_work_for_one_long_command_line_is_bounded(part: str) -> None:
    def calls(size: int) -> int:
        evidence = as_evidence([ran(part * (size // len(part)) + "x"), thought("x"), edit()])
        return calls_during(lambda: HeuristicJudge(DESK).judge(evidence, PROCESS_RUBRIC))

    assert calls(8000) < 60_000
    assert calls(80_000) < 60_000


@pytest.mark.parametrize("part", ["a;", "rm a;", "bash -c 'a;'\n"])
def test_so_many_commands_of_a_line_are_looked_at(part: str) -> None:
    def calls(count: int) -> int:
        evidence = as_evidence([ran(part * count), thought("x"), edit()])
        return calls_during(lambda: HeuristicJudge(DESK).judge(evidence, PROCESS_RUBRIC))

    assert calls(2 * MAX_SIMPLE_COMMANDS) < 1.1 * calls(MAX_SIMPLE_COMMANDS)


@pytest.mark.parametrize("first", [RUBRIC, PROCESS_RUBRIC], ids=lambda rubric: rubric.id)
def test_what_was_counted_is_not_counted_again_for_another_rubric_or_judge(first: Rubric) -> None:
    evidence = as_evidence(repeated(40))
    alone = calls_during(lambda: HeuristicJudge(DESK).judge(replace(evidence), RUBRIC))
    judgements = HeuristicJudge(DESK).judge(evidence, first), HeuristicJudge(DESK).judge(replace(evidence), first)
    measure_features(evidence)

    assert judgements[0] == judgements[1]
    assert calls_during(lambda: (HeuristicJudge(DESK).judge(evidence, RUBRIC), measure_features(evidence))) < alone / 10
