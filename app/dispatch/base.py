"""The small interface of job dispatch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Dispatcher(Protocol):
    """Has jobs run, in the order in which they were submitted."""

    def submit(self, job: Job, run: Callable[[Job], Result]) -> Future[Result]:
        """Have a job run, now or when it is its turn. What a crash interrupts is its owner's to submit again."""
        ...

    def close(self) -> None:
        """Take no more jobs, and return when the running ones are done. Those that wait are left for the next start."""
        ...
