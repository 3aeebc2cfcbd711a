"""Trajectories of SWE-agent."""

from __future__ import annotations

from typing import Any

import pytest

from app.formats.swe_agent import SweAgent
from app.rules.patches import split_patch
from tests.unit.formats.reading import counts, event, extra, lost, of_document, read_all, read_sample

GOLDEN = {
    "history-only-function-calling-simple": {"reasoning_step": 5, "terminal_command": 2, "file_open": 1, "code_edit": 1},
    "v0-pydicom-1458": {"reasoning_step": 12, "terminal_command": 10, "file_open": 1},
    "v1-sweagenttestrepo-1c2844": {"reasoning_step": 5, "terminal_command": 2, "file_open": 1, "code_edit": 1},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_sample_has_its_events(name: str) -> None:
    assert counts(read_sample(f"swe-agent/{name}.traj")) == GOLDEN[name]


def test_what_is_lost_is_counted() -> None:
    assert lost(read_sample("swe-agent/v1-sweagenttestrepo-1c2844.traj")) == {
        "action submit": 1, "final.patch": 1, "turn": 1,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["v0-pydicom-1458", "v1-sweagenttestrepo-1c2844"])
def test_the_submission_is_a_patch_that_can_be_read(name: str) -> None:
    (artifact,) = read_sample(f"swe-agent/{name}.traj").artifacts

    assert (artifact.name, artifact.kind) == ("final.patch", "patch")
    assert "\r" not in artifact.content
    assert [part.new_path for part in split_patch(artifact.content.lstrip("\n"))] in (
        ["pydicom/pixel_data_handlers/numpy_handler.py"], ["tests/missing_colon.py"],
    )  # fmt: skip


def test_an_edit_whose_both_sides_were_typed_is_an_edit_without_line_numbers() -> None:
    session = read_sample("swe-agent/v1-sweagenttestrepo-1c2844.traj")

    edit = event(session, "step-3")

    assert edit.file_path == "tests/missing_colon.py"
    assert edit.diff.endswith("@@\n-def division(a: float, b: float) -> float\n+def division(a: float, b: float) -> float:\n")
    assert extra(session, "step-3")["unanchored"] is True


def test_an_edit_by_line_numbers_is_a_command_of_the_tool() -> None:
    session = read_sample("swe-agent/v0-pydicom-1458.traj")

    assert event(session, "step-2").command.startswith("edit 1:1\nimport numpy")
    assert extra(session, "step-2") == {"tool": "edit", "unknown": ["exit_code", "duration_ms", "timestamp"]}


def test_times_and_repository_are_taken_where_they_are_stated() -> None:
    session = read_sample("swe-agent/v1-sweagenttestrepo-1c2844.traj")

    assert event(session, "step-4").duration_ms == 293
    assert (session.trace.repo.name, session.trace.repo.url) == ("test-repo", "https://github.com/SWE-agent/test-repo/")
    assert session.trace.repo.commit_before is None  # HEAD is no commit
    assert session.trace.bug_id == "SWE-agent__test-repo-i1"


def a_step(action: str, observation: str | None, **state: str) -> dict[str, Any]:
    return {"action": action, "observation": observation, "thought": "", "state": {"working_dir": "/repo", **state}}


def read(*steps: dict[str, Any]) -> Any:
    (session,) = read_all(SweAgent(), of_document({"trajectory": list(steps), "history": [], "info": {}}))
    return session


def test_an_edit_that_its_tool_did_not_confirm_is_no_edit() -> None:
    opened = a_step("open a.py", "[File: a.py (1 lines total)]", open_file="/repo/a.py")

    session = read(opened, a_step("edit 'a' 'b'", "Your proposed edit has introduced new syntax error(s)."))

    assert counts(session) == {"file_open": 1, "terminal_command": 1}


def test_a_file_is_named_from_the_directory_that_the_action_ran_in() -> None:
    entered = a_step("cd src", "", working_dir="/repo/src")

    session = read(a_step("ls", ""), entered, a_step("open a.py", "[File: a.py]", working_dir="/repo/src"))

    assert event(session, "step-3").file_path == "src/a.py"


def test_an_action_without_an_answer_is_kept_only_at_the_end() -> None:
    session = read(a_step("make", None), a_step("ls", ""), a_step("sleep 9", None))

    assert [found.event_id for found in session.trace.events] == ["step-2", "step-3"]
    assert extra(session, "step-3")["incomplete"] is True
