"""Judgements of finalized traces: new ones are made beside the old ones, and none is ever changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from app.dispatch.base import Dispatcher
from app.errors import ConflictError, NotFoundError
from app.models.judgement import Estimate, Judgement, JudgeRequest
from app.models.qa import QAResults
from app.models.rubric import Rubric
from app.models.trace import Trace
from app.qa.base import Evidence
from app.qa.judging import Judging, evidence_of
from app.services.loading import LoadedTrace, load_bounded
from app.services.sealing import Sealer
from app.storage.base import TraceStore

_log = logging.getLogger(__name__)


class NotFinalizedError(ConflictError):
    """Only a finalized trace is judged: finalize it first."""

    code = "not_finalized"


@dataclass(frozen=True)
class _Job:
    trace_id: str
    request: JudgeRequest


class JudgingService:
    """Judges what is stored, in the line that finalizes wait in."""

    def __init__(
        self, store: TraceStore, judging: Judging, dispatcher: Dispatcher, sealer: Sealer, max_judged_bytes: int
    ) -> None:
        self._store = store
        self._judging = judging
        self._dispatcher = dispatcher
        self._sealer = sealer
        self._max_judged_bytes = max_judged_bytes

    @property
    def rubrics(self) -> tuple[Rubric, ...]:
        """Every rubric that can be asked for, by id."""
        return self._judging.rubrics

    @property
    def default_rubrics(self) -> tuple[str, ...]:
        """Ids of those that a finalize judges by where it names none."""
        return self._judging.default_rubrics

    def rubric(self, rubric_id: str) -> Rubric:
        """One of them.

        Raises:
            RubricNotFoundError: no rubric has this id.
        """
        return self._judging.rubric(rubric_id)

    def choose(self, names: Sequence[str] | None) -> tuple[Rubric, ...]:
        """The named rubrics, or those that a finalize judges by.

        Raises:
            UnknownRubricError: one or more are not there.
        """
        return self._judging.choose(names)

    def submit(self, trace_id: str, request: JudgeRequest) -> Future[tuple[Judgement, ...]]:
        """Have a finalized trace judged once more. The judgements are on disk, and sealed with the trace, when they are there.

        Raises:
            TraceNotFoundError: no trace has this id.
            NotFinalizedError: the trace was never finalized.
            UnknownRubricError: a rubric that the request names is not there.
        """
        self._judging.choose(request.rubrics)
        self._refuse_unless_finalized(trace_id)
        return self._dispatcher.submit(_Job(trace_id, request), self._run)

    def estimate(self, trace_id: str, request: JudgeRequest) -> tuple[Estimate, ...]:
        """What the judgements that the request asks for would take. No judge is asked.

        Raises:
            As ``submit``.
        """
        self._refuse_unless_finalized(trace_id)
        loaded, evidence = self._evidence(trace_id)
        return self._judging.estimate(evidence, request.rubrics, request.judge, request.model, is_whole=loaded.is_whole)

    def judgements(self, trace_id: str) -> tuple[Judgement, ...]:
        """Every judgement that was made of a trace, the oldest first.

        Raises:
            TraceNotFoundError: no trace has this id.
        """
        return tuple(judgements_of(self._store.head(trace_id).trace))

    def _run(self, job: _Job) -> tuple[Judgement, ...]:
        loaded, evidence = self._evidence(job.trace_id)
        asked = job.request
        made = self._judging.judge(evidence, asked.rubrics, asked.judge, asked.model, is_whole=loaded.is_whole)
        try:
            self._store.update(job.trace_id, lambda trace, chain: self._with(trace, chain, made))
        except NotFoundError:
            # deleted meanwhile, and with it whatever quotes it
            self._judging.forget(evidence.trace_hash or "")
            raise
        for judgement in made:
            told = {"rubric": judgement.rubric.id, "judge": judgement.judge.kind, "status": judgement.status}
            _log.info("trace judged", extra={"trace_id": job.trace_id, **told})
        return made

    def _evidence(self, trace_id: str) -> tuple[LoadedTrace, Evidence]:
        loaded = load_bounded(self._store, trace_id, self._max_judged_bytes)
        results = loaded.trace.qa_results
        return loaded, evidence_of(loaded.trace, results.claims if results is not None else ())

    def _refuse_unless_finalized(self, trace_id: str) -> None:
        """One that is being finalized anew has its results, and its events never change."""
        if self._store.head(trace_id).trace.qa_results is None:
            raise NotFinalizedError(trace_id=trace_id)

    def _with(self, trace: Trace, chain: bytes, made: tuple[Judgement, ...]) -> Trace:
        return self._sealer.sealed(trace.model_copy(update={"judgements": (*trace.judgements, *made)}), chain)


def judgements_of(trace: Trace) -> Iterator[Judgement]:
    """Every judgement in a trace, by when it was made."""
    results: list[QAResults] = [*trace.qa_history, *([trace.qa_results] if trace.qa_results is not None else [])]
    found = [judgement for result in results for judgement in result.judgements]
    yield from sorted([*found, *trace.judgements], key=lambda judgement: judgement.created_at)
