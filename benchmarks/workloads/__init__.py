"""The workloads by name."""

from __future__ import annotations

from benchmarks.workloads import appending, chunks, exchange, finalizing, judging, listing, reading, startup, whole_traces
from benchmarks.workloads.base import Scale, Workload

WORKLOADS: dict[str, Workload] = {
    "w1": Workload("one event per request, one client, one growing trace", appending.run),
    "w2": Workload("50 events per request, 16 clients, many traces", chunks.run_many_traces),
    "w2-one": Workload("one event per request, 16 clients, one trace", chunks.run_one_trace),
    "w3": Workload("whole traces of 200 events, 16 clients", whole_traces.run),
    "w4": Workload("read a 2,000-event trace, finalized and open", reading.run),
    "w5": Workload("list with two filters over 10,000 and 1,000,000 traces", listing.run),
    "finalize": Workload("verification against bare runs, a queue, a large workspace", finalizing.run),
    "judge": Workload("judgements by counting, rendering, and what is added to a model's own time", judging.run),
    "exchange": Workload("import of sessions, export of traces, and the memory that they take", exchange.run),
    "startup": Workload("start-up of the command line, beside a bare import of click", startup.run),
}

__all__ = ["WORKLOADS", "Scale"]
