"""Everything that is found out about a trace in one finalize."""

from __future__ import annotations

from dataclasses import dataclass

from app.models.job import FinalizeRequest
from app.models.qa import QAResults
from app.models.replay import ReplayResult
from app.models.trace import Trace
from app.qa.base import Sandbox
from app.qa.investigation import Effort, Progress
from app.qa.judge.outcome import reasoning_outcome
from app.qa.judging import Judging, evidence_of
from app.qa.replay import Replayer, ReplayTask
from app.qa.verify import Verifier
from app.qa.workspaces import Workspaces
from app.utils.clock import Clock


@dataclass(frozen=True)
class QARequest:
    """What is to be found out."""

    trace: Trace
    workspaces: Workspaces
    asked: FinalizeRequest
    """What it leaves out comes from the trace and from this server."""
    left_out: str | None = None
    """What of the trace is not here, and why: it is too large to be judged then."""


def no_progress(stage: str) -> None:
    """Nobody waits."""


class QAPipeline:
    """Verifies, replays, then judges. What stands in the way of one never touches the others."""

    def __init__(
        self,
        sandbox: Sandbox,
        replayer: Replayer | None,
        judging: Judging,
        clock: Clock,
        effort: Effort = Effort(),  # noqa: B008 - a frozen value
    ) -> None:
        """Without a ``replayer`` nothing is replayed."""
        self._verifier = Verifier(sandbox, clock, effort)
        self._replayer = replayer
        self._judging = judging
        self._clock = clock

    def refuse_unknown_rubrics(self, names: tuple[str, ...] | None) -> None:
        """Before anything is begun.

        Raises:
            UnknownRubricError: one or more are not there.
        """
        self._judging.choose(names)

    def run(self, request: QARequest, progress: Progress = no_progress) -> QAResults:
        """The results, whatever happens in sandbox and judge: what could not be established is ``null`` with the reason."""
        started = self._clock()
        trace, asked = request.trace, request.asked
        verification = self._verifier.verify(
            trace, request.workspaces, asked.test_command or trace.repo.test_command, progress, asked.reruns
        )
        replayed = self._replay(request, progress)
        progress("judgement")
        claims = replayed.claims if replayed is not None else ()
        evidence = evidence_of(trace, claims)
        judgements = self._judging.judge(evidence, asked.rubrics, asked.judge, is_whole=request.left_out is None)
        outcome = reasoning_outcome(judgements)
        shown = verification.after or verification.before
        return QAResults(
            tests_passed=verification.tests_passed,
            test_exit_code=shown.exit_code if shown is not None else None,
            test_output_snippet=shown.output_snippet if shown is not None else "",
            reasoning_score=outcome.score,
            reasoning_feedback=outcome.feedback,
            judge_kind=outcome.judge_kind,
            verification=verification,
            replay=replayed.replay if replayed is not None else None,
            claims=claims,
            judgements=judgements,
            started_at=started,
            finished_at=self._clock(),
        )

    def _replay(self, request: QARequest, progress: Progress) -> ReplayResult | None:
        if self._replayer is None:
            return None
        progress("replay of the session")
        return self._replayer.replay(
            ReplayTask(request.trace, request.workspaces, request.asked.test_command, left_out=request.left_out)
        )
