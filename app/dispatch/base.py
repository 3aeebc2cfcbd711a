"""The small interface of job dispatch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol

from app.models.job import QAJob
from app.models.trace import Trace


class Dispatcher(Protocol):
    """Has jobs run, in the order in which they were submitted."""

    def submit(self, job: QAJob, run: Callable[[QAJob], Trace]) -> Future[Trace]:
        """Have a job run, now or when it is its turn. A job that a crash interrupts is submitted again at the next start."""
        ...

    def close(self) -> None:
        """Take no more jobs, and return when the running ones are done. Those that wait are left for the next start."""
        ...
