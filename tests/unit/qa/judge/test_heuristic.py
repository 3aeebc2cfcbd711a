"""The judge that counts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from app.models.judgement import Judgement
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.record import Desk
from app.qa.judge.rendering import render_events
from tests.unit.qa.judge.sessions import (
    FAILURE,
    NOON,
    RUBRIC,
    Draft,
    as_events,
    as_evidence,
    diff,
    edit,
    good_session,
    opened,
    ran,
    result_of,
    thought,
)

DESK = Desk(now=lambda: NOON, monotonic=lambda: 0.0, new_id=lambda: "j-1")


def judged(drafts: list[Draft]) -> Judgement:
    (judgement,) = HeuristicJudge(DESK).judge(as_evidence(drafts), RUBRIC)
    return judgement


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
    assert len(counted["features"]) == 19  # type: ignore[arg-type]


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


@pytest.mark.parametrize(
    ("drafts", "flag", "limits"),
    [
        (
            [*good_session(), edit(), thought("Fixed the last bit: tests pass."), thought("All tests are green."),
             thought("Verified."), thought("It works now.")],
            "unsupported_claims", {"logical_coherence": 0.4, "validation": 0.5},
        ),
        ([edit(), *good_session()], "no_investigation", {"hypothesis_formation": 0.25, "depth": 0.25}),
        (
            [*good_session(), edit("tests/test_b.py", diff(added=["@pytest.mark.skip"])), ran("pytest")],
            "tests_weakened", {"validation": 0.25},
        ),
        ([*good_session(), edit()], "unverified", {"validation": 0.25}),
    ],
)  # fmt: skip
def test_a_cap_holds_its_dimensions_down_and_is_told(drafts: list[Draft], flag: str, limits: dict[str, float]) -> None:
    judgement = judged(drafts)

    assert flag in judgement.flags
    for name, limit in limits.items():
        score = judgement.dimensions[name].score
        assert score is not None
        assert score <= limit


def test_a_good_session_has_no_flags() -> None:
    assert judged(good_session()).flags == ()


@pytest.mark.parametrize(
    "drafts",
    [
        [ran("'", None, "\x00\ud83d \x1b[31m")],
        [edit(diff=""), edit(diff="@@ garbage"), edit(diff="+\n-\n@@ -1,9 +1,9 @@\n+a")],
        [result_of(False, "x", failed_tests=("a", "b"), selection=("a", "b"))],
        [thought("\u202e" * 10, plan="p"), opened("a b/[c].py")],
    ],
)
def test_odd_events_are_judged_like_any_other(drafts: list[Draft]) -> None:
    assert judged(drafts).status in ("scored", "partial")


@pytest.mark.parametrize("part", ["a", "a.", "/a", "a_B", "1", " ", "n't ", "tests ", "\x1b]0;", "{", "-", "\n@@", "'", "<<"])
def test_long_odd_text_is_judged_like_any_other(part: str) -> None:
    """A search that starts anew at every character would not come back from this."""
    text = part * (200_000 // len(part))
    drafts = [ran(text, 1, text), thought(text), edit(diff=text), result_of(False, "pytest", summary=text), thought("x")]

    assert judged(drafts).status in ("scored", "partial")
    assert render_events(as_events(drafts), "n", 1000) is not None


def test_the_work_is_linear_in_the_events() -> None:
    def calls(repeats: int) -> int:
        drafts = [
            {
                **draft,
                "data": {
                    **draft["data"],
                    **({"content": f"{draft['data']['content']} {n}"} if "content" in draft["data"] else {}),
                },
            }
            for n in range(repeats)
            for draft in good_session()
        ]
        evidence = as_evidence(drafts)
        return calls_during(lambda: HeuristicJudge(DESK).judge(evidence, RUBRIC))

    assert calls(400) < 12 * calls(40)  # ten times the events; a square would be a hundred times the work


def calls_during(work: Callable[[], object]) -> int:
    """How many functions were called: a measure of the work that no other program on the machine disturbs."""
    count = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
