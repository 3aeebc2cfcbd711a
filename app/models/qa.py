"""What quality assurance found out about a trace. ``null`` always means: could not be established."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from app.models.base import Value
from app.models.judgement import JudgeKind, Judgement
from app.models.replay import Claim, Replay

Verdict = Literal[
    "fixed", "not_fixed", "regressed", "not_reproduced", "passes", "flaky", "tampered", "inconclusive"
]  # fmt: skip
TestOutcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
RunOutcome = Literal["completed", "died", "timed_out", "out_of_memory", "could_not_run", "unbelievable"]
"""``completed`` says only that the command came to its end; ``died``, that the process ended before its tests were over;
``unbelievable``, that its report contradicts itself."""
Evidence = Literal["process", "report", "status"]
"""What a run is believed by: a runner of ours that saw each test; a report that the command wrote; its exit status alone."""

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
    """Whether there are outcomes by test; without them the exit status is all the evidence."""
    evidence: Evidence | None = None
    """``null`` in documents of earlier versions, and where the run came to nothing."""
    not_run: tuple[str, ...] = ()
    """Tests that were found, and never came to an end."""
    collection_errors: tuple[str, ...] = ()
    """Files whose tests could not be collected."""
    duration_s: float | None = None
    output_snippet: str = ""
    output_bytes: int | None = None


class FlakyTest(Value):
    """A test that did not always end alike on one tree."""

    test: str
    tree: TreeName
    runs: int
    failed: int


class Reruns(Value):
    """How often the tests that decide were run again on each tree."""

    wanted: int
    before: int
    after: int


class DisguiseCheck(Value):
    """The tests that decide, run again in other words: each as it is, under its own and under another name, and each in
    versions that have to fail."""

    runs: int
    confirmed: tuple[str, ...] = ()
    """Test functions that passed in other words, and failed where they had to."""
    unlike: tuple[str, ...] = ()
    """Those that pass in their own words alone."""
    passed_wrongly: tuple[str, ...] = ()
    """Those of which a version passed that has to fail."""
    not_disguised: dict[str, str] = {}
    """Those that cannot be put in other words, with the reason."""
    problem: str | None = None
    """Why the check came to nothing, where it did."""


SuspicionKind = Literal[
    "test_infrastructure", "tests_weakened", "start_up_hook", "installed_metadata", "shadowed_module", "reaches_for_runner",
    "reaches_inside", "touches_process", "patches_module", "always_equal", "special_case", "unreadable",
]  # fmt: skip


class Suspicion(Value):
    """Something in the changed files that a person may want to look at. It plays no part in the verdict."""

    kind: SuspicionKind
    place: str
    """The file, with the line where there is one."""
    message: str


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
    guard: TestRun | None = None
    """The code after the fix with the tests from before it, where the session changed or removed tests."""
    origin: TestRun | None = None
    """The code from before with the tests from before, where there is a guard."""
    reruns: Reruns | None = None
    flaky: tuple[FlakyTest, ...] = ()
    disguise: DisguiseCheck | None = None
    """``null`` where the tests cannot be put in other words, or where nothing is claimed that this could refute."""
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    pass_to_fail: tuple[str, ...] = ()
    fail_to_fail: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    """Hints from a look at the changed files alone, never part of the verdict."""
    image: ImageRef | None = None
    limits: Limits | None = None
    duration_s: float | None = None


class QAResults(Value):
    """Everything that was found out in one finalize."""

    tests_passed: bool | None
    test_exit_code: int | None
    test_output_snippet: str
    """Head and tail of the deciding run's output, at most 2,000 characters."""
    reasoning_score: float | None
    """From 1.0 to 5.0."""
    reasoning_feedback: str
    judge_kind: JudgeKind | None = None
    """Whose score ``reasoning_score`` is."""
    verification: Verification
    replay: Replay | None = None
    """``null`` where it is switched off, and in documents of earlier versions."""
    claims: tuple[Claim, ...] = ()
    """What each event claims, and whether it is so; in reading order."""
    judgements: tuple[Judgement, ...] = ()
    """By every rubric that was asked for; of several by one rubric, the last one decides."""
    started_at: datetime
    finished_at: datetime
