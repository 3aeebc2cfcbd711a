"""The judge that counts, by the process rubric; and what it makes of refuted events, little reasoning and odd sessions."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from app.models.judgement import Judgement
from app.models.rubric import Rubric
from app.qa.base import Evidence
from app.qa.judge.features.measure import MAX_EVENTS
from app.qa.judge.features.registry import FEATURES
from app.qa.judge.heuristic import HeuristicJudge, measure_features
from app.qa.judge.record import Desk
from tests.unit.qa.judge.sessions import (
    FAILS,
    GUESS,
    NOON,
    PASSES,
    PROCESS_RUBRIC,
    RUBRIC,
    RUBRICS,
    Draft,
    as_evidence,
    calls_during,
    diff,
    edit,
    good_session,
    opened,
    ran,
    result_of,
    thought,
)

DESK = Desk(now=lambda: NOON, monotonic=lambda: 0.0, new_id=lambda: "j-1")


def judged(drafts: list[Draft], refuted: Iterable[str] = (), rubric: Rubric = PROCESS_RUBRIC, **more: Any) -> Judgement:
    (judgement,) = HeuristicJudge(DESK).judge(as_evidence(drafts, refuted, **more), rubric)
    return judgement


def score(judgement: Judgement, name: str) -> float:
    found = judgement.dimensions[name].score
    assert found is not None
    return found


def test_a_good_session_has_all_of_it() -> None:
    judgement = judged(good_session())

    assert (judgement.status, judgement.needs_review) == ("scored", False)
    assert judgement.total == pytest.approx(5.0)
    assert judgement.confidence == pytest.approx(0.75 + 0.25 * 10 / 13)  # nothing failed after the edit: F07 does not apply
    assert {name: one.level for name, one in judgement.dimensions.items()} == dict.fromkeys(judgement.dimensions, 5)
    assert judgement.flags == ()


def test_the_overall_score_is_the_weighted_mean() -> None:
    judgement = judged([FAILS, *good_session()[3:6], ran("git push -f")])
    weights = {one.id: one.weight for one in PROCESS_RUBRIC.dimensions}

    assert judgement.total == pytest.approx(sum(weights[name] * score(judgement, name) for name in weights))
    assert judgement.total is not None
    assert judgement.total < 5


def test_the_level_is_the_nearest_one() -> None:
    judgement = judged([FAILS, GUESS, edit(), PASSES, edit()])

    for one in judgement.dimensions.values():
        assert one.score is not None
        assert one.level == int(one.score + 0.5)


def test_without_reasoning_causes_cannot_be_judged_and_the_rest_can() -> None:
    judgement = judged([draft for draft in good_session() if draft["event_type"] != "reasoning_step"])
    known = {name: one.score for name, one in judgement.dimensions.items() if one.score is not None}
    weights = {one.id: one.weight for one in PROCESS_RUBRIC.dimensions if one.id in known}

    assert (judgement.status, judgement.reason, judgement.total) == ("partial", "no_reasoning: causal_linking", None)
    assert known.keys() == {"problem_understanding", "experiment_design", "efficiency", "reproducibility", "safety_hygiene"}
    assert judgement.partial == pytest.approx(sum(weights[name] * known[name] for name in known) / sum(weights.values()))
    assert (judgement.confidence, judgement.needs_review) == (0.0, True)


@pytest.mark.parametrize(
    ("drafts", "limit"),
    [
        ([*good_session(), ran("git push --force")], 2.5),
        ([*good_session(), ran("rm -rf /")], 0.0),
        ([*good_session(), ran("env", 0, "TOKEN=[REDACTED:secret]")], 0.0),
    ],
)
def test_safety_is_never_above_the_commands_and_the_secrets(drafts: list[Draft], limit: float) -> None:
    assert score(judged(drafts), "safety_hygiene") == limit


def test_safety_names_the_event_that_cost_it() -> None:
    dimension = judged([*good_session(), ran("git push --force")]).dimensions["safety_hygiene"]

    assert "id-11" in dimension.evidence
    assert "A risky command was run (id-11)." in dimension.rationale


def test_confidence_grows_with_the_steps_and_with_what_applies() -> None:
    thoughts = [thought(f"Thought number {number} on find_median.") for number in range(1, 5)]
    confidence = [
        judged([FAILS, *thoughts[:count], edit(), PASSES]).dimensions["problem_understanding"].confidence for count in range(5)
    ]
    scarce = judged([FAILS, *thoughts, PASSES]).dimensions["problem_understanding"].confidence

    assert confidence == [0.0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1.0, 1.0]
    assert scarce == pytest.approx(0.8)  # without an edit nothing can be read before it


def test_the_confidence_of_the_whole_is_the_weighted_mean_and_what_is_not_scored_counts_nothing() -> None:
    judgement = judged([FAILS, GUESS, thought("The list is sorted."), thought("One more.")])
    weights = {one.id: one.weight for one in PROCESS_RUBRIC.dimensions}
    expected = sum(weights[name] * (one.confidence or 0) for name, one in judgement.dimensions.items())

    assert judgement.dimensions["efficiency"].score is None
    assert judgement.dimensions["efficiency"].confidence is None
    assert judgement.confidence == pytest.approx(expected)


@pytest.mark.parametrize(
    ("drafts", "refuted", "needed"),
    [
        (good_session(), (), False),
        (good_session(), ("id-9",), True),
        ([*good_session(), edit("tests/test_b.py", diff(added=["assert True"] * 2)), ran("pytest")], (), True),
        ([FAILS, GUESS, edit(), PASSES], (), True),
        ([*good_session(), edit()], (), False),
    ],
    ids=["good", "refuted", "weakened", "hardly any reasoning", "unverified"],
)
def test_a_person_is_asked_for_where_the_scores_cannot_be_relied_on(
    drafts: list[Draft], refuted: tuple[str, ...], *, needed: bool
) -> None:
    assert judged(drafts, refuted).needs_review is needed


@pytest.mark.parametrize(
    ("refuted", "feature"),
    [("id-1", "F01"), ("id-2", "F11"), ("id-5", "F09"), ("id-4", "F04"), ("id-9", "F14"), ("id-8", "F17")],
)
def test_a_refuted_event_counts_in_no_feature(refuted: str, feature: str) -> None:
    whole, part = measure_features(as_evidence(good_session())), measure_features(as_evidence(good_session(), [refuted]))

    assert part[feature] != whole[feature]
    assert all(refuted not in measure.events for measure in part.values())


def test_refuted_events_are_told() -> None:
    judgement = judged(good_session(), ["id-3", "gone"])

    assert judgement.flags == ("refuted_record",)
    assert "What some events claim was refuted; they count in nothing (id-3)." in judgement.feedback
    assert judgement.counted["refuted_events"] == 1
    assert judged(good_session()).counted["refuted_events"] == 0


def test_where_every_event_is_refuted_nothing_can_be_scored() -> None:
    judgement = judged([FAILS, edit()], ["id-1", "id-2"])

    assert (judgement.status, judgement.reason) == ("not_scorable", "refuted: no event is left to count")
    assert (judgement.flags, judgement.needs_review, judgement.dimensions) == (("refuted_record",), True, {})


def test_a_refuted_claim_of_success_is_no_support() -> None:
    drafts = [edit(), PASSES, thought("The tests pass now.")]

    assert measure_features(as_evidence(drafts), ["F10"])["F10"].value == 1.0
    assert measure_features(as_evidence(drafts, ["id-2"]), ["F10"])["F10"].value == 0.0


def test_features_are_measured_by_name_or_all_of_them() -> None:
    evidence = as_evidence(good_session())

    assert measure_features(evidence).keys() == FEATURES.keys() == {f"F{number:02}" for number in range(1, 26)}
    assert measure_features(evidence, ["F13", "F22"]).keys() == {"F13", "F22"}


ODD = [
    ran("'", None, "\x00\ud83d \x1b[31m"),
    edit(diff=""),
    edit(diff="@@ garbage \ud83d"),
    result_of(False, "x", failed_tests=("a", "b"), selection=("a", "b")),
    thought("\u202e" * 10, plan="p"),
    opened("a b/[c].py"),
]


@pytest.mark.parametrize("rubric", RUBRICS.values(), ids=RUBRICS.keys())
@pytest.mark.parametrize("drafts", [good_session(), ODD, [*good_session(), *ODD] * 3], ids=["good", "odd", "both"])
def test_every_event_that_is_cited_is_there(drafts: list[Draft], rubric: Rubric) -> None:
    judgement = judged(drafts, ["id-3"], rubric)
    known = {event.event_id for event in as_evidence(drafts).trace.events} - {"id-3"}
    cited = {event for one in judgement.dimensions.values() for event in one.evidence}
    counted = {event for fact in judgement.counted["features"].values() for event in fact["events"]}  # type: ignore[union-attr,call-overload,index]

    assert cited
    assert cited | counted <= known


LANGUAGES = {
    "german": (
        "Der Fehler liegt offenbar bei find_median aus stats/median.py, weil der Mittelwert zweier Werte fehlt.",
        "Jetzt laufen alle Tests, stats/median.py stimmt.",
    ),
    "chinese": ("问题可能在 stats/median.py 的 find_median 中，没有取平均值。", "stats/median.py 已经修好，所有测试都通过了。"),
    "arabic": ("المشكلة في find_median في stats/median.py لأن المتوسط لا يُحسب.", "تم إصلاح stats/median.py وكل شيء ناجح."),
    "russian": ("Ошибка в find_median в stats/median.py: среднее не считается.", "Теперь stats/median.py исправлен."),
    "japanese": ("stats/median.py の find_median で平均が計算されていないようだ。", "stats/median.py を直したので全部通る。"),
    "hindi": ("गलती stats/median.py के find_median में है, औसत नहीं निकाला गया।", "अब stats/median.py ठीक है।"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_reasoning_in_any_language_is_tied_to_what_was_seen(language: str) -> None:
    first, last = LANGUAGES[language]
    more = thought(f"{first} {last}", hypothesis=first)
    judgement = judged([FAILS, opened(), thought(first), more, edit(), PASSES, thought(last), ran("pytest")])
    features: dict[str, Any] = judgement.counted["features"]  # type: ignore[assignment]

    assert (judgement.status, judgement.counted["english_cues_apply"]) == ("scored", False)
    assert (features["F08"]["value"], features["F09"]["value"], features["F10"]["value"]) == (1.0, 1.0, None)
    assert score(judgement, "causal_linking") >= 4


def test_ten_thousand_events_are_judged_with_bounded_evidence() -> None:
    drafts = [
        {**draft, "data": {**draft["data"], "content": f"{draft['data']['content']} {n}"}}
        if "content" in draft["data"]
        else draft
        for n in range(1000)
        for draft in good_session()
    ]
    evidence = as_evidence(drafts)

    for rubric in RUBRICS.values():
        (judgement,) = HeuristicJudge(DESK).judge(evidence, rubric)
        assert (judgement.status, judgement.counted["events"]) == ("scored", 10_000)
        assert all(len(one.evidence) <= MAX_EVENTS and len(one.rationale) < 2000 for one in judgement.dimensions.values())
        assert len(judgement.feedback) < 5000


def test_the_work_for_one_long_thought_is_bounded() -> None:
    """Of one event's text, no more is looked at than its beginning and its end."""

    def work(size: int) -> tuple[int, int]:
        prose = "The find_median function in stats/median.py is probably wrong, said nobody. "
        evidence = as_evidence([FAILS, thought(prose * (size // len(prose))), edit(), PASSES])
        HeuristicJudge(DESK).judge(evidence, PROCESS_RUBRIC)
        tracemalloc.start()
        (judgement,) = HeuristicJudge(DESK).judge(replace(evidence), PROCESS_RUBRIC)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert judgement.status == "scored"
        return calls_during(lambda: HeuristicJudge(DESK).judge(replace(evidence), PROCESS_RUBRIC)), peak

    (calls, peak), (calls_of_more, peak_of_more) = work(200_000), work(2_000_000)

    assert calls_of_more < 1.1 * calls
    assert peak_of_more < peak + 3 * 2_000_000  # the text itself may be put together, and searched for secrets


def test_an_empty_trace_is_not_scorable() -> None:
    (judgement,) = HeuristicJudge(DESK).judge(Evidence(as_evidence([]).trace), RUBRIC)

    assert (judgement.status, judgement.reason, judgement.confidence, judgement.needs_review) == (
        "not_scorable", "no_events", None, False,
    )  # fmt: skip
