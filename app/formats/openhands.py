"""Conversations of OpenHands V1: events told apart by ``kind``, one a line, or one a file beside ``base_state.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.formats.base import ReadOptions, ReadSession
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft
from app.formats.pieces.edits import FileEdit, between
from app.formats.pieces.places import folder_of
from app.formats.pieces.toolbox import tell
from app.formats.pieces.values import mapping, moment, short, text, whole, words
from app.formats.source import Source

_KINDS = ("ActionEvent", "ObservationEvent", "MessageEvent", "SystemPromptEvent", "ConversationStateUpdateEvent",
          "AgentErrorEvent", "UserRejectObservation")  # fmt: skip
_STILL_RUNNING = -1
_SEARCHES = ("GrepAction", "GlobAction")


class OpenHands:
    """A file of events, or a conversation's folder joined to one."""

    name = "openhands"
    title = "a conversation of OpenHands V1"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        return source.shape.kind in ("lines", "document") and any(
            isinstance(record, dict) and record.get("kind") in _KINDS and "timestamp" in record
            for record in source.shape.records
        )

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        draft = Draft(self.name, options, agent_name="openhands")
        records: list[Mapping[str, Any]] = []
        for line in source.lines():
            if isinstance(line.value, dict) and line.problem is None:
                records.append(_slim(line.value))
            else:
                draft.loss.add("line", "it cannot be read" if line.problem is not None else "it is no object")
        _tell(draft, records)
        yield draft.finish(source)


def _slim(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a record is needed later: an edit rather than the file before it and after it."""
    observation = mapping(record.get("observation"))
    if record.get("kind") in ("SystemPromptEvent", "ConversationStateUpdateEvent"):
        return {"kind": record["kind"]}
    if observation.get("kind") != "FileEditorObservation":
        return {name: value for name, value in record.items() if name not in ("tool_call", "tools", "thinking_blocks")}
    edit = _edit(text(observation.get("path")) or "", observation)
    rest = {name: observation[name] for name in ("kind", "is_error", "content") if name in observation}
    return {**record, "observation": {**rest, "edit": edit}}


def _tell(draft: Draft, records: list[Mapping[str, Any]]) -> None:
    answers = {text(record.get("action_id")): record for record in records if record.get("action_id") is not None}
    known = {text(record.get("id")) for record in records if record.get("kind") == "ActionEvent"}
    _find_folder(draft, records)
    last = next((record for record in reversed(records) if record.get("kind") == "ActionEvent"), None)
    for number, record in enumerate(records, 1):
        kind, key = record.get("kind"), text(record.get("id")) or f"event-{number}"
        if kind == "ActionEvent":
            _tell_action(draft, record, answers.get(text(record.get("id"))), key, is_last=record is last)
        elif kind == "MessageEvent":
            _tell_message(draft, record, key)
        elif kind in ("ObservationEvent", "UserRejectObservation", "AgentErrorEvent"):
            if text(record.get("action_id")) not in known and kind != "AgentErrorEvent":
                draft.loss.add("observation", "its action is not in the file")
            elif record.get("action_id") is None:
                draft.loss.add("AgentErrorEvent", "it belongs to no action")
        elif "persistence_dir" in record or ("execution_status" in record and "agent" in record):
            _take_state(draft, record)
        else:
            draft.loss.add(short(kind) or "record without a kind", "a trace has no place for it")


def _take_state(draft: Draft, record: Mapping[str, Any]) -> None:
    """What ``base_state.json`` says."""
    draft.source_id = text(record.get("id"))
    draft.model = text(mapping(mapping(record.get("agent")).get("llm")).get("model"))


def _find_folder(draft: Draft, records: list[Mapping[str, Any]]) -> None:
    """The workspace that the state names, or else the directory that the first command ran in."""
    for record in records:
        named = folder_of(text(mapping(record.get("workspace")).get("working_dir")))
        if named is not None:
            draft.folder = named
            return
    folders = (_working_dir(mapping(record.get("observation"))) for record in records)
    draft.folder = next((folder for folder in folders if folder is not None), None)


def _working_dir(observation: Mapping[str, Any]) -> str | None:
    return folder_of(text(mapping(observation.get("metadata")).get("working_dir")))


def _tell_message(draft: Draft, record: Mapping[str, Any], key: str) -> None:
    said, when = words(mapping(record.get("llm_message")).get("content")), moment(record.get("timestamp"))
    if record.get("source") == "user":
        draft.hear(key, when, said)
    elif record.get("source") == "agent":
        draft.think(key, when, said)
    else:
        draft.loss.add("MessageEvent", "it is the program's own")


def _tell_action(draft: Draft, record: Mapping[str, Any], answer: Mapping[str, Any] | None, key: str, *, is_last: bool) -> None:
    when, action = moment(record.get("timestamp")), mapping(record.get("action"))
    reasoning, thought = words(record.get("reasoning_content")), words(record.get("thought"))
    draft.think(f"{key}/reasoning", when, reasoning, thinking=True)
    if _without_think(thought).strip() != reasoning.strip():
        draft.think(f"{key}/thought", when, _without_think(thought))
    arguments = {name: value for name, value in action.items() if name not in ("kind", "security_risk", "summary")}
    call = Call(key, text(record.get("tool_name")) or "tool", arguments, when)
    if answer is None and not is_last:
        draft.loss.add(f"call of {call.tool}", "it has no answer")
    elif answer is not None and answer.get("kind") == "UserRejectObservation":
        draft.refused(call)
    elif answer is not None and answer.get("kind") == "AgentErrorEvent":
        draft.loss.add(f"call of {call.tool}", "it failed before it did anything")
    else:
        _tell_call(draft, call, action, answer)


def _without_think(thought: str) -> str:
    """Some models repeat their reasoning in front of what they say."""
    return thought.partition("</think>")[2] if thought.lstrip().startswith("<think>") and "</think>" in thought else thought


def _tell_call(draft: Draft, call: Call, action: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    kind, observation = action.get("kind"), mapping(mapping(answer).get("observation"))
    if answer is not None:
        call.result = Result(
            words(observation.get("content")), moment(answer.get("timestamp")), observation.get("is_error") is True
        )
    if kind in ("TerminalAction", "ExecuteBashAction"):
        _tell_command(draft, call, observation)
    elif kind == "FileEditorAction":
        _tell_file(draft, call, observation)
    elif kind == "FinishAction":
        draft.think(call.key, call.when, text(action.get("message")) or "", tool=call.tool)
    elif kind in _SEARCHES:
        draft.use(call)
    else:
        tell(draft, call)


def _tell_command(draft: Draft, call: Call, observation: Mapping[str, Any]) -> None:
    exit_code = whole(observation.get("exit_code"))
    if call.result is not None and exit_code != _STILL_RUNNING:
        call.result = Result(call.result.output, call.result.when, call.result.is_error, exit_code)
    notes = {"stdin": True} if call.arguments.get("is_input") is True else {}
    notes |= {"timed_out": True} if observation.get("timeout") is True else {}
    notes |= {"is_error": True} if call.result is not None and call.result.is_error else {}
    draft.run(call, text(call.arguments.get("command")) or "", cwd=_working_dir(observation), **notes)


def _tell_file(draft: Draft, call: Call, observation: Mapping[str, Any]) -> None:
    path, verb = text(call.arguments.get("path")) or "", text(call.arguments.get("command"))
    if call.result is not None and call.result.is_error:
        draft.loss.add(f"call of {call.tool}", "it failed and changed nothing")
    elif verb == "view":
        draft.open(call, path)
    elif isinstance(edit := observation.get("edit"), FileEdit):
        draft.edit(call, [edit if edit.path else replace(edit, path=path)])
    else:
        draft.use(call)


def _edit(path: str, observation: Mapping[str, Any]) -> FileEdit | None:
    after, before = text(observation.get("new_content")), text(observation.get("old_content"))
    if after is None:
        return None
    if before is None and observation.get("prev_exist") is not False:
        return None
    return between(path, before if observation.get("prev_exist") is not False else None, after, hashed=True)
