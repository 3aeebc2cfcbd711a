"""Work that goes on after its request was answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.models.base import ShortText, TraceId, Value
from app.models.commands import TestCommand
from app.models.judgement import JudgeMode

JobState = Literal["running", "failed", "done"]
"""``failed``: it ended without a result; the next finalize of its trace, or the next start, takes it up again."""


class FinalizeRequest(Value):
    """What a finalize may ask for; what is left out comes from the trace and the settings."""

    test_command: TestCommand | None = None
    """Run this instead of the trace's own test command."""
    judge: JudgeMode | None = None
    """Let this judge score the reasoning instead of the server's own choice."""
    rubrics: Annotated[tuple[ShortText, ...] | None, Field(min_length=1, max_length=16)] = None
    """Judge by these rubrics instead of the server's own choice; ids, as `GET /rubrics` lists them."""
    reruns: Annotated[int | None, Field(ge=0, le=100)] = None
    """Run the tests that decide again so often, instead of the server's own number."""


class QAJob(Value):
    """Find out about a trace that has been closed."""

    trace_id: TraceId
    request: FinalizeRequest = FinalizeRequest()

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
