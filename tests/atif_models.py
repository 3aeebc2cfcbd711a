"""The published models of ATIF-v1.7, as strict as its own validator: unknown fields are refused.

Written from the models of the package ``harbor`` (0.25.0), which needs a newer Python than this project.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Agent(_Strict):
    """Who worked."""

    name: str
    version: str
    model_name: str | None = None
    tool_definitions: list[dict[str, Any]] | None = None
    extra: dict[str, Any] | None = None


class ToolCall(_Strict):
    """A call."""

    tool_call_id: str
    function_name: str
    arguments: dict[str, Any]
    extra: dict[str, Any] | None = None


class Result(_Strict):
    """What came back."""

    source_call_id: str | None = None
    content: str | None = None
    extra: dict[str, Any] | None = None


class Observation(_Strict):
    """What came back of a step."""

    results: list[Result]


class Step(_Strict):
    """A step."""

    step_id: int = Field(ge=1)
    timestamp: datetime | None = None
    source: Literal["system", "user", "agent"]
    model_name: str | None = None
    message: str
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    observation: Observation | None = None
    llm_call_count: int | None = Field(None, ge=0)
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Step:
        if self.source != "agent":
            assert (self.model_name, self.reasoning_content, self.tool_calls) == (None, None, None), "for agents only"
        if self.llm_call_count == 0 and self.source == "agent":
            assert self.reasoning_content is None, "no model was called"
        calls = {call.tool_call_id for call in self.tool_calls or ()}
        results = self.observation.results if self.observation is not None else ()
        assert {result.source_call_id for result in results} - {None} <= calls, "a result of no call"
        return self


class FinalMetrics(_Strict):
    """Totals."""

    total_steps: int | None = Field(None, ge=0)


class Trajectory(_Strict):
    """A trajectory."""

    schema_version: Literal["ATIF-v1.7"]
    session_id: str | None = None
    trajectory_id: str | None = None
    agent: Agent
    steps: list[Step] = Field(min_length=1)
    final_metrics: FinalMetrics | None = None
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _is_numbered(self) -> Trajectory:
        assert [step.step_id for step in self.steps] == list(range(1, len(self.steps) + 1)), "steps count from 1 without gaps"
        return self
