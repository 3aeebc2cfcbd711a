"""Asking for judgements: which judge, by which rubrics, on what evidence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence

from app.errors import Fault, InvalidError, NotFoundError
from app.models.judgement import Estimate, JudgeIdentity, Judgement, JudgeMode, JudgeRequest
from app.models.replay import Claim
from app.models.rubric import Rubric
from app.models.trace import Trace
from app.qa.base import Evidence, Judge
from app.qa.judge.record import Desk

FAULTY = JudgeIdentity(kind="heuristic", name="none", version="1")
_log = logging.getLogger(__name__)


class UnknownRubricError(InvalidError):
    """No rubric has this id."""

    code = "unknown_rubric"


class RubricNotFoundError(NotFoundError):
    """No rubric has this id."""

    code = "rubric_not_found"


class Judging:
    """The judges and rubrics of this server."""

    def __init__(
        self,
        make_judge: Callable[[JudgeMode, str | None], Judge],
        default_mode: JudgeMode,
        rubrics: Mapping[str, Rubric],
        default_rubrics: Sequence[str],
        too_large: Judge,
        forget: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``make_judge`` answers with the judge of a mode, and of another model where one is named. ``forget`` drops what is
        kept of the answers about a trace, by its hash.

        Raises:
            UnknownRubricError: a default is not among the rubrics.
        """
        self._make_judge = make_judge
        self._default_mode = default_mode
        self._rubrics = dict(rubrics)
        self._default_rubrics = tuple(default_rubrics)
        self._too_large = too_large
        self.forget = forget
        self.choose(None)

    @property
    def rubrics(self) -> tuple[Rubric, ...]:
        """Every rubric, by id."""
        return tuple(self._rubrics[name] for name in sorted(self._rubrics))

    @property
    def default_rubrics(self) -> tuple[str, ...]:
        """Ids of those that are asked for where a request names none."""
        return self._default_rubrics

    def rubric(self, rubric_id: str) -> Rubric:
        """One rubric.

        Raises:
            RubricNotFoundError: it is not there.
        """
        if rubric_id not in self._rubrics:
            raise RubricNotFoundError(rubric_id=rubric_id)
        return self._rubrics[rubric_id]

    def choose(self, names: Sequence[str] | None) -> tuple[Rubric, ...]:
        """The named rubrics, each once; the server's own choice where none are named.

        Raises:
            UnknownRubricError: one or more are not there; ``faults`` names each.
        """
        wanted = dict.fromkeys(self._default_rubrics if names is None else names)
        missing = [name for name in wanted if name not in self._rubrics]
        if missing:
            known = ", ".join(sorted(self._rubrics))
            faults = [Fault(("rubrics", name), f"no rubric has this id; there are {known}") for name in missing]
            raise UnknownRubricError(f"No rubric has the id {', '.join(missing)}; there are {known}", faults)
        return tuple(self._rubrics[name] for name in wanted)

    def with_mode(self, request: JudgeRequest) -> JudgeRequest:
        """The same request with the judge that it leaves out: two that mean the same become equal."""
        return request.model_copy(update={"judge": request.judge or self._default_mode})

    def at_most(self, request: JudgeRequest) -> int:
        """How many judgements may come of a request: beside a model's that declines stands a counted one."""
        by_each = 2 if (request.judge or self._default_mode) == "auto" else 1
        return by_each * len(self.choose(request.rubrics))

    def judge(
        self,
        evidence: Evidence,
        rubrics: Sequence[str] | None = None,
        mode: JudgeMode | None = None,
        model: str | None = None,
        *,
        is_whole: bool = True,
    ) -> tuple[Judgement, ...]:
        """The judgements by every rubric, in their order. Of what is not whole, no judge is asked.

        Raises:
            UnknownRubricError: as ``choose``.
        """
        judge = self._judge(mode, model, is_whole=is_whole)
        return tuple(judgement for rubric in self.choose(rubrics) for judgement in _judged(judge, evidence, rubric))

    def estimate(
        self,
        evidence: Evidence,
        rubrics: Sequence[str] | None = None,
        mode: JudgeMode | None = None,
        model: str | None = None,
        *,
        is_whole: bool = True,
    ) -> tuple[Estimate, ...]:
        """What ``judge`` would take, by rubric. No judge is asked.

        Raises:
            UnknownRubricError: as ``choose``.
        """
        judge = self._judge(mode, model, is_whole=is_whole)
        return tuple(judge.estimate(evidence, rubric) for rubric in self.choose(rubrics))

    def _judge(self, mode: JudgeMode | None, model: str | None, *, is_whole: bool) -> Judge:
        return self._make_judge(mode or self._default_mode, model) if is_whole else self._too_large


def _judged(judge: Judge, evidence: Evidence, rubric: Rubric) -> tuple[Judgement, ...]:
    """What a judge says. A fault in it is no reason to lose what everything else has found out."""
    draft = Desk().begin(evidence, rubric)
    try:
        return judge.judge(evidence, rubric)
    except Exception:  # noqa: BLE001 - whatever it is, the trace has to come to its end
        _log.exception("a judge failed unexpectedly", extra={"trace_id": evidence.trace.trace_id, "rubric": rubric.id})
        return (draft.finish(FAULTY, "failed", "internal: a fault in the judge; the server's log says what"),)


def evidence_of(trace: Trace, claims: Iterable[Claim]) -> Evidence:
    """What a judge may know of a trace that was closed, and of what became of its claims."""
    refuted = frozenset(claim.event_id for claim in claims if claim.status == "refuted" and claim.event_id is not None)
    return Evidence(trace, trace.integrity.head if trace.integrity is not None else None, refuted)
