"""The bundled sessions: a thoughtful attempt that failed, and a careless one that succeeded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from app.models.events import CodeEdit, TerminalCommand
from app.qa.judge.rubric import PROCESS
from tests.docs.markdown import read
from tests.e2e.server import ROOT
from tests.unit.qa.judge.degradations import judged, sample


def test_the_process_is_scored_not_the_outcome() -> None:
    thoughtful, failed, careless = (
        judged(sample(name)).total for name in ("thoughtful-fix", "failed-attempt", "careless-success")
    )

    assert thoughtful is not None
    assert failed is not None
    assert careless is not None
    assert thoughtful > failed > careless + 2


@pytest.mark.parametrize("dimension", ["problem_understanding", "causal_linking", "experiment_design"])
def test_the_failed_attempt_is_ahead_where_thought_counts(dimension: str) -> None:
    failed, careless = (judged(sample(name)).dimensions[dimension] for name in ("failed-attempt", "careless-success"))

    assert failed.score is not None
    assert careless.score is not None
    assert failed.score > careless.score + 2


def test_the_careless_session_is_told_why_with_its_events() -> None:
    trace = sample("careless-success")
    events = {event.event_id: event for event in trace.events}
    judgement = judged(trace)
    first_edit = next(event for event in trace.events if isinstance(event, CodeEdit))

    assert judgement.flags == ("no_investigation",)
    assert f"Nothing was run before the first edit ({first_edit.event_id})." in judgement.feedback
    assert f"Files were changed without having been read (0 of 1; {first_edit.event_id})." in judgement.feedback
    assert set(judgement.dimensions["problem_understanding"].evidence) <= events.keys()
    assert first_edit.event_id in judgement.dimensions["problem_understanding"].evidence


def test_the_failed_attempt_is_told_why_with_its_events() -> None:
    trace = sample("failed-attempt")
    judgement = judged(trace)
    first_run = next(event for event in trace.events if isinstance(event, TerminalCommand))

    assert judgement.flags == ()
    assert f"The failure was seen before anything was changed ({first_run.event_id}" in judgement.feedback
    assert first_run.event_id in judgement.dimensions["problem_understanding"].evidence


def test_the_readme_shows_what_the_command_prints() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "judge_samples.py")]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout

    assert f"`{PROCESS}`" in printed
    assert f"<!-- judge-samples: begin -->\n{printed}<!-- judge-samples: end -->" in read("README.md")
