"""Work that goes on after its request was answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.models.base import ShortText, TraceId, Value
from app.models.commands import TestCommand
from app.models.judgement import JudgeMode

JobState = Literal["running", "failed", "done"]
"""``failed``: it ended without a result; the next finalize of its trace, or the next start, takes it up again."""


class QAJob(Value):
    """Find out about a trace that has been closed."""

    trace_id: TraceId
    test_command: TestCommand | None = None
    """Instead of the trace's own."""
    judge: JudgeMode | None = None
    """Instead of the server's own choice."""
    rubrics: tuple[ShortText, ...] | None = None
    """Instead of the server's own choice."""
    reruns: Annotated[int | None, Field(ge=0, le=100)] = None
    """Instead of the server's own number."""

    @property
    def job_id(self) -> ShortText:
        """A trace has one such job at a time."""
        return job_id_of(self.trace_id)


def job_id_of(trace_id: str) -> str:
    """The id of the job of a trace."""
    return f"qa-{trace_id}"


class JobStatus(Value):
    """How a job stands."""

    job_id: ShortText
    trace_id: TraceId
    status: JobState
