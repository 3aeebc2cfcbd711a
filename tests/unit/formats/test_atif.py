"""ATIF trajectories."""

from __future__ import annotations

from typing import Any

import pytest

from app.formats.atif import Atif
from app.formats.errors import FormatError
from tests.unit.formats.reading import counts, event, extra, lost, of_document, read_all, read_sample

GOLDEN = {
    "v1.5-openhands-hello-world": {"reasoning_step": 3, "terminal_command": 1},
    "v1.5-terminus2-linear-history": {"reasoning_step": 3},
    "v1.5-terminus2-linear-history.cont-1": {"reasoning_step": 4},
    "v1.7-harbor-codex": {"reasoning_step": 4, "terminal_command": 4, "code_edit": 2, "test_result": 2, "commit": 1},
    "v1.7-harbor-mini-swe-agent": {"reasoning_step": 5, "terminal_command": 5, "test_result": 2},
    "v1.7-nat-exmp01": {"reasoning_step": 1},
    "v1.7-nat-exmp03": {"reasoning_step": 1},
    "v1.7-nat-exmp05": {"reasoning_step": 2},
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_sample_has_its_events(name: str) -> None:
    assert counts(read_sample(f"atif/{name}.json")) == GOLDEN[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("v1.5-terminus2-linear-history", {"observation": 3, "step": 1, "trajectory of a sub-agent": 3}),
        ("v1.5-terminus2-linear-history.cont-1", {"observation": 4, "step": 4}),
        ("v1.7-nat-exmp05", {"call of get_current_time": 1}),
    ],
)
def test_what_is_lost_is_counted(name: str, expected: dict[str, int]) -> None:
    assert lost(read_sample(f"atif/{name}.json")) == expected


def test_what_the_agent_says_of_its_repository_is_taken() -> None:
    trace = read_sample("atif/v1.7-harbor-codex.json").trace

    assert (trace.repo.branch, trace.repo.commit_before) == ("main", "4e233c6023ebb48ebc9d1e812ff6149b68510a7a")
    assert trace.task is not None
    assert trace.task.description == "The test suite fails. Find the bug and fix it."


def test_no_exit_code_is_read_out_of_words() -> None:
    command = event(read_sample("atif/v1.7-harbor-codex.json"), "call_1")

    assert "Process exited with code 1" in command.output
    assert command.exit_code is None


def test_a_session_without_a_clock_follows_its_start_in_steps() -> None:
    session = read_sample("atif/v1.5-openhands-hello-world.json")

    assert [found.timestamp.isoformat() for found in session.trace.events][:2] == [
        "1970-01-01T00:00:00.000001+00:00",
        "1970-01-01T00:00:00.000002+00:00",
    ]
    assert session.trace.session is not None
    assert session.trace.session.recorder is not None
    assert (session.trace.session.recorder.extra or {})["unknown"] == ["start_time"]


def test_a_folder_that_is_stated_makes_an_edit_of_what_was_outside() -> None:
    session = read_sample("atif/v1.5-openhands-hello-world.json", folder="/app")

    edit = event(session, "call_fake_1")

    assert (edit.file_path, edit.snapshot_after) == ("hello.txt", "Hello, world!")
    assert extra(session, "call_fake_1")["unknown"] == ["diff", "hash_before", "timestamp"]


def a_trajectory(*steps: dict[str, Any], version: str = "ATIF-v1.7", **more: Any) -> dict[str, Any]:
    numbered = [{"step_id": number, **step} for number, step in enumerate(steps, 1)]
    return {"schema_version": version, "session_id": "s", "agent": {"name": "a", "version": "1"}, "steps": numbered, **more}


def a_step(*calls: dict[str, Any], results: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    step: dict[str, Any] = {"source": "agent", "message": "", "tool_calls": list(calls), **more}
    return step if results is None else {**step, "observation": {"results": results}}


def a_call(name: str, identity: str = "c1", **arguments: Any) -> dict[str, Any]:
    return {"tool_call_id": identity, "function_name": name, "arguments": arguments}


def read(document: dict[str, Any]) -> Any:
    (session,) = read_all(Atif(), of_document(document))
    return session


@pytest.mark.parametrize("minor", range(9))
def test_every_version_up_to_1_8_is_read(minor: int) -> None:
    assert counts(read(a_trajectory({"source": "agent", "message": "Hm."}, version=f"ATIF-v1.{minor}"))) == {
        "reasoning_step": 1
    }


@pytest.mark.parametrize("version", ["ATIF-v1.9", "ATIF-v2.0", "ATIF-1.7"])
def test_a_version_that_is_not_known_is_refused_by_its_name(version: str) -> None:
    with pytest.raises(FormatError, match=version):
        read(a_trajectory({"source": "agent", "message": "Hm."}, version=version))


def test_exit_code_and_duration_are_taken_where_they_are_stated() -> None:
    results = [{"source_call_id": "c1", "content": "ok", "extra": {"exit_code": 0, "duration_ms": 12}}]

    command = event(read(a_trajectory(a_step(a_call("bash", command="make"), results=results))), "c1")

    assert (command.command, command.output, command.exit_code, command.duration_ms) == ("make", "ok", 0, 12)


def test_an_answer_without_an_id_belongs_to_the_only_call() -> None:
    alone = read(a_trajectory(a_step(a_call("bash", command="make"), results=[{"content": "ok"}])))
    two = [a_call("bash", "c1", command="one"), a_call("bash", "c2", command="two")]
    several = read(a_trajectory(a_step(*two, results=[{"content": "ok"}])))

    assert event(alone, "c1").output == "ok"
    assert lost(several) == {"observation": 1}


def test_events_that_a_trace_was_written_as_come_back_and_nothing_is_derived_from_them() -> None:
    diff = "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-a\n+b\n"
    hashed = {**a_call("code_edit", "e1", file_path="a.py", diff=diff), "extra": {"hash_before": "0" * 64, "extra": {"n": 1}}}
    ended = a_call("test_result", "e2", tests_passed=True, test_command="pytest", summary="1 passed", failed_tests=[])
    ran = a_step(
        a_call("terminal_command", "e3", command="pytest"),
        results=[{"source_call_id": "e3", "content": "1 passed in 0.1s", "extra": {"exit_code": 0, "duration_ms": 5}}],
    )
    thought = a_step(reasoning_content="Why?", extra={"event_id": "e4", "plan": "Look."})
    about = {"pr_telemetry": {"bug_id": "B-1", "repository": {"name": "till", "test_command": "pytest"}}}

    session = read(a_trajectory(a_step(hashed), a_step(ended), ran, thought, extra=about))

    assert [found.event_id for found in session.trace.events] == ["e1", "e2", "e3", "e4"]
    assert (event(session, "e1").diff, event(session, "e1").hash_before) == (diff, "0" * 64)
    assert extra(session, "e1")["n"] == 1
    assert (event(session, "e3").output, event(session, "e3").exit_code) == ("1 passed in 0.1s", 0)
    assert (event(session, "e4").content, event(session, "e4").plan) == ("Why?", "Look.")
    assert (session.trace.bug_id, session.trace.repo.name, session.trace.repo.test_command) == ("B-1", "till", "pytest")


@pytest.mark.parametrize(
    ("call", "answer", "kind"),
    [
        (a_call("str_replace_editor", command="view", path="a.py"), "1 a", "file_open"),
        (a_call("str_replace_editor", command="str_replace", path="a.py", old_str="a", new_str="b"),
         "The file a.py has been edited.", "code_edit"),
        (a_call("str_replace_editor", command="str_replace", path="a.py", old_str="a", new_str="b"),
         "No replacement was performed", "terminal_command"),
        (a_call("apply_patch", input="*** Begin Patch\n*** Delete File: a.py\n*** End Patch"), "Success. Done", "code_edit"),
        (a_call("write_file", path="a.py", content="a\n"), "Successfully wrote to a.py", "code_edit"),
        (a_call("grep", pattern="x"), "a.py:1:x", "terminal_command"),
        (a_call("think", thought="Hm."), "", "reasoning_step"),
        (a_call("read_file", path="../a.py"), "a", "terminal_command"),
    ],
)  # fmt: skip
def test_tools_by_their_usual_names(call: dict[str, Any], answer: str, kind: str) -> None:
    session = read(a_trajectory(a_step(call, results=[{"source_call_id": "c1", "content": answer}])))

    assert counts(session) == {kind: 1}


def test_no_tool_is_taken_for_a_command_that_could_be_run_again() -> None:
    session = read(a_trajectory(a_step(a_call("grep", pattern="x"), results=[{"source_call_id": "c1", "content": "a"}])))

    assert event(session, "c1").command == 'grep {"pattern": "x"}'
    assert event(session, "c1").exit_code is None


def test_an_event_that_no_trace_can_hold_is_counted() -> None:
    session = read(a_trajectory(a_step(a_call("file_open", file_path="../x"), message="Hm.")))

    assert counts(session) == {"reasoning_step": 1}
    assert lost(session) == {"file_open": 1}


def test_a_test_command_that_needs_a_shell_is_not_taken() -> None:
    about = {"pr_telemetry": {"repository": {"name": "till", "test_command": "pytest; rm -rf /"}}}

    session = read(a_trajectory({"source": "agent", "message": "Hm."}, extra=about))

    assert session.trace.repo.test_command is None
    assert "test_command" in session.missing
    assert lost(session) == {"test command": 1}
