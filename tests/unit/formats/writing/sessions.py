"""Finalized sessions for tests of writers."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.formats.writing.base import Change, Chosen, Code, Context, Item, Options, OutputFile, Scored, Session, Tally, Writer
from app.models.base import STORED
from app.models.events import EVENTS, Event
from app.models.judgement import JudgeIdentity, JudgeKind, Judgement
from app.models.qa import ImageRef, Limits, QAResults, Verdict, Verification
from app.models.replay import Claim, ClaimStatus
from app.models.rubric import RubricRef
from app.models.trace import Agent, Consent, Repo, Task, Trace
from app.models.trace import Session as Recorded
from app.qa.base import TreeFile
from tests.builders import NOON, a_thought, a_trace, an_edit, an_event

SAMPLES = Path(__file__).resolve().parents[4] / "sample_repo" / "sessions"
ALL_GIVEN = Consent(rationales=True, commands=True, snapshots=True)
TEST = "tests/test_till.py::test_total"
BUGGY, MENDED = "def total(lines):\n    return 0\n", "def total(lines):\n    return sum(lines)\n"
DIFF = "@@ -1,2 +1,2 @@\n def total(lines):\n-    return 0\n+    return sum(lines)\n"


def stored(*documents: dict[str, Any]) -> tuple[Event, ...]:
    """Events as the store has them: numbered, each with an id."""
    owned = [{**document, "seq": seq, "event_id": f"e{seq}"} for seq, document in enumerate(documents, 1)]
    return EVENTS.validate_json(json.dumps(owned), context=STORED)


def a_command(command: str, output: str = "", exit_code: int | None = 0, **more: Any) -> dict[str, Any]:
    """The JSON of a command."""
    return an_event("terminal_command", command=command, output=output, exit_code=exit_code, duration_ms=5, **more)


def a_test_run(command: str = "pytest -q", *, passed: bool = True, summary: str = "1 passed", **more: Any) -> dict[str, Any]:
    """The JSON of a test result."""
    return an_event("test_result", tests_passed=passed, test_command=command, summary=summary, **more)


def some_events() -> tuple[Event, ...]:
    """A short session that mends a till."""
    return stored(
        an_event("file_open", file_path="till.py"),
        a_thought("The sum is missing.", hypothesis="It returns 0 always."),
        an_edit("till.py", DIFF),
        a_command("pytest -q", "1 passed\n"),
        a_test_run("pytest -q"),
        a_thought("Done."),
    )


def a_claim(event_id: str | None, status: ClaimStatus = "confirmed", **more: Any) -> Claim:
    """A claim of an event."""
    seq = int(event_id.removeprefix("e")) if event_id is not None else None
    return Claim(**{"seq": seq, "event_id": event_id, "kind": "edit", "status": status, "reason": f"it is {status}", **more})


def a_judgement(total: float | None, rubric: str = "reasoning-5", kind: JudgeKind = "heuristic", **more: Any) -> Judgement:
    """A judgement with this score."""
    return Judgement(
        rubric=RubricRef(id=rubric, version="1", sha256="0" * 64),
        judge=JudgeIdentity(kind=kind, name=f"{kind}-judge", version="1"),
        status="failed" if total is None else "scored",
        total=total,
        created_at=more.pop("created_at", NOON),
        duration_ms=1,
        **more,
    )


def results(verdict: Verdict = "fixed", score: float | None = 4.0, **more: Any) -> QAResults:
    """What a finalize found out."""
    checked = Verification(
        verdict=verdict,
        reason=f"it is {verdict}",
        tests_passed=verdict == "fixed",
        test_command="python -m pytest -q",
        fail_to_pass=(TEST,) if verdict == "fixed" else (),
        fail_to_fail=(TEST,) if verdict == "not_fixed" else (),
        pass_to_pass=("tests/test_till.py::test_other",),
        image=ImageRef(name="runner:1", digest="sha256:" + "a" * 64),
        limits=Limits(memory_bytes=512 << 20, cpus=2, timeout_s=60, pids=100, work_bytes=1 << 20),
    )
    return QAResults(
        tests_passed=verdict == "fixed",
        test_exit_code=0,
        test_output_snippet="1 passed",
        reasoning_score=score,
        reasoning_feedback="",
        judge_kind="heuristic" if score is not None else None,
        verification=more.pop("verification", checked),
        judgements=more.pop("judgements", () if score is None else (a_judgement(score),)),
        started_at=NOON,
        finished_at=NOON,
        **more,
    )


def a_finalized(trace_id: str = "t-1", verdict: Verdict = "fixed", score: float | None = 4.0, **more: Any) -> Trace:
    """A finalized trace whose owner agreed to everything."""
    fields: dict[str, Any] = {
        "status": "finalized",
        "finalized_at": NOON,
        "bug_id": "BUG-1",
        "repo": a_repository(),
        "task": Task(title="Wrong totals", description="The till is off.", known_failing_tests=(TEST,)),
        "session": Recorded(role="ai_agent", agent=Agent(name="fixer", version="2", model="m-1"), consent=ALL_GIVEN),
        "events": some_events(),
        "qa_results": results(verdict, score, claims=more.pop("claims", (a_claim("e3"),))),
        **more,
    }
    return a_trace(trace_id, **fields)


def a_repository(**more: Any) -> Repo:
    """The repository of the till."""
    fields: dict[str, Any] = {
        "name": "till",
        "url": "https://example.org/shop/till.git",
        "branch": "main",
        "commit_before": "8f0f4d5",
        "commit_after": "c1d2e3f",
        "test_command": "python -m pytest -q",
        **more,
    }
    return Repo(**fields)


def a_sample(name: str) -> Trace:
    """A bundled session, as if it had been finalized."""
    document = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    for seq, event in enumerate(document["events"], 1):
        event["seq"] = seq
        event.setdefault("event_id", f"e{seq}")
    owned = {"status": "finalized", "created_at": NOON.isoformat(), "request_sha256": "0" * 64}
    trace = Trace.model_validate_json(json.dumps({**document, **owned}), context=STORED)
    return trace.model_copy(update={"qa_results": results()})


@dataclass(frozen=True)
class Files:
    """A tree in memory."""

    contents: Mapping[str, str | bytes]
    executable: frozenset[str] = frozenset()

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        for path, content in self.contents.items():
            data = content.encode() if isinstance(content, str) else content
            yield TreeFile(path, len(data), io.BytesIO(data), path in self.executable)


def some_code(**more: Any) -> Code:
    """The code of the till, mended."""
    tests = {"tests/test_till.py": "from till import total\n"}
    fields: dict[str, Any] = {
        "base": Files({"till.py": BUGGY, **tests}),
        "tests": Files(tests),
        "changes": (Change("till.py", BUGGY.encode(), MENDED.encode()),),
        "test_changes": (),
        **more,
    }
    return Code(**fields)


def a_session_of(
    trace: Trace, code: Code | str | None = None, has_secrets: Callable[[str], bool] = lambda text: "hunter2" in text
) -> Session:
    """A session as a writer gets it."""
    known = some_code() if code is None else code

    def read_base(paths: Iterable[str]) -> Mapping[str, bytes]:
        wanted = frozenset(paths)
        return (
            {file.path: file.content.read() for file in known.base.files() if file.path in wanted}
            if not isinstance(known, str)
            else {}
        )

    found = trace.qa_results
    scored = (
        Scored(found.reasoning_score, found.judge_kind, "heuristic-judge", "reasoning-5") if found is not None else Scored()
    )
    return Session(
        trace=trace,
        scored=scored,
        document=lambda: iter((trace.model_dump_json().encode(),)),
        code=lambda: known,
        read_base=read_base,
        has_secrets=has_secrets,
    )


def chosen_of(session: Session, **more: Any) -> Chosen:
    """What is remembered of a session."""
    trace = session.trace
    assert trace.qa_results is not None
    fields: dict[str, Any] = {
        "trace_id": trace.trace_id,
        "revision": trace.revision,
        "repository": "till",
        "bug": trace.bug_id,
        "verdict": trace.qa_results.verification.verdict,
        "score": session.scored.total,
        **more,
    }
    return Chosen(**fields)


@dataclass(frozen=True)
class Written:
    """What a writer made of some sessions."""

    files: Mapping[str, bytes]
    executable: frozenset[str]
    tally: Tally

    def rows(self, path: str = "data/train-00000-of-00001.jsonl") -> list[dict[str, Any]]:
        """The lines of a file."""
        return [json.loads(line) for line in self.files.get(path, b"").splitlines()]

    def losses(self) -> dict[str, int]:
        """How much of each kind was lost."""
        found: dict[str, int] = {}
        for loss in self.tally.losses.losses():
            found[loss.kind] = found.get(loss.kind, 0) + loss.count
        return found


def written(writer: Writer, *sessions: Session, options: Options = Options()) -> Written:  # noqa: B008 -- a frozen value
    """All files that a writer makes of these sessions."""
    by_id = {session.trace.trace_id: session for session in sessions}
    context = Context(lambda chosen: by_id.get(chosen.trace_id), Tally(), options)
    items = writer.arrange([chosen_of(session) for session in sessions], context)
    return read_out(writer, items, context)


def read_out(writer: Writer, items: Sequence[Item], context: Context) -> Written:
    """Every file, read to its end before the next one is taken."""
    files: dict[str, bytes] = {}
    executable: set[str] = set()
    for file in writer.files("train", items, context):
        files[file.path] = content_of(file)
        if file.executable:
            executable.add(file.path)
    return Written(files, frozenset(executable), context.tally)


def content_of(file: OutputFile) -> bytes:
    """All of a file."""
    return b"".join(file.chunks)
