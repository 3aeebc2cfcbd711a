"""Judging many traces: which of them, how many at once, and what becomes of those that are in the way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from app.errors import TraceNotFoundError
from app.models.judgement import Estimate, JudgeIdentity, Judgement, JudgementStatus, JudgeRequest, Usage
from app.models.rubric import RubricRef
from app.services.batch_judging import Course, Judged, Task, Totals, estimate_all, judge_all

FIRST = RubricRef(id="first", version="1", sha256="1" * 64)
SECOND = RubricRef(id="second", version="1", sha256="2" * 64)


def a_judgement(
    rubric: RubricRef = FIRST, kind: str = "llm", model: str | None = "m", status: JudgementStatus = "scored", **more: object
) -> Judgement:
    judge = JudgeIdentity.model_validate({"kind": kind, "name": "x", "version": "1", "model": model})
    fields = {"rubric": rubric, "judge": judge, "status": status, "created_at": datetime.now(UTC), "duration_ms": 0, **more}
    return Judgement.model_validate(fields)


def a_task(*rubrics: RubricRef, models: str | None = "m", again: bool = False) -> Task:
    return Task(rubrics or (FIRST, SECOND), JudgeRequest(judge="llm"), "llm", models, again)


class Desk:
    """Judges everything at once, but for traces that are missing; notes what was asked for and how many at a time."""

    def __init__(self, done: dict[str, Sequence[Judgement]] | None = None) -> None:
        self.done = done or {}
        self.asked: list[tuple[str, tuple[str, ...] | None]] = []
        self.most_at_once = 0
        self._at_work = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(16)

    def judgements(self, trace_id: str) -> Sequence[Judgement]:
        if trace_id == "gone":
            raise TraceNotFoundError(trace_id)
        return self.done.get(trace_id, ())

    def submit(self, trace_id: str, request: JudgeRequest) -> Future[tuple[Judgement, ...]]:
        self.asked.append((trace_id, request.rubrics))
        with self._lock:
            self._at_work += 1
            self.most_at_once = max(self.most_at_once, self._at_work)
        return self._pool.submit(self._judge, trace_id)

    def estimate(self, trace_id: str, request: JudgeRequest) -> Sequence[Estimate]:
        self.asked.append((trace_id, request.rubrics))
        return [Estimate(rubric=FIRST, kind="llm", requests=3, prompt_tokens=10, completion_tokens=5, cost=0.5)]

    def _judge(self, trace_id: str) -> tuple[Judgement, ...]:
        with self._lock:
            self._at_work -= 1
        if trace_id == "deleted-meanwhile":
            raise TraceNotFoundError(trace_id)
        return (a_judgement(usage=Usage(requests=2, prompt_tokens=7, completion_tokens=3, cost=0.25)),)


@pytest.mark.parametrize(
    ("judgements", "left"),
    [
        ([], ("first", "second")),
        ([a_judgement(FIRST)], ("second",)),
        ([a_judgement(FIRST), a_judgement(SECOND, status="partial")], None),
        ([a_judgement(FIRST, status="failed"), a_judgement(SECOND, status="skipped")], ("first", "second")),
        ([a_judgement(FIRST, kind="heuristic", model=None)], ("first", "second")),
        ([a_judgement(FIRST, model="another")], ("first", "second")),
        ([a_judgement(FIRST.model_copy(update={"sha256": "9" * 64}))], ("first", "second")),
        ([a_judgement(FIRST, status="not_scorable"), a_judgement(SECOND, status="refused")], None),
    ],
)
def test_what_this_judge_has_judged_is_not_asked_for_again(judgements: list[Judgement], left: tuple[str, ...] | None) -> None:
    request = a_task().open_for(judgements)

    assert (request.rubrics if request is not None else None) == left


def test_again_asks_for_everything_again() -> None:
    request = a_task(again=True).open_for([a_judgement(FIRST), a_judgement(SECOND)])

    assert request is not None
    assert request.rubrics == ("first", "second")


def test_where_no_model_is_named_any_models_judgement_counts() -> None:
    assert a_task(FIRST, models=None).open_for([a_judgement(FIRST, model="another")]) is None


def test_every_trace_is_told_and_one_in_the_way_stops_no_other() -> None:
    desk = Desk({"done": [a_judgement(FIRST)]})
    ids = ["a", "gone", "done", "deleted-meanwhile", "b"]

    told = {judged.trace_id: judged for judged in judge_all(desk, ids, a_task(FIRST), at_once=2)}

    assert told.keys() == set(ids)
    assert [name for name, judged in told.items() if judged.judgements] == ["a", "b"]
    assert told["done"].was_done
    assert all("gone" in (told["gone"].problem or "") or told[name].problem for name in ("gone", "deleted-meanwhile"))
    assert [name for name, _ in desk.asked] == ["a", "deleted-meanwhile", "b"]


def test_no_more_are_begun_at_once_than_asked_for() -> None:
    desk = Desk()

    assert len(list(judge_all(desk, (f"t-{number}" for number in range(40)), a_task(FIRST), at_once=3))) == 40
    assert desk.most_at_once <= 3


def test_a_batch_that_is_to_end_begins_nothing_more_and_tells_what_is_under_way() -> None:
    desk, course = Desk(), Course()
    judged = judge_all(desk, ["a", "b", "c", "d"], a_task(FIRST), at_once=2, course=course)
    first = next(judged)
    awaited = course.under_way
    course.is_to_end = True
    rest = list(judged)

    assert awaited == 1
    assert {first.trace_id, *(one.trace_id for one in rest)} == {"a", "b"}
    assert (course.under_way, len(desk.asked)) == (0, 2)


def test_totals_are_sums() -> None:
    totals = Totals()
    for judged in judge_all(Desk(), ["a", "b", "gone"], a_task(FIRST), at_once=2):
        totals.add(judged)

    assert (totals.traces, totals.problems, dict(totals.statuses)) == (3, 1, {"scored": 2})
    assert (totals.requests, totals.prompt_tokens, totals.completion_tokens, totals.cost) == (4, 14, 6, 0.5)


def test_a_cost_that_is_not_known_is_not_counted_as_nothing() -> None:
    totals = Totals()
    totals.add(Judged("a", (a_judgement(usage=Usage(requests=1, cost=0.25)),)))
    totals.add(Judged("b", (a_judgement(usage=Usage(requests=1, cost=None)),)))

    assert totals.cost is None


def test_what_cost_no_request_costs_nothing() -> None:
    totals = Totals()
    totals.add(Judged("a", (a_judgement(usage=Usage(cached_samples=3, cost=None)),)))

    assert (totals.cost, totals.cached_samples) == (0.0, 3)


def test_an_estimate_asks_for_what_is_left() -> None:
    desk, totals = Desk({"done": [a_judgement(FIRST)]}), Totals()
    for judged, estimates in estimate_all(desk, ["a", "done", "gone"], a_task(FIRST)):
        totals.add(judged)
        for estimate in estimates:
            totals.expect(estimate)

    assert (totals.traces, totals.done_before, totals.problems) == (3, 1, 1)
    assert (totals.requests, totals.prompt_tokens, totals.cost) == (3, 10, 0.5)
    assert desk.asked == [("a", ("first",))]


def test_where_it_is_not_known_who_judges_a_model_counts_that_was_asked() -> None:
    task = Task((FIRST,), JudgeRequest(judge="auto"))
    counted = a_judgement(FIRST, kind="heuristic", model=None)

    assert task.open_for([counted]) is None
    assert task.open_for([a_judgement(FIRST, status="failed"), counted]) is not None
    assert task.open_for([a_judgement(FIRST, status="failed"), counted, a_judgement(FIRST)]) is None


def test_a_trace_that_was_passed_over_without_scores_is_told() -> None:
    desk = Desk({"scored": [a_judgement(FIRST)], "empty": [a_judgement(FIRST, status="not_scorable")]})
    totals = Totals()
    for judged in judge_all(desk, ["scored", "empty"], a_task(FIRST), at_once=1):
        totals.add(judged)

    assert (totals.done_before, totals.unscored_before) == (2, 1)


def test_a_fault_of_ours_stops_no_other_trace() -> None:
    class Broken(Desk):
        def submit(self, trace_id: str, request: JudgeRequest) -> Future[tuple[Judgement, ...]]:
            if trace_id == "b":
                raise RuntimeError("as a fault would")
            return super().submit(trace_id, request)

    told = {judged.trace_id: judged.problem for judged in judge_all(Broken(), ["a", "b", "c"], a_task(FIRST), at_once=1)}

    assert told == {"a": None, "b": "a fault of ours: RuntimeError", "c": None}
