"""The trace schema reference against the models: every field, whether it is required, and whose it is."""

from __future__ import annotations

import typing

import pytest
from pydantic import BaseModel

from app.models import events, judgement, qa, recording, replay, rubric, trace
from app.models.base import NotForClients, ServerOwned
from app.models.job import FinalizeRequest
from app.rules.recording import TYPE_OF
from tests.docs.markdown import headings, read, rows, section

PAGE = read("docs/reference/trace-schema.md")

SENT: dict[str, type[BaseModel]] = {
    "Trace": trace.NewTrace,
    "repo": trace.NewRepo,
    "repo.language_stats": trace.LanguageRatio,
    "task": trace.Task,
    "session": trace.Session,
    "session.agent": trace.Agent,
    "session.consent": trace.Consent,
    "session.client_clock": trace.ClientClock,
    "session.recorder": trace.Recorder,
    "environment": trace.Environment,
    "Events": events.FileOpen,
    "file_open": events.FileOpenData,
    "file_close": events.FileCloseData,
    "code_edit": events.CodeEditData,
    "terminal_command": events.TerminalCommandData,
    "test_result": events.TestResultData,
    "commit": events.CommitData,
    "reasoning_step": events.ReasoningStepData,
    "append": trace.NewEvents,
    "finalize": FinalizeRequest,
    "replay request": replay.ReplayRequest,
    "judge request": judgement.JudgeRequest,
}
WRITTEN: dict[str, type[BaseModel]] = {
    "artifacts": trace.ArtifactRef,
    "metrics": trace.Metrics,
    "qa_results": qa.QAResults,
    "verification": qa.Verification,
    "verification.before and verification.after": qa.TestRun,
    "verification.suspicions": qa.Suspicion,
    "verification.reruns": qa.Reruns,
    "verification.flaky": qa.FlakyTest,
    "verification.disguise": qa.DisguiseCheck,
    "verification.image": qa.ImageRef,
    "verification.limits": qa.Limits,
    "replay": replay.Replay,
    "replay.counts": replay.ClaimCounts,
    "replay.edits": replay.ReplayedEdit,
    "replay.ends": replay.EndComparison,
    "claims": replay.Claim,
    "claims.evidence": replay.Check,
    "judgements": judgement.Judgement,
    "judgements.rubric": rubric.RubricRef,
    "judgements.judge": judgement.JudgeIdentity,
    "judgements.dimensions": judgement.DimensionScore,
    "judgements.dimensions.samples": judgement.Sample,
    "judgements.usage": judgement.Usage,
    "judgements.render": judgement.Render,
    "judgements.attempts": judgement.Attempt,
}
RECORDED: dict[str, type[BaseModel]] = {
    "recording": recording.NewRecording,
    "chunk": recording.NewChunk,
    "recorded artifact": recording.RecordedArtifact,
}
RECORDED_EVENTS: dict[str, type[BaseModel]] = {
    "recorded file_open and file_close": recording.RecordedOpen,
    "recorded file_edit": recording.RecordedEdit,
    "recorded cmd_run": recording.RecordedCommand,
    "recorded test_run": recording.RecordedTestRun,
    "recorded commit": recording.RecordedCommit,
    "recorded rationale_note": recording.RecordedNote,
}


def marks(heading: str) -> dict[str, str]:
    return {name: mark for name, _, mark, _ in rows(section(PAGE, heading))}


def mark_of(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    if ServerOwned in field.metadata or any(one in field.metadata for one in typing.get_args(NotForClients)[1:]):
        return "server"
    return "required" if field.is_required() else ""


@pytest.mark.parametrize(("heading", "model"), SENT.items())
def test_what_a_client_sends(heading: str, model: type[BaseModel]) -> None:
    assert marks(heading) == {name: mark_of(model, name) for name in model.model_fields}


@pytest.mark.parametrize(("heading", "model"), RECORDED.items())
def test_what_a_recorder_sends(heading: str, model: type[BaseModel]) -> None:
    assert marks(heading) == {name: mark_of(model, name) for name in model.model_fields}


@pytest.mark.parametrize(("heading", "model"), RECORDED_EVENTS.items())
def test_what_a_recorder_says_of_an_event(heading: str, model: type[BaseModel]) -> None:
    documented = {**marks("recorded event"), **marks(heading)}

    assert documented == {name: mark_of(model, name) for name in model.model_fields}


def test_every_type_of_a_recorded_event_is_named() -> None:
    assert all(f"`{name}`" in section(PAGE, "recorded event") for name in TYPE_OF.values())


@pytest.mark.parametrize(("heading", "model"), WRITTEN.items())
def test_what_the_server_writes(heading: str, model: type[BaseModel]) -> None:
    assert marks(heading) == dict.fromkeys(model.model_fields, "server")


def test_a_stored_trace_has_no_other_fields() -> None:
    assert set(trace.Trace.model_fields) <= set(marks("Trace"))


def test_every_table_is_compared() -> None:
    tables = {heading for heading in headings(PAGE) if list(rows(section(PAGE, heading)))}

    assert tables == SENT.keys() | WRITTEN.keys() | RECORDED.keys() | RECORDED_EVENTS.keys() | {"recorded event"}


def test_no_model_is_forgotten() -> None:
    models = {
        value
        for module in (trace, events, qa, replay)
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__ and name[0] != "_"
    }
    stands_for = {
        trace.Trace: trace.NewTrace,
        trace.TraceStart: trace.NewTrace,
        trace.Repo: trace.NewRepo,
        events.EventData: events.FileOpenData,
        replay.ReplayResult: replay.Replay,
    }
    envelopes = {value for value in models if "event_type" in value.model_fields}

    assert {stands_for.get(model, model) for model in models - envelopes} <= {*SENT.values(), *WRITTEN.values()}
    assert {value.model_fields["event_type"].annotation.__args__[0] for value in envelopes} <= SENT.keys()  # type: ignore[union-attr]
