"""Rollouts of Codex."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.formats.codex import Codex
from app.models.events import CodeEdit
from app.rules.diffs import apply_diff
from tests.unit.formats.reading import counts, event, extra, lost, of_lines, read_all, read_sample

WITH_COMMIT = {"reasoning_step": 4, "terminal_command": 4, "code_edit": 2, "commit": 1}
GOLDEN = {
    "0.50.0": {"reasoning_step": 4, "terminal_command": 3, "code_edit": 1, "test_result": 2},
    "0.77.0": {"reasoning_step": 4, "terminal_command": 3, "code_edit": 1, "test_result": 2},
    "0.104.0": {**WITH_COMMIT, "test_result": 2},
    "0.135.0": {**WITH_COMMIT, "test_result": 1},
    "0.169.0": {**WITH_COMMIT, "test_result": 2},
}


@pytest.mark.parametrize("version", GOLDEN)
def test_a_sample_has_its_events(version: str) -> None:
    session = read_sample(f"codex/codex-{version}-rollout.jsonl")

    assert counts(session) == GOLDEN[version]
    assert session.trace.task is not None
    assert session.trace.task.description == "The test suite fails. Find the bug and fix it."
    assert session.trace.session is not None
    assert session.trace.session.agent is not None
    assert session.trace.session.agent.version == version
    assert session.missing == ("name", "url", "commit_after", "test_command")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("0.50.0", {"event token_count": 12, "message": 1}),
        ("0.169.0", {
            "event task_started": 1, "event thread_settings_applied": 1, "event token_count": 6, "message": 2,
            "token_usage_record": 6, "world_state": 1,
        }),
    ],
)  # fmt: skip
def test_what_is_lost_is_counted(version: str, expected: dict[str, int]) -> None:
    assert lost(read_sample(f"codex/codex-{version}-rollout.jsonl")) == expected


@pytest.mark.parametrize("version", ["0.135.0", "0.169.0"])
def test_changes_that_are_told_with_line_numbers_apply(version: str) -> None:
    session = read_sample(f"codex/codex-{version}-rollout.jsonl")
    files = {"calc.py": b"def add(a, b):\n    return a - b\n", "NOTES.md": None}

    after = {
        found.data.file_path: apply_diff(files[found.data.file_path], found.data.diff)
        for found in session.trace.events
        if isinstance(found, CodeEdit)
    }

    assert after == {
        "calc.py": b"def add(a, b):\n    return a + b\n",
        "NOTES.md": b"# Notes\nadd() used the wrong operator.\n",
    }


def test_a_patch_in_a_here_document_is_an_edit_without_line_numbers() -> None:
    session = read_sample("codex/codex-0.50.0-rollout.jsonl")

    assert event(session, "call_3").diff.endswith("@@\n def add(a, b):\n-    return a - b\n+    return a + b\n")
    assert extra(session, "call_3") == {
        "tool": "shell", "command": "apply_patch <<'EOF'", "exit_code": 0, "unanchored": True, "unknown": ["diff"],
    }  # fmt: skip


def test_a_test_run_is_told_as_it_ended() -> None:
    failed = event(read_sample("codex/codex-0.169.0-rollout.jsonl"), "call_1/test")

    assert (failed.tests_passed, failed.num_failed, failed.num_passed) == (False, 1, 0)
    assert failed.failed_tests == ("test_calc.py::test_add",)
    assert (failed.test_command, failed.summary) == ("python3 -m pytest -q", "1 failed in 1.23s")


def test_a_quiet_commit_has_the_hash_that_was_asked_for() -> None:
    commit = event(read_sample("codex/codex-0.169.0-rollout.jsonl"), "call_5/commit")

    assert (commit.sha, commit.message) == ("16684ce3dda64f5521fef20e827bfe110c396736", "Fix add operator")


def a_record(kind: str, second: int = 0, **payload: Any) -> dict[str, Any]:
    return {"timestamp": f"2026-03-02T12:00:{second:02}Z", "type": kind, "payload": payload}


META = a_record("session_meta", id="s-1", cwd="/repo", cli_version="0.104.0")
ASKED = a_record("event_msg", type="user_message", message="Fix it.")


def called(identity: str, name: str, arguments: Any) -> dict[str, Any]:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return a_record("response_item", type="function_call", name=name, arguments=written, call_id=identity)


def answered(identity: str, output: str, second: int = 1) -> dict[str, Any]:
    return a_record("response_item", second, type="function_call_output", call_id=identity, output=output)


def read(*records: Any) -> Any:
    (session,) = read_all(Codex(), of_lines((META, ASKED, *records)))
    return session


def test_the_same_words_said_twice_are_two_steps_however_many_interfaces_tell_them() -> None:
    by_event = a_record("event_msg", type="agent_message", message="Done.")
    by_item = a_record("event_msg", type="item_completed", item={"type": "AgentMessage", "content": [{"text": "Done."}]})
    by_model = a_record("response_item", type="message", role="assistant", content=[{"type": "output_text", "text": "Done."}])

    session = read(by_item, by_event, by_model, by_event, by_model, by_item)

    assert [found.data.content for found in session.trace.events] == ["Done.", "Done."]


def test_a_command_that_goes_on_is_one_command() -> None:
    session = read(
        called("c1", "exec_command", {"cmd": "make"}),
        answered("c1", "Chunk ID: a\nWall time: 8.0 seconds\nProcess running with session ID 7\nOutput:\none\n"),
        called("c2", "write_stdin", {"session_id": 7, "chars": "y\n"}),
        answered("c2", "Chunk ID: b\nWall time: 1.0 seconds\nProcess exited with code 3\nOutput:\ntwo\n", 9),
    )

    assert counts(session) == {"terminal_command": 1}
    command = event(session, "c1")
    assert (command.output, command.exit_code, command.duration_ms) == ("one\ntwo\n", 3, None)
    assert extra(session, "c1")["stdin"] == ["y\n"]


def test_a_turn_that_was_aborted_leaves_its_call_incomplete() -> None:
    aborted = a_record("event_msg", type="turn_aborted", reason="interrupted")

    session = read(called("c1", "shell", {"command": ["bash", "-lc", "make"]}), aborted, ASKED)

    assert extra(session, "c1")["incomplete"] is True


def test_a_turn_that_ended_in_order_leaves_no_call_open() -> None:
    ended = a_record("event_msg", type="task_complete", last_agent_message="Done.")
    said = a_record("event_msg", type="agent_message", message="Done.")

    session = read(called("c1", "shell", {"command": ["bash", "-lc", "make"]}), said, ended)

    assert counts(session) == {"reasoning_step": 1}
    assert lost(session) == {"call of shell": 1}


def test_arguments_that_are_no_json_are_kept_as_text() -> None:
    session = read(called("c1", "shell", "make all"), answered("c1", json.dumps({"output": "", "metadata": {"exit_code": 0}})))

    assert event(session, "c1").command == "make all"
    assert lost(session) == {"arguments": 1}


@pytest.mark.parametrize(
    "failure",
    [
        a_record("event_msg", type="patch_apply_end", call_id="c1", success=False, changes={"/repo/a.py": {"type": "add"}}),
        a_record("response_item", type="custom_tool_call_output", call_id="c1", output="Exit code: 1\nOutput:\nno such file"),
    ],
)
def test_a_patch_that_failed_is_no_edit(failure: dict[str, Any]) -> None:
    patch = "*** Begin Patch\n*** Add File: a.py\n+a\n*** End Patch"
    tried = a_record("response_item", type="custom_tool_call", call_id="c1", name="apply_patch", input=patch)

    session = read(tried, failure, a_record("event_msg", type="agent_message", message="Hm."))

    assert counts(session) == {"reasoning_step": 1}
    assert lost(session) == {"call of apply_patch": 1}


def test_a_file_that_is_shown_is_opened_and_one_that_moves_is_renamed() -> None:
    shown = {
        "type": "CommandExecution", "id": "c1", "command": ["bash", "-lc", "cat a.py"], "cwd": "file:///repo",
        "parsed_cmd": [{"type": "read", "cmd": "cat a.py", "name": "a.py", "path": "a.py"}], "exit_code": 0,
        "aggregated_output": "a\n",
    }  # fmt: skip
    change = {"type": "update", "unified_diff": "@@ -1 +1 @@\n-a\n+b\n", "move_path": "/repo/b.py"}
    moved = {"type": "FileChange", "id": "c2", "status": "completed", "changes": {"/repo/a.py": change}}

    session = read(
        a_record("event_msg", type="item_completed", item=shown), a_record("event_msg", type="item_completed", item=moved)
    )

    assert event(session, "c1").file_path == "a.py"
    assert event(session, "c2").file_path == "b.py"
    assert event(session, "c2").diff.startswith("diff --git a/a.py b/b.py\nrename from a.py\nrename to b.py\n--- a/a.py\n")


def test_the_history_of_an_earlier_session_does_not_name_this_one() -> None:
    earlier = a_record("session_meta", id="s-0", cwd="/elsewhere")

    session = read(earlier, a_record("event_msg", type="agent_message", message="Done."))

    assert session.trace.trace_id == "codex-s-1"
    assert lost(session) == {"session_meta": 1}
