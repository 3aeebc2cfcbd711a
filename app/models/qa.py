"""What quality assurance found out about a trace. ``null`` always means: could not be established."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import JsonValue

from app.models.base import Sha256, Value

Verdict = Literal[
    "fixed", "not_fixed", "regressed", "not_reproduced", "passes", "flaky", "tampered", "inconclusive"
]  # fmt: skip
TestOutcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
RunOutcome = Literal["completed", "timed_out", "out_of_memory", "could_not_run", "unbelievable"]
"""``completed`` says only that the command ended by itself; ``unbelievable``, that its report contradicts itself."""

TreeName = Literal["before", "after", "guard", "origin", "replay"]
"""``guard``: the code after the fix with the tests from before it; ``origin``: all as it was before; ``replay``: in between."""


class ImageRef(Value):
    """The container image that tests ran in."""

    name: str
    digest: str | None = None


class Limits(Value):
    """The bounds that a run had to keep."""

    memory_bytes: int
    cpus: float
    timeout_s: float
    pids: int
    work_bytes: int


class TestRun(Value):
    """One run of the tests on one tree."""

    __test__: ClassVar[bool] = False

    tree: TreeName
    outcome: RunOutcome
    reason: str | None = None
    """Why it did not complete, or why it is not believed."""
    exit_code: int | None = None
    tests: dict[str, TestOutcome] = {}
    """Outcome by node id; empty where the command writes no report."""
    has_report: bool = False
    """Whether there is a per-test report; without one the exit status is all the evidence."""
    collection_errors: tuple[str, ...] = ()
    """Files whose tests could not be collected."""
    duration_s: float | None = None
    output_snippet: str = ""
    output_bytes: int | None = None


class Verification(Value):
    """The tests, run again by us, before and after the fix."""

    verdict: Verdict
    reason: str
    tests_passed: bool | None = None
    """Whether the tests pass at the end; ``null`` where that could not be established."""
    test_command: str | None = None
    tests_from: str | None = None
    """Where the tests came from that decided."""
    trees_from: str | None = None
    """Where the code came from that was tested."""
    before: TestRun | None = None
    after: TestRun | None = None
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    pass_to_fail: tuple[str, ...] = ()
    fail_to_fail: tuple[str, ...] = ()
    image: ImageRef | None = None
    limits: Limits | None = None
    duration_s: float | None = None


class DimensionScore(Value):
    """One dimension of a rubric."""

    score: float | None
    """In the rubric's own range; ``null`` where it could not be established."""
    rationale: str
    evidence: tuple[str, ...] = ()
    """Ids of the events that the score rests on."""


JudgementStatus = Literal["scored", "partial", "not_scorable", "refused", "failed", "skipped"]


class Usage(Value):
    """What a judgement took."""

    requests: int = 0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class JudgeIdentity(Value):
    """Who judged."""

    kind: Literal["llm", "heuristic"]
    name: str
    version: str
    model: str | None = None
    endpoint_host: str | None = None


class RubricRef(Value):
    """The rubric that was applied."""

    id: str
    version: str
    sha256: Sha256


class Judgement(Value):
    """One judge's scores for one trace by one rubric."""

    rubric: RubricRef
    judge: JudgeIdentity
    status: JudgementStatus
    reason: str | None = None
    """Why there is no score, where there is none; stable words first, details after a colon."""
    dimensions: dict[str, DimensionScore] = {}
    total: float | None = None
    """Computed here from the dimensions, never taken from a model; ``null`` unless every dimension is scored."""
    feedback: str = ""
    counted: dict[str, JsonValue] = {}
    """The facts that a heuristic judge counted."""
    flags: tuple[str, ...] = ()
    usage: Usage = Usage()
    created_at: datetime
    duration_ms: int


class QAResults(Value):
    """Everything that was found out in one finalize."""

    tests_passed: bool | None
    test_exit_code: int | None
    test_output_snippet: str
    """Head and tail of the deciding run's output, at most 2,000 characters."""
    reasoning_score: float | None
    """From 1.0 to 5.0."""
    reasoning_feedback: str
    judge_kind: Literal["llm", "heuristic"] | None = None
    """Whose score ``reasoning_score`` is."""
    verification: Verification
    judgements: tuple[Judgement, ...] = ()
    started_at: datetime
    finished_at: datetime
