"""Trajectories, by the format's own models and by our own reader."""

from __future__ import annotations

import json

import pytest

from app.formats.atif import Atif
from app.formats.base import ReadOptions
from app.formats.writing.atif import AtifWriter, trajectory_of
from app.models.events import Event
from app.models.trace import Agent, Consent, Trace
from app.models.trace import Session as Recorded
from tests.atif_models import Trajectory
from tests.builders import a_thought, an_edit, an_event
from tests.unit.formats.reading import a_source
from tests.unit.formats.writing.sessions import (
    DIFF,
    a_command,
    a_finalized,
    a_sample,
    a_session_of,
    a_test_run,
    stored,
    written,
)

EVERY_KIND = stored(
    an_event("file_open", file_path="till.py"),
    a_thought("Why?", plan="Look.", hypothesis="It is 0."),
    an_edit("till.py", DIFF, hash_before="a" * 64, hash_after="b" * 64, language="python", extra={"note": 1}),
    a_command("pytest", "1 failed", None, cwd="src"),
    a_test_run("pytest", passed=False, failed_tests=["a::b"], num_failed=1),
    an_event("commit", sha="c1d2e3f", message="Fix"),
    an_event("file_close", file_path="till.py"),
)


def read_again(trace: Trace) -> Trace:
    (content,) = written(AtifWriter(), a_session_of(trace)).files.values()
    (read,) = Atif().read(a_source(content), ReadOptions(derive=False))
    return trace.model_copy(update={"events": read.trace.events, "task": read.trace.task, "session": read.trace.session})


def said(event: Event) -> dict[str, object]:
    return {"type": event.event_type, "at": event.timestamp, **event.data.model_dump(exclude={"extra"})}


@pytest.mark.parametrize("name", ["thoughtful-fix", "failed-attempt", "careless-success"])
def test_a_bundled_session_is_a_valid_trajectory(name: str) -> None:
    trace = a_sample(name)

    trajectory = Trajectory.model_validate(trajectory_of(a_session_of(trace)))

    assert len(trajectory.steps) == 1 + len(trace.events)


def test_every_kind_of_event_is_valid_and_known() -> None:
    trace = a_finalized(events=EVERY_KIND)

    trajectory = Trajectory.model_validate(trajectory_of(a_session_of(trace)))

    calls = [step.tool_calls[0] for step in trajectory.steps if step.tool_calls]
    assert [call.function_name for call in calls] == [event.event_type for event in EVERY_KIND if event.event_id != "e2"]
    assert calls[1].extra == {"hash_before": "a" * 64, "hash_after": "b" * 64, "extra": {"note": 1}}
    assert trajectory.agent.model_name == "m-1"
    assert trajectory.extra is not None
    assert trajectory.extra["pr_telemetry"]["qa_results"]["verification"]["verdict"] == "fixed"


def test_our_reader_finds_the_same_session_in_it() -> None:
    trace = a_finalized(events=EVERY_KIND)

    read = read_again(trace)

    assert [said(event) for event in read.events] == [said(event) for event in trace.events]
    assert read.task is not None
    assert read.task.description == "The till is off."
    assert read.session is not None
    assert read.session.agent == Agent(name="fixer", version="2", model="m-1")


def test_a_person_is_no_unknown_agent() -> None:
    person = Recorded(role="human_dev", consent=Consent())

    agent = trajectory_of(a_session_of(a_finalized(session=person)))["agent"]

    assert agent["name"] == "human"
    assert agent["extra"]["role"] == "human_dev"


def test_a_document_is_named_by_its_trace() -> None:
    files = written(AtifWriter(), a_session_of(a_finalized("t-7"))).files

    assert json.loads(files["trajectories/train/t-7.json"])["trajectory_id"] == "t-7"
