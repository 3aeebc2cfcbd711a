"""Which traces pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.formats.writing.base import NO_COUNTERPART, NO_VERIFIED_FIX, SAME_TASK, Needs, Scored
from app.formats.writing.selection import REASONS, Filters, counted_score, reason_against
from app.models.judgement import DimensionScore
from app.models.trace import Consent, Session
from app.rules.vouching import Calibration, NamedJudge, NamedRubric
from tests.builders import NOON
from tests.unit.formats.writing.sessions import a_claim, a_finalized, a_judgement, results

TRAINING = Needs(frozenset({"fixed"}), frozenset({"rationales", "commands"}))
ANY = Needs()


def reason(trace: Any = None, filters: Filters = Filters(), needs: Needs = TRAINING) -> str | None:  # noqa: B008 -- frozen
    trace = trace or a_finalized()
    return reason_against(trace, counted_score(trace, filters), filters, needs)


def test_a_verified_session_with_consent_passes() -> None:
    assert reason() is None


@pytest.mark.parametrize(("status", "found"), [("open", None), ("finalizing", results()), ("finalized", None)])
def test_what_is_not_finalized_is_not_verified(status: str, found: object) -> None:
    assert reason(a_finalized(status=status, qa_results=found)) == "not_finalized"


@pytest.mark.parametrize(
    ("asked", "verdict", "expected"),
    [
        (None, "not_fixed", "verdict"),
        (frozenset({"not_fixed"}), "not_fixed", None),
        (frozenset({"not_fixed"}), "fixed", "verdict"),
        (frozenset(), "tampered", None),
    ],
)
def test_verdicts_are_the_formats_own_unless_others_are_asked_for(asked: Any, verdict: Any, expected: str | None) -> None:
    assert reason(a_finalized(verdict=verdict), Filters(verdicts=asked)) == expected


@pytest.mark.parametrize(
    ("session", "rule", "expected"),
    [
        (None, "given", "consent_not_stated"),
        (Session(), "given", "consent_not_stated"),
        (None, "not_refused", None),
        (Session(consent=Consent()), "given", None),
        (Session(consent=Consent(snapshots=False)), "given", None),
        (Session(consent=Consent(commands=False)), "given", "consent_refused"),
        (Session(consent=Consent(rationales=False)), "not_refused", "consent_refused"),
    ],
)
def test_consent_is_needed_for_what_the_format_holds(session: Any, rule: Any, expected: str | None) -> None:
    assert reason(a_finalized(session=session), Filters(consent=rule)) == expected


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(), None),
        (Filters(claims="none_refuted"), "claims"),
        (Filters(min_confirmed=0.5), None),
        (Filters(min_confirmed=0.51), "claims"),
    ],
)
def test_claims_can_be_asked_for(filters: Filters, expected: str | None) -> None:
    claims = (a_claim("e1"), a_claim("e2"), a_claim("e3", "refuted"), a_claim("e4", "unverifiable"))

    assert reason(a_finalized(claims=claims), filters) == expected


def test_no_share_of_no_claims_is_confirmed() -> None:
    assert reason(a_finalized(claims=()), Filters(min_confirmed=0.1)) == "claims"


@pytest.mark.parametrize(
    ("score", "filters", "expected"),
    [
        (4.0, Filters(min_score=4.0, max_score=4.0), None),
        (3.9, Filters(min_score=4.0), "score"),
        (4.1, Filters(max_score=4.0), "score"),
        (None, Filters(min_score=1.0), "not_judged"),
        (None, Filters(needs_review="no"), "not_judged"),
        (None, Filters(), None),
        (4.0, Filters(rubric="process-6"), "not_judged"),
        (4.0, Filters(judge_kind="llm"), "not_judged"),
    ],
)
def test_scores_can_be_asked_for(score: float | None, filters: Filters, expected: str | None) -> None:
    assert reason(a_finalized(score=score), filters) == expected


@pytest.mark.parametrize(("rule", "expected"), [("any", None), ("yes", None), ("no", "needs_review")])
def test_what_a_person_should_look_at_can_be_left_out(rule: Any, expected: str | None) -> None:
    flagged = results(judgements=(a_judgement(4.0, needs_review=True),))

    assert reason(a_finalized(qa_results=flagged), Filters(needs_review=rule)) == expected


def test_the_newest_judgement_that_fits_counts() -> None:
    later = {"created_at": NOON + timedelta(hours=1)}
    own = results(judgements=(a_judgement(4.0), a_judgement(2.0, "process-6", "llm", **later)))
    trace = a_finalized(
        qa_results=own, judgements=(a_judgement(3.0, "process-6", "llm"), a_judgement(None, "process-6", "llm"))
    )

    assert counted_score(trace, Filters()) == Scored(4.0, "heuristic", "heuristic-judge", "reasoning-5")
    assert counted_score(trace, Filters(rubric="process-6")).total == 2.0
    assert counted_score(trace, Filters(judge_kind="llm")).judge_kind == "llm"
    assert counted_score(trace, Filters(rubric="process-6", judge_kind="human")) == Scored()


CALIBRATION = Calibration(
    report_sha256="1" * 64,
    judge=NamedJudge("heuristic", "heuristic-judge", "1"),
    rubric=NamedRubric("reasoning-5", "1", "0" * 64),
    labels={"depth": "usable"},
    at_least="usable",
)
DEPTH = {"depth": DimensionScore(score=4.0, rationale="…")}


@pytest.mark.parametrize(
    ("score", "filters", "expected"),
    [
        (4.0, Filters(calibration=CALIBRATION), None),
        (4.0, Filters(calibration=replace(CALIBRATION, at_least="calibrated")), "not_calibrated"),
        (4.0, Filters(calibration=replace(CALIBRATION, judge=NamedJudge("llm", "chat", "2"))), "not_calibrated"),
        (4.0, Filters(calibration=CALIBRATION, min_score=4.5), "score"),
        (None, Filters(calibration=CALIBRATION), "not_judged"),
    ],
)
def test_a_calibrated_judge_can_be_asked_for(score: float | None, filters: Filters, expected: str | None) -> None:
    own = () if score is None else (a_judgement(score, dimensions=DEPTH),)

    assert reason(a_finalized(qa_results=results(score=score, judgements=own)), filters) == expected


def test_calibration_does_not_choose_among_judgements() -> None:
    newest = a_judgement(4.0, kind="llm", dimensions=DEPTH, created_at=NOON + timedelta(hours=1))
    trace = a_finalized(qa_results=results(judgements=(a_judgement(4.0, dimensions=DEPTH),)), judgements=(newest,))

    assert reason(trace, Filters(calibration=CALIBRATION)) is None
    assert reason(trace, Filters(calibration=CALIBRATION, rubric="reasoning-5")) == "not_calibrated"


def test_a_score_that_names_no_judge_is_nobodys() -> None:
    unnamed = a_finalized(qa_results=results(score=4.0, judgements=()))

    assert reason(unnamed) is None
    assert reason(unnamed, Filters(calibration=CALIBRATION)) == "not_calibrated"


def test_every_reason_has_words() -> None:
    assert {NO_COUNTERPART, NO_VERIFIED_FIX, SAME_TASK} <= REASONS.keys()
