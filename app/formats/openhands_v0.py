"""Trajectories of OpenHands V0: a list of actions and observations, or the ``history`` of an evaluation's output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.formats.base import ReadOptions, ReadSession
from app.formats.errors import NothingUsableError
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft
from app.formats.pieces.edits import FileEdit, between
from app.formats.pieces.places import folder_of
from app.formats.pieces.values import is_hash, mapping, mappings, moment, sequence, short, text, whole, words
from app.formats.source import Source

_STILL_RUNNING = -1
_SAID = ("message", "finish", "think", "reject")


class OpenHandsV0:
    """A list of events in a document, or an evaluation's ``output.jsonl``, a session a line."""

    name = "openhands-v0"
    title = "a trajectory of OpenHands V0"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        if source.shape.kind not in ("lines", "document"):
            return False
        return any(_is_history(record) or _is_history(mapping(record).get("history")) for record in source.shape.records)

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        found = 0
        for number, record in enumerate(_records(source), 1):
            history = record if isinstance(record, list) else mapping(record).get("history")
            if not _is_history(history):
                continue
            found += 1
            draft = _begin(Draft(self.name, options, agent_name="openhands"), mapping(record))
            _tell(draft, _flat(history))
            yield draft.finish(source, part=None if source.shape.kind == "document" else f"line-{number}")
        if not found:
            raise NothingUsableError(f"{source.name} looks like {self.title}, and holds no event that can be imported")


def _records(source: Source) -> Iterator[Any]:
    if source.shape.kind == "document":
        yield source.document
    else:
        yield from (line.value for line in source.lines())


def _is_history(value: Any) -> bool:
    return any("args" in event and "action" in event for event in _flat(value))


def _flat(history: Any) -> list[Mapping[str, Any]]:
    """The events; the oldest files pair each action with its observation."""
    found: list[Mapping[str, Any]] = []
    for item in sequence(history):
        found += mappings(item) if isinstance(item, list) else mappings([item])
    return found


def _begin(draft: Draft, record: Mapping[str, Any]) -> Draft:
    instance, metadata = mapping(record.get("instance")), mapping(record.get("metadata"))
    draft.bug_id = text(record.get("instance_id"))
    draft.model = text(mapping(metadata.get("llm_config")).get("model"))
    draft.agent_version = text(metadata.get("agent_version"))
    if text(instance.get("repo")):
        draft.repo["name"] = text(instance.get("repo"))
    if is_hash(instance.get("base_commit")):
        draft.repo["commit_before"] = instance["base_commit"]
    result = mapping(record.get("test_result"))
    draft.attach_patch(text(result.get("git_patch")) or text(record.get("git_patch")) or "")
    return draft


def _tell(draft: Draft, events: list[Mapping[str, Any]]) -> None:
    answers = {event["cause"]: event for event in events if "observation" in event and whole(event.get("cause")) is not None}
    folders = (folder_of(text(mapping(mapping(event.get("extras")).get("metadata")).get("working_dir"))) for event in events)
    draft.folder = next((folder for folder in folders if folder is not None), None)
    called = [event for event in events if "action" in event and "args" in event]
    told = {whole(event.get("id")) for event in called}
    for number, event in enumerate(events, 1):
        identity = whole(event.get("id"))
        if "action" in event and "args" in event:
            key = f"event-{number if identity is None else identity}"
            _tell_action(draft, event, answers.get(identity), key, is_last=event is called[-1])
        elif "observation" not in event:
            draft.loss.add("record", "it is neither an action nor an observation")
        elif whole(event.get("cause")) not in told:
            draft.loss.add("observation", "its action is not in the file")


def _tell_action(draft: Draft, event: Mapping[str, Any], answer: Mapping[str, Any] | None, key: str, *, is_last: bool) -> None:
    name, arguments, when = text(event.get("action")) or "", mapping(event.get("args")), moment(event.get("timestamp"))
    if name in _SAID:
        _tell_said(draft, event, arguments, key)
        return
    draft.think(f"{key}/thought", when, text(arguments.get("thought")) or "")
    call = Call(key, name, _shown(arguments), when)
    if answer is not None:
        call.result = _result(answer)
    if name not in ("run", "run_ipython", "read", "edit", "write"):
        draft.loss.add(f"action {short(name) or 'without a name'}", "a trace has no place for it")
    elif answer is not None and answer.get("observation") == "user_rejected":
        draft.refused(call)
    elif answer is None and not is_last:
        draft.loss.add(f"action {name}", "it has no answer")
    elif answer is not None and answer.get("observation") == "error":
        draft.use(call, failed=True)
    else:
        _tell_call(draft, call, arguments, answer)


def _tell_said(draft: Draft, event: Mapping[str, Any], arguments: Mapping[str, Any], key: str) -> None:
    said = text(arguments.get("content")) or text(arguments.get("thought")) or text(arguments.get("final_thought")) or ""
    when = moment(event.get("timestamp"))
    if event.get("action") == "message" and event.get("source") == "user":
        draft.hear(key, when, said)
    else:
        draft.think(key, when, said or text(event.get("message")) or "")


def _shown(arguments: Mapping[str, Any]) -> dict[str, Any]:
    hidden = ("thought", "security_risk", "confirmation_state", "impl_source", "translated_ipython_code", "hidden", "blocking")
    return {name: value for name, value in arguments.items() if name not in hidden and value not in (None, "")}


def _result(answer: Mapping[str, Any]) -> Result:
    extras = mapping(answer.get("extras"))
    exit_code = whole(mapping(extras.get("metadata")).get("exit_code"))
    exit_code = whole(extras.get("exit_code", answer.get("exit_code"))) if exit_code is None else exit_code
    return Result(
        words(answer.get("content")),
        moment(answer.get("timestamp")),
        exit_code=None if exit_code == _STILL_RUNNING else exit_code,
    )


def _tell_call(draft: Draft, call: Call, arguments: Mapping[str, Any], answer: Mapping[str, Any] | None) -> None:
    extras = mapping(mapping(answer).get("extras"))
    path = text(extras.get("path")) or text(arguments.get("path")) or ""
    if call.tool == "run":
        cwd = folder_of(text(mapping(extras.get("metadata")).get("working_dir")))
        notes = {"stdin": True} if arguments.get("is_input") is True else {}
        draft.run(call, text(arguments.get("command")) or "", cwd=cwd, **notes)
    elif call.tool == "run_ipython":
        draft.run(call, text(arguments.get("code")) or "", language="python")
    elif call.tool == "read":
        draft.open(call, path)
    elif (edit := _edit(path, extras)) is not None:
        draft.edit(call, [edit])
    else:
        draft.use(call)


def _edit(path: str, extras: Mapping[str, Any]) -> FileEdit | None:
    after, before = text(extras.get("new_content")), text(extras.get("old_content"))
    if after is None or (before is None and extras.get("prev_exist") is not False):
        return None
    return between(path, before if extras.get("prev_exist") is not False else None, after)
