"""Judging: how many traces the judge that counts gets through, what rendering costs, and what the model judge adds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import openai

from app.models.base import STORED
from app.models.events import EVENTS
from app.models.trace import TRACE, Trace
from app.qa.base import Evidence
from app.qa.judge.config import LLMConfig
from app.qa.judge.heuristic import HeuristicJudge
from app.qa.judge.llm import LLMJudge
from app.qa.judge.rendering import render_events
from app.qa.judge.rubric import PROCESS, load_rubrics
from benchmarks.results import Result, ratio
from benchmarks.sessions import Sessions
from benchmarks.workloads.base import Scale

_SIZES = (50, 500, 5000)
_BUDGET_TOKENS = 48_000
_RUBRIC = load_rubrics()[PROCESS]
_MIB = 1 << 20

Work = Callable[[], object]
_Name = TypeVar("_Name")


def run(folder: Path, scale: Scale) -> Result:
    """All of it, in turns."""
    del folder
    result = Result("judge", "judging by counting, rendering, and what is added to a model's own time", scale.repetitions)
    evidence = {size: Evidence(_trace(size), trace_hash="0" * 64) for size in _SIZES}
    _counting(result, evidence, scale)
    _rendering(result, evidence, scale)
    _asking(result, evidence[50], scale)
    return result


def _counting(result: Result, evidence: dict[int, Evidence], scale: Scale) -> None:
    judge = HeuristicJudge()
    works: dict[int, Work] = {size: lambda size=size: judge.judge(replace(evidence[size]), _RUBRIC) for size in _SIZES}  # type: ignore[misc]
    taken = _in_turns(works, scale)
    for size in _SIZES:
        result.notes.append(f"counting, {size} events: {_rate(taken[size])} judgements a second")
    for small, large in pairwise(_SIZES):
        factor = large // small
        growth = [one / (factor * other) for one, other in zip(taken[large], taken[small], strict=True)]
        what = f"counting: time for {large} events ÷ {factor} × time for {small}"
        result.ratios.append(ratio(what, growth, [1.0] * len(growth), at_most=1.5))


def _rendering(result: Result, evidence: dict[int, Evidence], scale: Scale) -> None:
    works: dict[int, Work] = {
        size: lambda size=size: render_events(evidence[size].trace.events, "n0nce", _BUDGET_TOKENS)  # type: ignore[misc]
        for size in _SIZES
    }
    taken = _in_turns(works, scale)
    for size in _SIZES:
        rendering = render_events(evidence[size].trace.events, "n0nce", _BUDGET_TOKENS)
        sent = len(evidence[size].trace.model_dump_json()) / _MIB
        speed = sent / sorted(taken[size])[len(taken[size]) // 2]
        result.notes.append(
            f"rendering, {size} events ({sent:.1f} MiB) at level {rendering.level}: {_rate(taken[size])} a second, "
            f"{speed:.1f} MiB of trace a second"
        )
    growth = [one / (10 * other) for one, other in zip(taken[5000], taken[500], strict=True)]
    result.ratios.append(ratio("rendering: time for 5000 events ÷ 10 × time for 500", growth, [1.0] * len(growth), at_most=1.5))


def _asking(result: Result, evidence: Evidence, scale: Scale) -> None:
    """The same question to an endpoint that answers at once: by the judge, and by the client alone."""
    with _endpoint() as base_url:
        judge = LLMJudge(LLMConfig(api_key="none", base_url=base_url, samples=1))
        rendered = render_events(evidence.trace.events, "n0nce", _BUDGET_TOKENS).text
        with openai.OpenAI(api_key="none", base_url=base_url, max_retries=0) as client:
            taken = _in_turns(
                {
                    "judge": lambda: _scored(judge, evidence),
                    "client": lambda: client.chat.completions.create(
                        model="m", messages=[{"role": "user", "content": rendered}]
                    ),
                },
                scale,
            )
    added = [one - other for one, other in zip(taken["judge"], taken["client"], strict=True)]
    result.notes.append(
        f"one answer of an endpoint that takes no time, 50 events: judge {_ms(taken['judge'])}, client alone "
        f"{_ms(taken['client'])}, added {_ms(added)}"
    )
    result.ratios.append(ratio("judge ÷ client alone, no waiting at all", taken["judge"], taken["client"]))


def _scored(judge: LLMJudge, evidence: Evidence) -> None:
    # another object: what was measured of this one is remembered
    (judgement,) = judge.judge(replace(evidence), _RUBRIC)
    if judgement.status != "scored":
        raise RuntimeError(f"the judge was to score: {judgement.status}, {judgement.reason}")


@contextmanager
def _endpoint() -> Iterator[str]:
    """A server that answers every question alike and at once."""
    one = {"evidence": ["e1"], "quote": "", "rationale": "Seen.", "level": 3}
    answer = {"dimensions": {name.id: one for name in _RUBRIC.dimensions}, "feedback": "Well.", "instructions_seen": []}
    message = {"role": "assistant", "content": json.dumps(answer)}
    body = json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.wfile.write(head.encode() + body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()
            thread.join()


def _trace(events: int) -> Trace:
    sessions = Sessions()
    raw = [{"event_id": f"e-{number}", **event} for number, event in enumerate(sessions.events(events), 1)]
    return TRACE.validate_python(
        {
            "trace_id": f"judged-{events}",
            "developer_id": "benchmark",
            "start_time": datetime(2026, 3, 2, 9, tzinfo=UTC),
            "repo": {"name": "till"},
            "created_at": datetime(2026, 3, 2, 9, tzinfo=UTC),
            "request_sha256": "0" * 64,
            "events": EVENTS.validate_python(raw, strict=False, context=STORED),
        },
        context=STORED,
    )


def _in_turns(works: dict[_Name, Work], scale: Scale) -> dict[_Name, list[float]]:
    """Seconds that each takes, once in each repetition, as the mean of as many calls as fit into a moment."""
    taken: dict[_Name, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(scale.repetitions):
        for name, work in works.items():
            taken[name].append(_seconds(work, scale.seconds / 4))
    return taken


def _seconds(work: Work, at_least_s: float) -> float:
    start, calls = time.perf_counter(), 0
    while calls == 0 or time.perf_counter() - start < at_least_s:
        work()
        calls += 1
    return (time.perf_counter() - start) / calls


def _rate(seconds: list[float]) -> str:
    ordered = sorted(1 / one for one in seconds)
    return f"{ordered[len(ordered) // 2]:,.1f} ({ordered[0]:,.1f}–{ordered[-1]:,.1f})"


def _ms(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return f"{1000 * ordered[len(ordered) // 2]:.1f} ms"
