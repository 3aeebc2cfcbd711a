"""What workloads have in common."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from benchmarks.client import Load, Request, fetch, request, run_load
from benchmarks.measure import Sample
from benchmarks.processes import Server, our_server, reference_server
from benchmarks.results import Ratio, Result, rates, ratio
from benchmarks.sessions import Body, Sessions, trace_body

CLIENTS = 16
OURS, WITHOUT_REDACTION = "ours", "ours, redaction off"


@dataclass(frozen=True)
class Scale:
    """How much is run."""

    repetitions: int
    is_quick: bool
    index_dir: Path | None = None
    """Where filled indexes are kept from run to run; not at all where it is left out."""

    @property
    def seconds(self) -> float:
        """How long one sample of a workload without an end takes."""
        return 0.7 if self.is_quick else 2.0


@dataclass(frozen=True)
class Workload:
    """Something to be measured."""

    title: str
    run: Callable[[Path, Scale], Result]


@contextmanager
def servers(folder: Path, references: Sequence[str]) -> Iterator[dict[str, Server]]:
    """Our server, with redaction and without, and the references; all at once, each in a process of its own."""
    with ExitStack() as stack:
        running = {
            OURS: stack.enter_context(our_server(folder / "ours")),
            WITHOUT_REDACTION: stack.enter_context(our_server(folder / "plain", REDACTION="off")),
        }
        for name in references:
            running[name] = stack.enter_context(reference_server(folder / name, name))
        yield running


def validate_ratios(name: str, samples: Mapping[str, Sequence[Sample]], at_least: float | None = None) -> list[Ratio]:
    """A side by the two ways to validate: as FastAPI does it by itself, which has the target, and from bytes."""
    return [
        ratio(f"{name} ÷ {bare}", rates(samples[name]), rates(samples[bare]), target)
        for bare, target in (("bare-validate", at_least), ("bare-validate-bytes", None))
    ]


def new_trace(port: int, sessions: Sessions, events: int = 0) -> str:
    """An open trace on one of our servers. Returns its id."""
    body = trace_body(sessions, events)
    answer = json.loads(fetch(port, request("POST", "/traces", body.content)))
    return str(answer["trace_id"])


def append_requests(trace_ids: Sequence[str], bodies: Sequence[Body]) -> list[Request]:
    """Each body once, to the traces in turn."""
    return [
        request("POST", f"/traces/{trace_id}/events", body.content, body.events, body.event_bytes)
        for trace_id, body in zip(cycle(trace_ids), bodies, strict=False)
    ]


def for_a_while(port: int, requests: Sequence[Request], clients: int, seconds: float) -> Load:
    """All clients at once, each with its own place in the same round of requests."""
    step = max(1, len(requests) // clients)
    plans = [cycle((*requests[index * step :], *requests[: index * step])) for index in range(clients)]
    return run_load(port, plans, seconds)
