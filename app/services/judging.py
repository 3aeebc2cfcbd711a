"""Judgements of finalized traces: new ones are made beside the old ones, and none is ever changed."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from app.dispatch.base import Dispatcher
from app.errors import ConflictError, NotFoundError
from app.models.judgement import Estimate, Judgement, JudgeRequest
from app.models.qa import QAResults
from app.models.rubric import Rubric, RubricRef
from app.models.trace import Trace
from app.qa.base import Evidence
from app.qa.judging import Judging, evidence_of
from app.rules.rubric_contents import changed_rubrics
from app.services.loading import LoadedTrace, load_bounded
from app.services.sealing import Sealer
from app.storage.base import TraceStore

MAX_JUDGEMENTS = 200
"""So many are made of one trace on request: every one of them is part of its document, and of what is known of it in memory."""

_log = logging.getLogger(__name__)
_Made = tuple[Judgement, ...]


class NotFinalizedError(ConflictError):
    """Only a finalized trace is judged: finalize it first."""

    code = "not_finalized"


class TooManyJudgementsError(ConflictError):
    """The trace has as many judgements on request as one may have."""

    code = "too_many_judgements"


@dataclass(frozen=True)
class _Job:
    """Two that are equal would come to the same."""

    trace_id: str
    rubrics: tuple[RubricRef, ...]
    request: JudgeRequest
    at_most: int
    """As many judgements may come of it."""


class JudgingService:
    """Judges what is stored, in the line that finalizes wait in.

    Who asks for what is being made already is given that very judgement, and nobody is asked twice for it.
    """

    def __init__(
        self, store: TraceStore, judging: Judging, dispatcher: Dispatcher, sealer: Sealer, max_judged_bytes: int
    ) -> None:
        self._store = store
        self._judging = judging
        self._dispatcher = dispatcher
        self._sealer = sealer
        self._max_judged_bytes = max_judged_bytes
        self._under_way: dict[_Job, Future[_Made]] = {}
        self._promised: Counter[str] = Counter()
        """How many judgements may yet come of what is under way, by trace."""
        self._warned_of: set[tuple[str, ...]] = set()
        self._guard = threading.Lock()

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

    def submit(self, trace_id: str, request: JudgeRequest) -> Future[_Made]:
        """Have a finalized trace judged once more. The judgements are on disk, and sealed with the trace, when they are there.

        Where the same is under way already, the answer is the future of that: it may be shared, and is not to be cancelled by
        one of several.

        Raises:
            TraceNotFoundError: no trace has this id.
            NotFinalizedError: the trace was never finalized.
            UnknownRubricError: a rubric that the request names is not there.
            TooManyJudgementsError: with these the trace might get more than ``MAX_JUDGEMENTS`` on request.
        """
        rubrics = tuple(rubric.ref for rubric in self._judging.choose(request.rubrics))
        asked = self._judging.with_mode(request.model_copy(update={"rubrics": tuple(rubric.id for rubric in rubrics)}))
        job = _Job(trace_id, rubrics, asked, self._judging.at_most(asked))
        with self._guard:
            known = self._under_way.get(job)
            if known is not None and not known.done():
                return known
            self._refuse_unless_finalized(trace_id)
            self._refuse_too_many(job)
            self._promised[trace_id] += job.at_most
            try:
                future = self._dispatcher.submit(job, self._run)
            except BaseException:
                self._over(job)
                raise
            self._under_way[job] = future
        future.add_done_callback(lambda done: self._ended(job, done))
        return future

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

    def _run(self, job: _Job) -> _Made:
        try:
            return self._judged(job)
        finally:
            # before anybody has the answer: who then asks again is not told of what is over
            with self._guard:
                self._over(job)

    def _judged(self, job: _Job) -> _Made:
        loaded, evidence = self._evidence(job.trace_id)
        asked = job.request
        made = self._judging.judge(evidence, asked.rubrics, asked.judge, asked.model, is_whole=loaded.is_whole)
        try:
            stored = self._store.update(job.trace_id, lambda trace, chain: self._with(trace, chain, made))
        except NotFoundError:
            # deleted meanwhile, and with it whatever quotes it
            self._judging.forget(evidence.trace_hash or "")
            raise
        for judgement in made:
            told = {"rubric": judgement.rubric.id, "judge": judgement.judge.kind, "status": judgement.status}
            _log.info("trace judged", extra={"trace_id": job.trace_id, **told})
        self._warn_of_changed_rubrics(stored)
        return made

    def _warn_of_changed_rubrics(self, trace: Trace) -> None:
        """Said once of each, as long as the server runs."""
        for changed in changed_rubrics(judgement.rubric for judgement in judgements_of(trace)):
            with self._guard:
                is_known = (changed.id, changed.version, *changed.contents) in self._warned_of
                self._warned_of.add((changed.id, changed.version, *changed.contents))
            if not is_known:
                told = {"trace_id": trace.trace_id, "rubric": changed.id, "contents": str(changed)}
                _log.warning("a rubric was changed without a new version", extra=told)

    def _evidence(self, trace_id: str) -> tuple[LoadedTrace, Evidence]:
        loaded = load_bounded(self._store, trace_id, self._max_judged_bytes)
        results = loaded.trace.qa_results
        return loaded, evidence_of(loaded.trace, results.claims if results is not None else ())

    def _ended(self, job: _Job, future: Future[_Made]) -> None:
        with self._guard:
            if self._under_way.get(job) is future:
                del self._under_way[job]
            if future.cancelled():  # it never ran
                self._over(job)

    def _over(self, job: _Job) -> None:
        """Nothing more will come of it."""
        self._promised[job.trace_id] -= job.at_most
        if not self._promised[job.trace_id]:
            del self._promised[job.trace_id]

    def _refuse_too_many(self, job: _Job) -> None:
        """Before anybody is asked: what was paid for is always kept."""
        stored, promised = len(self._store.head(job.trace_id).trace.judgements), self._promised[job.trace_id]
        if stored + promised + job.at_most <= MAX_JUDGEMENTS:
            return
        coming = f", {promised} more may come of what is under way" if promised else ""
        raise TooManyJudgementsError(
            f"Trace {job.trace_id} has {stored} judgements made on request{coming}, and this may add {job.at_most}; "
            f"it holds at most {MAX_JUDGEMENTS}, and none is ever removed",
            trace_id=job.trace_id,
        )

    def _refuse_unless_finalized(self, trace_id: str) -> None:
        """One that is being finalized anew has its results, and its events never change."""
        if self._store.head(trace_id).trace.qa_results is None:
            raise NotFinalizedError(trace_id=trace_id)

    def _with(self, trace: Trace, chain: bytes, made: _Made) -> Trace:
        return self._sealer.sealed(trace.model_copy(update={"judgements": (*trace.judgements, *made)}), chain)


def judgements_of(trace: Trace) -> Iterator[Judgement]:
    """Every judgement in a trace, by when it was made."""
    results: list[QAResults] = [*trace.qa_history, *([trace.qa_results] if trace.qa_results is not None else [])]
    found = [judgement for result in results for judgement in result.judgements]
    yield from sorted([*found, *trace.judgements], key=lambda judgement: judgement.created_at)
