"""Rollouts of the Codex CLI: records of one thing stand in a file up to three times, in the words of three interfaces."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.formats.base import ReadOptions, ReadSession
from app.formats.pieces.applypatch import read_patch
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft
from app.formats.pieces.edits import FileEdit, between
from app.formats.pieces.places import folder_of
from app.formats.pieces.shell import without_shell
from app.formats.pieces.values import (
    is_hash,
    mapping,
    mappings,
    milliseconds,
    moment,
    number,
    sequence,
    short,
    text,
    whole,
    words,
)
from app.formats.source import Source

_KINDS = ("session_meta", "response_item", "event_msg", "turn_context")
_ITEM, _EVENT, _MODEL_S = 1, 2, 3
"""The interfaces: items, events, and what the model is sent, which the program adds its own words to."""
_SHELLS = ("shell", "exec_command", "shell_command", "container.exec", "local_shell", "unified_exec")
_NOT_THE_USERS = ("<environment_context>", "# AGENTS.md", "<user_instructions>", "<permissions instructions>", "<turn_aborted>",
                  "<skill", "<INSTRUCTIONS>", "Warning: ")  # fmt: skip
_CALLS = ("function_call", "custom_tool_call", "local_shell_call")
_ANSWERS = ("function_call_output", "custom_tool_call_output")
_HEAD_LINE = re.compile(r"[A-Z][\w ]{0,40}: ?.*|Process .*")
_MOST_HEAD_LINES = 12
_WALL_TIME = re.compile(r"^Wall time: ([\d.]{1,20}) seconds", re.MULTILINE)
_EXITED = re.compile(r"^(?:Process exited with code|Exit code:) (-?\d{1,10})$", re.MULTILINE)
_RUNNING = re.compile(r"^Process running with session ID (\S{1,40})$", re.MULTILINE)


class Codex:
    """``~/.codex/sessions/**/rollout-*.jsonl``."""

    name = "codex"
    title = "a rollout of Codex"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        records = [record for record in source.shape.records if isinstance(record, dict)]
        kinds = [record.get("type") for record in records if isinstance(record.get("payload"), dict) and "timestamp" in record]
        return source.shape.kind in ("lines", "document") and any(kind in kinds for kind in _KINDS)

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        rollout = _Rollout(Draft(self.name, options, agent_name="codex"))
        for line in source.lines():
            record = line.value
            if line.problem is not None or not isinstance(record, dict) or not isinstance(record.get("payload"), dict):
                rollout.draft.loss.add("line", "it cannot be read" if line.problem is not None else "it is no record")
                continue
            rollout.take(record, record["payload"], f"line-{line.number}")
        rollout.end()
        yield rollout.draft.finish(source)


@dataclass
class _Said:
    """Something that was said or thought."""

    kind: str
    content: str
    key: str
    when: datetime | None
    level: int


@dataclass
class _Done:
    """A call, with all that the file says of it."""

    call: Call
    is_patch: bool = False
    execution: Mapping[str, Any] = field(default_factory=dict)
    """The item or event that tells of the command."""
    changes: Mapping[str, Any] | None = None
    succeeded: bool = True
    was_cut: bool = False
    is_joined: bool = False
    """It is part of the call before it."""
    typed: list[str] = field(default_factory=list)
    """What was typed into the command while it ran."""


class _Rollout:
    """Takes the records of a file in order."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self._items: list[_Said | _Done] = []
        self._done: dict[str, _Done] = {}
        self._since: list[_Done] = []
        self._seen: Counter[tuple[str, str, int]] = Counter()
        self._told: dict[tuple[str, str], list[_Said]] = {}
        self._hears_users = False
        self._has_meta = False

    def take(self, record: Mapping[str, Any], payload: Mapping[str, Any], key: str) -> None:
        """Note what a record says."""
        kind, when = text(record.get("type")), moment(record.get("timestamp"))
        if kind == "session_meta":
            self._meta(payload)
        elif kind == "turn_context":
            self.draft.model = text(payload.get("model")) or self.draft.model
            self.draft.folder = self.draft.folder or folder_of(text(payload.get("cwd")))
        elif kind == "event_msg":
            self._event(payload, key, when)
        elif kind == "response_item":
            self._response(payload, key, when)
        else:
            self.draft.loss.add(short(kind) or "record without a type", "a trace has no place for it")

    def end(self) -> None:
        """Everything was taken: tell it in order."""
        self._cut()
        self._join()
        for item in self._items:
            if isinstance(item, _Said):
                self._tell(item)
            elif not item.is_joined:
                _Telling(self.draft).tell(item)

    def _join(self) -> None:
        """What a command said after it was asked again belongs to the command."""
        running: dict[str, _Done] = {}
        for done in list(self._done.values()):
            result = done.call.result
            first = running.get(str(done.call.arguments.get("session_id"))) if done.call.tool == "write_stdin" else None
            if first is not None:
                done.is_joined = True
                _go_on(first, done.call)
                result = first.call.result
            if result is not None and "session" in result.raw:
                running[str(result.raw["session"])] = first or done

    def _meta(self, payload: Mapping[str, Any]) -> None:
        if self._has_meta:
            self.draft.loss.add("session_meta", "it is of the session that this one goes on from")
            return
        self._has_meta = True
        draft, git = self.draft, mapping(payload.get("git"))
        draft.source_id = text(payload.get("id"))
        draft.folder = folder_of(text(payload.get("cwd")))
        draft.agent_version = text(payload.get("cli_version"))
        draft.began = moment(payload.get("timestamp"))
        draft.repo |= {"url": git.get("repository_url"), "branch": git.get("branch")}
        if is_hash(git.get("commit_hash")):
            draft.repo["commit_before"] = git["commit_hash"]

    def _event(self, payload: Mapping[str, Any], key: str, when: datetime | None) -> None:
        kind = text(payload.get("type")) or ""
        if kind == "item_completed":
            self._item(mapping(payload.get("item")), payload, key, when)
        elif kind in ("user_message", "agent_message"):
            self._say(kind, text(payload.get("message")), key, when, level=_EVENT)
        elif kind in ("agent_reasoning", "agent_reasoning_raw_content"):
            self._say("reasoning", text(payload.get("text")), key, when, level=_EVENT)
        elif kind == "patch_apply_end":
            self._changed(payload, payload.get("success") is True, when)
        elif kind == "exec_command_end":
            done = self._call_of(payload.get("call_id"), when)
            done.execution = done.execution or payload
        elif kind == "turn_aborted":
            self._cut()
        elif kind == "task_complete":
            self._settle()
        else:
            self.draft.loss.add(f"event {short(kind) or 'without a type'}", "a trace has no place for it")

    def _item(self, item: Mapping[str, Any], payload: Mapping[str, Any], key: str, when: datetime | None) -> None:
        kind = text(item.get("type"))
        if kind == "CommandExecution":
            done = self._call_of(item.get("id"), moment(_seconds(payload.get("started_at_ms"))) or when)
            done.execution = item
        elif kind == "FileChange":
            self._changed(item, item.get("status") == "completed", moment(_seconds(payload.get("started_at_ms"))) or when)
        elif kind == "Reasoning":
            for part in sequence(item.get("summary_text")):
                self._say("reasoning", text(part), key, when, level=_ITEM)
        elif kind in ("AgentMessage", "UserMessage"):
            name = "agent_message" if kind == "AgentMessage" else "user_message"
            self._say(name, words(item.get("content")), key, when, level=_ITEM)
        else:
            self.draft.loss.add(f"item {short(kind) or 'without a type'}", "a trace has no place for it")

    def _response(self, payload: Mapping[str, Any], key: str, when: datetime | None) -> None:
        kind = text(payload.get("type"))
        if kind == "reasoning":
            for part in mappings(payload.get("summary")):
                self._say("reasoning", text(part.get("text")), key, when, level=_MODEL_S)
            if payload.get("encrypted_content"):
                self.draft.loss.add("encrypted reasoning", "it cannot be read")
        elif kind == "message":
            self._message(payload, key, when)
        elif kind in _CALLS:
            self._called(payload, key, when)
        elif kind in _ANSWERS:
            self._answered(payload, when)
        else:
            self.draft.loss.add(short(kind) or "item without a type", "a trace has no place for it")

    def _message(self, payload: Mapping[str, Any], key: str, when: datetime | None) -> None:
        role, said = payload.get("role"), words(payload.get("content"))
        if role == "assistant":
            self._say("agent_message", said, key, when, level=_MODEL_S)
        elif role == "user" and not said.lstrip().startswith(_NOT_THE_USERS):
            self._say("user_message", said, key, when, level=_MODEL_S)
        else:
            self.draft.loss.add("message", "it is the program's own, not the user's")

    def _say(self, kind: str, content: str | None, key: str, when: datetime | None, *, level: int) -> None:
        """Keep what was not told by another interface: of the same words each has as many as there were."""
        content = (content or "").strip()
        if not content:
            return
        self._hears_users = self._hears_users or (kind == "user_message" and level < _MODEL_S)
        self._seen[kind, content, level] += 1
        told = self._told.setdefault((kind, content), [])
        number = self._seen[kind, content, level]
        if number > len(told):
            told.append(_Said(kind, content, key, when, level))
            self._items.append(told[-1])
        else:
            told[number - 1].level = min(told[number - 1].level, level)

    def _call_of(self, identity: Any, when: datetime | None) -> _Done:
        key = text(identity) or f"call-{len(self._items) + 1}"
        if key not in self._done:
            self._done[key] = _Done(Call(key, "", {}, when))
            self._items.append(self._done[key])
            self._since.append(self._done[key])
        return self._done[key]

    def _called(self, payload: Mapping[str, Any], key: str, when: datetime | None) -> None:
        done = self._call_of(payload.get("call_id") or payload.get("id") or key, when)
        call = done.call
        call.when = when or call.when
        if payload.get("type") == "local_shell_call":
            call.tool, call.arguments = "local_shell", mapping(payload.get("action"))
        elif payload.get("type") == "custom_tool_call":
            call.tool, call.arguments = text(payload.get("name")) or "tool", {"input": text(payload.get("input")) or ""}
        else:
            call.tool = text(payload.get("name")) or "tool"
            call.arguments = self._arguments(payload.get("arguments"))

    def _arguments(self, written: Any) -> Mapping[str, Any]:
        try:
            found = json.loads(written) if isinstance(written, str) else written
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        self.draft.loss.add("arguments", "they are no JSON object; their text is kept")
        return {"text": text(written) or ""}

    def _answered(self, payload: Mapping[str, Any], when: datetime | None) -> None:
        done = self._done.get(text(payload.get("call_id")) or "")
        if done is None:
            self.draft.loss.add("answer", "it belongs to no call")
            return
        done.call.result = _parse_output(payload.get("output"), when)

    def _changed(self, fields: Mapping[str, Any], succeeded: bool, when: datetime | None) -> None:
        done = self._call_of(fields.get("call_id") or fields.get("id"), when)
        if done.changes is None:
            done.changes, done.succeeded, done.is_patch = mapping(fields.get("changes")), succeeded, True

    def _cut(self) -> None:
        """The turn, or the file, ends here: what has no answer yet was cut off."""
        for done in self._take_open():
            done.was_cut = True

    def _settle(self) -> None:
        """The turn ended in order: what has no answer by now will have none."""
        self._take_open()

    def _take_open(self) -> list[_Done]:
        """The calls since the last turn that have no answer."""
        since, self._since = self._since, []
        return [done for done in since if done.call.result is None and not done.execution and done.changes is None]

    def _tell(self, said: _Said) -> None:
        if said.kind != "user_message":
            self.draft.think(said.key, said.when, said.content, **({"thinking": True} if said.kind == "reasoning" else {}))
        elif said.level == _MODEL_S and self._hears_users:
            self.draft.loss.add("message", "it is the program's own, not the user's")
        else:
            self.draft.hear(said.key, said.when, said.content)


class _Telling:
    """Turns calls into events."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def tell(self, done: _Done) -> None:
        call, draft = done.call, self._draft
        if done.is_patch or call.tool == "apply_patch":
            self._patch(done)
        elif done.execution or call.tool in _SHELLS:
            self._command(done)
        elif call.tool == "update_plan":
            draft.think(call.key, call.when, _plan(call.arguments), tool=call.tool)
        elif call.tool == "write_stdin":
            draft.loss.add("call of write_stdin", "it belongs to no command that is known")
        else:
            draft.loss.add(f"call of {call.tool or 'an unnamed tool'}", "a trace has no place for it")

    def _patch(self, done: _Done) -> None:
        result, changes = done.call.result, done.changes
        if changes is None:
            written = text(done.call.arguments.get("input")) or text(done.call.arguments.get("patch")) or ""
            edits = read_patch(written)
            failed = result is None or result.exit_code not in (0, None) or not _says_success(result)
        else:
            edits, failed = _changes(changes), not done.succeeded
        done.call.tool = "apply_patch"
        if failed:
            self._draft.loss.add("call of apply_patch", "it failed and changed nothing")
        elif edits is None:
            self._draft.loss.add("call of apply_patch", "its patch cannot be read")
        else:
            self._draft.edit(done.call, edits)

    def _command(self, done: _Done) -> None:
        call, draft = done.call, self._draft
        if call.result is None and not done.execution and not done.was_cut:
            draft.loss.add(f"call of {call.tool}", "it has no answer")
            return
        argv = sequence(done.execution.get("command")) or call.arguments.get("command", call.arguments.get("cmd"))
        words_of = [text(word) or "" for word in argv] if isinstance(argv, list) else []
        command = without_shell(words_of) if words_of else text(argv) or text(call.arguments.get("text")) or ""
        cwd = _folder(done, draft)
        if done.execution:
            call.result = _execution_result(done.execution, call.result)
        notes = {"stdin": done.typed} if done.typed else {}
        edits = read_patch(words_of[1]) if len(words_of) == 2 and words_of[0] == "apply_patch" else None
        if edits is not None and call.result is not None and call.result.exit_code == 0:
            draft.edit(call, edits)
        elif (path := _only_read(done)) is not None and call.result is not None and call.result.exit_code == 0:
            draft.open(replace(call, tool="shell"), path, command=command)
        else:
            draft.run(call, command, cwd=cwd, **notes)


def _go_on(done: _Done, later: Call) -> None:
    typed = text(later.arguments.get("chars"))
    done.typed += [typed] if typed else []
    before, after = done.call.result, later.result
    if before is not None and after is not None:
        # the times that were waited for it are less than the time that it took
        done.call.result = Result(before.output + after.output, after.when, exit_code=after.exit_code, raw=after.raw)


def _folder(done: _Done, draft: Draft) -> str | None:
    named = done.execution.get("cwd") or done.call.arguments.get("workdir") or done.call.arguments.get("working_directory")
    return folder_of(text(named)) or draft.folder


def _only_read(done: _Done) -> str | None:
    """The file, if all that a command did was to show one."""
    parsed = sequence(done.execution.get("parsed_cmd"))
    fields = mapping(parsed[0]) if len(parsed) == 1 else {}
    return text(fields.get("path")) if fields.get("type") == "read" else None


def _changes(changes: Mapping[str, Any]) -> list[FileEdit] | None:
    edits = [_change(path, mapping(change)) for path, change in changes.items()]
    found = [edit for edit in edits if edit is not None]
    return found if len(found) == len(edits) and found else None


def _change(path: str, change: Mapping[str, Any]) -> FileEdit | None:
    kind, content = change.get("type"), text(change.get("content"))
    if kind in ("add", "delete") and content is not None:
        return between(path, None, content) if kind == "add" else between(path, content, None)
    diff = text(change.get("unified_diff"))
    if kind != "update" or diff is None:
        return None
    target = text(change.get("move_path"))
    hunks = diff if diff.endswith("\n") or not diff else f"{diff}\n"
    return FileEdit(target or path, hunks, moved_from=path if target else None)


def _execution_result(execution: Mapping[str, Any], answer: Result | None) -> Result:
    duration = mapping(execution.get("duration"))
    seconds = (number(duration.get("secs")) or 0) + (number(duration.get("nanos")) or 0) / 1e9 if duration else None
    output = text(execution.get("aggregated_output"))
    if output is None:
        output = "\n".join(filter(None, (text(execution.get("stdout")), text(execution.get("stderr")))))
    return Result(
        output,
        answer.when if answer is not None else None,
        exit_code=whole(execution.get("exit_code")),
        duration_ms=milliseconds(seconds),
    )


def _parse_output(output: Any, when: datetime | None) -> Result:
    """The answer of a tool: JSON in a string, or a text with a head."""
    shown = words(output)
    try:
        found = mapping(json.loads(shown)) if shown.startswith("{") else {}
    except (ValueError, RecursionError):
        found = {}
    if "output" in found:
        told = mapping(found.get("metadata"))
        return Result(
            text(found["output"]) or "",
            when,
            exit_code=whole(told.get("exit_code")),
            duration_ms=milliseconds(told.get("duration_seconds")),
        )
    head = _head(shown)
    if head is None:
        return Result(shown, when)
    wall, exited, running = _WALL_TIME.search(head), _EXITED.search(head), _RUNNING.search(head)
    return Result(
        shown[len(head) :].removeprefix("Output:").removeprefix("\n"),
        when,
        exit_code=int(exited[1]) if exited else None,
        duration_ms=milliseconds(_float(wall[1])) if wall and exited else None,
        raw={"session": running[1]} if running else {},
    )


def _head(shown: str) -> str | None:
    """The lines in front of ``Output:``, if there are any."""
    lines = shown.split("\n", _MOST_HEAD_LINES)[:_MOST_HEAD_LINES]
    end = lines.index("Output:") if "Output:" in lines else 0
    if not end or not all(_HEAD_LINE.fullmatch(line) for line in lines[:end]):
        return None
    return "".join(f"{line}\n" for line in lines[:end])


def _float(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None


def _says_success(result: Result) -> bool:
    return result.exit_code == 0 or result.output.startswith("Success.")


def _seconds(milliseconds_since_1970: Any) -> float | None:
    found = number(milliseconds_since_1970)
    return None if found is None else found / 1000


def _plan(arguments: Mapping[str, Any]) -> str:
    steps = [
        f"- [{text(step.get('status')) or '?'}] {text(step.get('step')) or ''}" for step in mappings(arguments.get("plan"))
    ]
    return "\n".join(filter(None, (text(arguments.get("explanation")), *steps)))
