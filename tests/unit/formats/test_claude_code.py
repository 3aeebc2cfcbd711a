"""Sessions of Claude Code."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.formats.claude_code import ClaudeCode
from app.formats.errors import NothingUsableError
from app.models.events import CodeEdit
from app.rules.diffs import apply_diff
from tests.unit.formats.reading import SAMPLES, counts, event, extra, lost, of_lines, read_all, read_sample

GOLDEN = {
    "claude-code-log-edge-cases.jsonl": {"reasoning_step": 5},
    "entire-03-82579310fc.jsonl": {"reasoning_step": 10, "terminal_command": 2, "file_open": 1, "code_edit": 2},
    "entire-ba-5e23ccb05b.jsonl": {
        "reasoning_step": 9, "terminal_command": 2, "file_open": 1, "code_edit": 1, "commit": 1,
    },
    "entire-d9-e47174f862-1.jsonl": {"reasoning_step": 6, "terminal_command": 5, "file_open": 2, "code_edit": 2},
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_a_sample_has_its_events(name: str) -> None:
    assert counts(read_sample(f"claude-code/{name}")) == GOLDEN[name]


def test_what_is_lost_is_counted() -> None:
    assert lost(read_sample("claude-code/claude-code-log-edge-cases.jsonl")) == {
        "call of FailingTool": 1,
        "call of MultiEdit": 1,
        "call of TodoWrite": 1,
        "line": 3,
        "message": 5,
        "record without a type": 1,
        "summary": 1,
    }
    assert lost(read_sample("claude-code/entire-03-82579310fc.jsonl")) == {"file-history-snapshot": 2, "summary": 1}


@pytest.mark.parametrize("name", [name for name in GOLDEN if name.startswith("entire")])
def test_every_edit_makes_of_the_original_what_the_tool_made_of_it(name: str) -> None:
    records = [json.loads(line) for line in (SAMPLES / "claude-code" / name).read_text(encoding="utf-8").splitlines()]
    rich = [record["toolUseResult"] for record in records if isinstance(record.get("toolUseResult"), dict)]
    told = [answer for answer in rich if "oldString" in answer]

    edits = [found for found in read_sample(f"claude-code/{name}").trace.events if isinstance(found, CodeEdit)]

    assert len(edits) == len(told) > 0
    for edit, answer in zip(edits, told, strict=True):
        expected = answer["originalFile"].replace(answer["oldString"], answer["newString"], 1)
        assert apply_diff(answer["originalFile"].encode(), edit.data.diff) == expected.encode()
        assert edit.data.hash_before is None  # line ends are the editor's, not the file's


def test_the_session_is_told_of() -> None:
    trace = read_sample("claude-code/entire-ba-5e23ccb05b.jsonl").trace

    assert trace.trace_id == "claude-code-0cf3db51-1c73-43bb-8d05-dc02739514a5"
    assert trace.session is not None
    assert trace.session.agent is not None
    assert trace.session.agent.model_dump() == {
        "name": "claude-code", "version": "2.1.14", "model": "claude-opus-4-5-20251101",
    }  # fmt: skip
    assert trace.repo.branch == "alex/ent-109-text-output-checkpoint-flag"
    assert trace.task is not None
    assert trace.task.description == "move the message up just before the file list?"
    assert trace.start_time.isoformat() == "2026-01-21T07:19:07.720000+00:00"


def test_a_command_has_its_exit_code_only_where_it_is_stated() -> None:
    session = read_sample("claude-code/entire-03-82579310fc.jsonl")

    failed, passed = event(session, "toolu_01LcXQCgLeoxoQA3Dd9xMiYZ"), event(session, "toolu_0141VULYVT36XtNJyq5gpSHs")

    assert (failed.exit_code, passed.exit_code) == (1, 0)
    assert failed.output.startswith("[test:ci] $ go test")
    assert failed.duration_ms is None
    assert failed.extra == {"elapsed_ms": 16198, "unknown": ["duration_ms"]}


def test_a_commit_in_a_terminal_is_a_commit_as_well() -> None:
    session = read_sample("claude-code/entire-ba-5e23ccb05b.jsonl")
    without = read_sample("claude-code/entire-ba-5e23ccb05b.jsonl", derive=False)

    commit = event(session, "toolu_01AgYbYdK8RVw6uUgQzSNoMf/commit")

    assert (commit.sha, commit.message) == ("3ecb434", "refactor(explain): move commit message before files list")
    assert commit.extra == {"derived_from": "toolu_01AgYbYdK8RVw6uUgQzSNoMf"}
    assert "commit" not in counts(without)


def a_line(kind: str, uuid: str, parent: str | None, content: Any, second: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "uuid": uuid,
        "parentUuid": parent,
        "sessionId": "s-1",
        "cwd": "/repo",
        "timestamp": f"2026-03-02T12:00:{second:02}Z",
        "message": {"id": f"m-{uuid}", "role": kind, "content": content},
        **more,
    }


def a_call(identity: str, name: str = "Bash", **arguments: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": identity, "name": name, "input": arguments or {"command": "ls"}}]


def an_answer(identity: str, content: str = "done", **more: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": identity, "content": content, **more}]


def read(*lines: Any, **options: Any) -> Any:
    (session,) = read_all(ClaudeCode(), of_lines(lines), **options)
    return session


def test_an_abandoned_branch_is_no_part_of_the_session() -> None:
    session = read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", [{"type": "text", "text": "The wrong way."}]),
        a_line("assistant", "a2", "u1", [{"type": "text", "text": "The right way."}]),
    )

    assert [found.data.content for found in session.trace.events] == ["The right way."]
    assert [(loss.kind, loss.reason) for loss in session.losses] == [("message", "its branch was abandoned")]


def test_calls_that_are_made_at_once_belong_to_the_session_with_their_answers() -> None:
    session = read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", a_call("c1", command="one")),
        a_line("assistant", "a2", "a1", a_call("c2", command="two")),
        a_line("user", "r1", "a1", an_answer("c1", "first")),
        a_line("user", "r2", "a2", an_answer("c2", "second")),
        a_line("assistant", "a3", "r2", [{"type": "text", "text": "Both done."}]),
    )

    assert (event(session, "c1").output, event(session, "c2").output) == ("first", "second")
    assert lost(session) == {}


def test_what_the_user_refused_was_not_done() -> None:
    refusal = "The user doesn't want to proceed with this tool use. The tool use was rejected."

    session = read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", a_call("c1", command="rm -rf build")),
        a_line("user", "r1", "a1", an_answer("c1", refusal, is_error=True)),
        a_line("assistant", "a2", "r1", [{"type": "text", "text": "All right."}]),
    )

    assert counts(session) == {"reasoning_step": 2}
    assert extra(session, "c1") == {"refused": True, "tool": "Bash"}


def test_a_call_that_was_cut_off_is_incomplete_and_one_without_an_answer_is_none() -> None:
    session = read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", a_call("c1", command="lost")),
        a_line("assistant", "a2", "a1", a_call("c2", command="cut")),
    )

    assert counts(session) == {"terminal_command": 1}
    assert event(session, "c2").output == ""
    assert extra(session, "c2") == {"incomplete": True, "unknown": ["output", "exit_code", "duration_ms"]}
    assert lost(session) == {"call of Bash": 1}


@pytest.mark.parametrize(
    ("answer", "rich", "exit_code"),
    [
        ({"is_error": True, "content": "Exit code 2\nno"}, "Error: Exit code 2\nno", 2),
        ({"is_error": True, "content": "Command timed out"}, "Error: Command timed out", None),
        ({"content": ""}, {"stdout": "", "stderr": "", "interrupted": True}, None),
        ({"content": ""}, {"stdout": "", "stderr": "", "interrupted": False, "backgroundTaskId": "b1"}, None),
        ({"content": "x"}, {"stdout": "x", "stderr": "y", "interrupted": False}, 0),
    ],
)
def test_no_exit_code_is_guessed(answer: dict[str, Any], rich: Any, exit_code: int | None) -> None:
    session = read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", a_call("c1")),
        a_line("user", "r1", "a1", [{"type": "tool_result", "tool_use_id": "c1", **answer}], toolUseResult=rich),
    )

    assert event(session, "c1").exit_code == exit_code


def edited(tool: str, arguments: dict[str, Any], rich: dict[str, Any]) -> Any:
    return read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", a_call("c1", tool, **arguments)),
        a_line("user", "r1", "a1", an_answer("c1"), toolUseResult=rich),
    )


def test_a_file_that_is_written_anew_or_over() -> None:
    created = edited("Write", {"file_path": "/repo/a.py"}, {"type": "create", "filePath": "/repo/a.py", "content": "a\n"})
    over = edited(
        "Write",
        {"file_path": "/repo/a.py"},
        {"type": "update", "filePath": "/repo/a.py", "content": "b\n", "originalFile": "a\n"},
    )

    assert event(created, "c1").file_path == "a.py"
    assert apply_diff(None, event(created, "c1").diff) == b"a\n"
    assert apply_diff(b"a\n", event(over, "c1").diff) == b"b\n"


def test_several_replacements_are_one_edit() -> None:
    pairs = [
        {"old_string": "a", "new_string": "b", "replace_all": True},
        {"old_string": "c\n", "new_string": "d\n", "replace_all": False},
    ]

    session = edited(
        "MultiEdit", {"file_path": "/repo/a.py"}, {"filePath": "/repo/a.py", "edits": pairs, "originalFileContents": "a a\nc\n"}
    )

    assert apply_diff(b"a a\nc\n", event(session, "c1").diff) == b"b b\nd\n"


def test_an_edit_that_the_person_changed_is_not_known() -> None:
    session = edited(
        "Edit",
        {"file_path": "/repo/a.py", "old_string": "a", "new_string": "b"},
        {"filePath": "/repo/a.py", "oldString": "a", "newString": "b", "originalFile": "a\n", "userModified": True},
    )

    assert extra(session, "c1") == {"tool": "Edit", "user_modified": True, "unknown": ["diff"]}


def test_an_edit_without_its_original_has_no_line_numbers() -> None:
    session = edited("Edit", {"file_path": "/repo/a.py", "old_string": "a", "new_string": "b"}, {})

    assert event(session, "c1").diff == "--- a/a.py\n+++ b/a.py\n@@\n-a\n+b\n"
    assert extra(session, "c1") == {"tool": "Edit", "unanchored": True, "unknown": ["diff"]}


def test_a_file_outside_of_the_working_directory_is_counted() -> None:
    session = read(
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", a_call("c1", "Read", file_path="/etc/hosts")),
        a_line("user", "r1", "a1", an_answer("c1", "127.0.0.1")),
    )

    assert session.outside == 1
    assert counts(session) == {"terminal_command": 1}
    assert extra(session, "c1")["path"] == "/etc/hosts"


def test_sub_agents_are_imported_on_request() -> None:
    lines = (
        a_line("user", "u1", None, "Fix it."),
        a_line("assistant", "a1", "u1", [{"type": "text", "text": "Yes."}]),
        a_line("assistant", "x1", None, [{"type": "text", "text": "I search."}], isSidechain=True),
    )

    assert [found.event_id for found in read(*lines).trace.events] == ["a1"]
    assert lost(read(*lines)) == {"sidechain message": 1}
    assert extra(read(*lines, sidechains=True), "x1") == {"sidechain": True}


def test_events_keep_the_order_of_the_file_where_its_clock_goes_back() -> None:
    session = read(
        a_line("user", "u1", None, "Fix it.", 0),
        a_line("assistant", "a1", "u1", [{"type": "text", "text": "First."}], 9),
        a_line("assistant", "a2", "a1", [{"type": "text", "text": "Second."}], 5),
    )

    assert [found.timestamp.second for found in session.trace.events] == [9, 9]
    assert extra(session, "a2") == {"source_timestamp": "2026-03-02T12:00:05+00:00", "unknown": ["timestamp"]}


def test_a_file_without_a_usable_record_says_what_it_looks_like() -> None:
    with pytest.raises(NothingUsableError, match="looks like claude-code"):
        read(a_line("user", "u1", None, "Fix it."))
