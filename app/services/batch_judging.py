"""Judging many traces: those that are not judged yet, a few at once, with nothing asked for twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from app.errors import PRTelemetryError
from app.models.judgement import Estimate, JudgeKind, Judgement, JudgementStatus, JudgeRequest
from app.models.rubric import RubricRef

SCORED: frozenset[JudgementStatus] = frozenset({"scored", "partial"})
_SETTLED: frozenset[JudgementStatus] = SCORED | {"not_scorable", "refused"}
"""Asking again would not tell anything new. Those that failed or were skipped are asked again."""


_Made = TypeVar("_Made")
_log = logging.getLogger(__name__)


class JudgeDesk(Protocol):
    """Where traces are judged: a data directory, or a server."""

    def judgements(self, trace_id: str) -> Sequence[Judgement]:
        """Those that a trace has."""
        ...

    def submit(self, trace_id: str, request: JudgeRequest) -> Future[tuple[Judgement, ...]]:
        """Have it judged once more; what comes of it is kept."""
        ...

    def estimate(self, trace_id: str, request: JudgeRequest) -> Sequence[Estimate]:
        """What that would take. No judge is asked."""
        ...


@dataclass(frozen=True)
class Task:
    """What every trace is to be judged by."""

    rubrics: tuple[RubricRef, ...]
    request: JudgeRequest
    kind: JudgeKind | None = None
    """Of the judge whose judgements count as done; ``None`` where that is not known: a model's, if a model was ever asked."""
    models: str | None = None
    """Whose judgements count as done, where a model judges; ``None``: any model's."""
    again: bool = False
    """Whether to judge what is judged already."""

    def open_for(self, judgements: Sequence[Judgement]) -> JudgeRequest | None:
        """What there is left to ask for; ``None`` where all is done."""
        left = tuple(rubric.id for rubric in self.rubrics if self.again or not self.settled(rubric, judgements))
        return self.request.model_copy(update={"rubrics": left}) if left else None

    def settled(self, rubric: RubricRef, judgements: Iterable[Judgement]) -> list[Judgement]:
        """The judgements by a rubric that need not be made again."""
        by_rubric = [judgement for judgement in judgements if judgement.rubric.sha256 == rubric.sha256]
        asked = {judgement.judge.kind for judgement in by_rubric}
        kind = self.kind or ("llm" if "llm" in asked else "heuristic")
        return [judgement for judgement in by_rubric if judgement.judge.kind == kind and self._counts(judgement)]

    def has_scores(self, judgements: Sequence[Judgement]) -> bool:
        """Whether the judgement that counts has scores, by every rubric."""
        last = [self.settled(rubric, judgements)[-1:] for rubric in self.rubrics]
        return all(found and found[0].status in SCORED for found in last)

    def _counts(self, judgement: Judgement) -> bool:
        is_theirs = judgement.judge.kind != "llm" or self.models in (None, judgement.judge.model)
        return is_theirs and judgement.status in _SETTLED


@dataclass(frozen=True)
class Judged:
    """What became of one trace."""

    trace_id: str
    judgements: tuple[Judgement, ...] = ()
    was_done: bool = False
    has_scores: bool = True
    """Of what was done before."""
    problem: str | None = None
    """Why it could not be judged at all."""


@dataclass
class Totals:
    """What a batch came to."""

    traces: int = 0
    done_before: int = 0
    unscored_before: int = 0
    """Of those that were done before, how many have no scores."""
    problems: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_samples: int = 0
    cost: float | None = 0.0
    """``None`` where the price of a model is not known."""

    def add(self, judged: Judged) -> None:
        """Count one trace."""
        self.traces += 1
        self.done_before += judged.was_done
        self.unscored_before += judged.was_done and not judged.has_scores
        self.problems += judged.problem is not None
        for judgement in judged.judgements:
            usage = judgement.usage
            self.statuses[judgement.status] = self.statuses.get(judgement.status, 0) + 1
            self._spend(usage.requests, usage.prompt_tokens or 0, usage.completion_tokens or 0, usage.cached_samples)
            self._pay(usage.cost if usage.requests else 0.0)

    def expect(self, estimate: Estimate) -> None:
        """Count what one judgement is going to take."""
        self._spend(estimate.requests, estimate.prompt_tokens, estimate.completion_tokens, estimate.cached_samples)
        self._pay(estimate.cost)

    def _spend(self, requests: int, prompt_tokens: int, completion_tokens: int, cached_samples: int) -> None:
        self.requests += requests
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens
        self.cached_samples += cached_samples

    def _pay(self, cost: float | None) -> None:
        self.cost = None if cost is None or self.cost is None else self.cost + cost


@dataclass
class Course:
    """How a batch stands, for those who look at it from beside."""

    under_way: int = 0
    """Traces whose judgements are awaited."""
    is_to_end: bool = False
    """Set it, and no more traces are begun; what is under way comes to its end."""


def judge_all(
    desk: JudgeDesk, trace_ids: Iterable[str], task: Task, at_once: int, course: Course | None = None
) -> Iterator[Judged]:
    """Judge every trace that is not judged yet, ``at_once`` at a time; each is told when it is over.

    What is over is kept: whoever is killed and starts again goes on behind it. A trace that is in the way stops no other.
    """
    course = course or Course()
    waiting: dict[Future[tuple[Judgement, ...]], str] = {}
    for trace_id in trace_ids:
        if course.is_to_end:
            break
        begun = _begin(desk, trace_id, task)
        if isinstance(begun, Judged):
            yield begun
            continue
        waiting[begun] = trace_id
        course.under_way = len(waiting)
        if len(waiting) >= at_once:
            yield from _ended(waiting, course)
    while waiting:
        yield from _ended(waiting, course)


def estimate_all(desk: JudgeDesk, trace_ids: Iterable[str], task: Task) -> Iterator[tuple[Judged, tuple[Estimate, ...]]]:
    """What ``judge_all`` would take, trace by trace. No judge is asked."""
    for trace_id in trace_ids:
        found = _tried(trace_id, partial(_estimated, desk, trace_id, task))
        yield (found, ()) if isinstance(found, Judged) else found


def _begin(desk: JudgeDesk, trace_id: str, task: Task) -> Future[tuple[Judgement, ...]] | Judged:
    def begin() -> Future[tuple[Judgement, ...]] | Judged:
        judgements = desk.judgements(trace_id)
        request = task.open_for(judgements)
        if request is None:
            return Judged(trace_id, was_done=True, has_scores=task.has_scores(judgements))
        return desk.submit(trace_id, request)

    return _tried(trace_id, begin)


def _estimated(desk: JudgeDesk, trace_id: str, task: Task) -> tuple[Judged, tuple[Estimate, ...]]:
    judgements = desk.judgements(trace_id)
    request = task.open_for(judgements)
    if request is None:
        return Judged(trace_id, was_done=True, has_scores=task.has_scores(judgements)), ()
    return Judged(trace_id), tuple(desk.estimate(trace_id, request))


def _ended(waiting: dict[Future[tuple[Judgement, ...]], str], course: Course) -> Iterator[Judged]:
    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
        trace_id = waiting.pop(future)
        course.under_way = len(waiting)
        made = _tried(trace_id, future.result)
        yield made if isinstance(made, Judged) else Judged(trace_id, made)


def _tried(trace_id: str, work: Callable[[], _Made]) -> _Made | Judged:
    """What comes of it. Whatever is in the way of one trace stops no other."""
    try:
        return work()
    except PRTelemetryError as error:
        return Judged(trace_id, problem=error.detail)
    except Exception as error:  # noqa: BLE001 - the door of this worker's loop
        _log.error("a trace could not be judged", extra={"trace_id": trace_id}, exc_info=error)
        return Judged(trace_id, problem=f"a fault of ours: {type(error).__name__}")
