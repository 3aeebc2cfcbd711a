"""Trajectories in ATIF, the Agent Trajectory Interchange Format, versions 1.0 to 1.8."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, get_args

from app.formats.base import REQUIRED_FACTS, ReadOptions, ReadSession
from app.formats.errors import FormatError
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft, EventType
from app.formats.pieces.places import folder_of
from app.formats.pieces.toolbox import tell
from app.formats.pieces.values import is_hash, mapping, mappings, moment, number, plain, sequence, text, whole, words
from app.formats.source import Source

_VERSION = re.compile(r"^ATIF-v1\.[0-8]$")
_OWN_TOOLS = frozenset(get_args(EventType)) - {"reasoning_step"}
"""Calls that stand for events of a trace, where a trace was written in this format."""
_THOUGHT_PARTS = ("plan", "hypothesis", "observation", "decision", "next_step")


class Atif:
    """One trajectory in a document."""

    name = "atif"
    title = "an ATIF trajectory"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        document = source.shape.records[0] if source.shape.kind == "document" else None
        return isinstance(document, dict) and (text(document.get("schema_version")) or "").startswith("ATIF-")

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        document = mapping(source.document)
        version = text(document.get("schema_version"))
        if version is None or not _VERSION.match(version):
            raise FormatError(f"{source.name} is {version or 'no ATIF trajectory'}; versions ATIF-v1.0 to ATIF-v1.8 are read")
        draft = _begin(Draft(self.name, options), document)
        for number_of, step in enumerate(mappings(document.get("steps")), 1):
            _tell_step(draft, step, f"step-{whole(step.get('step_id')) or number_of}")
        if document.get("subagent_trajectories"):
            draft.loss.add(
                "trajectory of a sub-agent", "a trace is one session", len(list(mappings(document["subagent_trajectories"])))
            )
        yield draft.finish(source)


def _begin(draft: Draft, document: Mapping[str, Any]) -> Draft:
    agent = mapping(document.get("agent"))
    more, git = mapping(agent.get("extra")), mapping(mapping(agent.get("extra")).get("git"))
    draft.source_id = text(document.get("trajectory_id"))
    draft.agent_name, draft.agent_version = text(agent.get("name")), text(agent.get("version"))
    draft.model = text(agent.get("model_name"))
    draft.folder = folder_of(text(more.get("cwd")))
    draft.repo |= {"url": git.get("repository_url"), "branch": git.get("branch")}
    if is_hash(git.get("commit_hash")):
        draft.repo["commit_before"] = git["commit_hash"]
    own = mapping(mapping(document.get("extra")).get("pr_telemetry"))
    draft.repo |= {name: value for name, value in mapping(own.get("repository")).items() if name in REQUIRED_FACTS}
    draft.bug_id = text(own.get("bug_id"))
    if more.get("role") == "human_dev":
        draft.role = "human_dev"
    draft.notes["session_id"] = text(document.get("session_id"))
    draft.notes["continued_in"] = text(document.get("continued_trajectory_ref"))
    return draft


def _tell_step(draft: Draft, step: Mapping[str, Any], key: str) -> None:
    when, said = moment(step.get("timestamp")), words(step.get("message"))
    if step.get("is_copied_context") is True:
        draft.loss.add("step", "it repeats an earlier file")
    elif step.get("source") == "user":
        _hear(draft, key, when, said)
        names = sequence(mapping(step.get("extra")).get("known_failing_tests"))
        draft.known_failing_tests = draft.known_failing_tests or tuple(filter(None, map(text, names)))
    elif step.get("source") == "agent":
        _tell_agent(draft, step, key, when, said)
    else:
        draft.loss.add("step", "it is the program's own, neither the user's nor the agent's")
        _count_refs(draft, step)


def _hear(draft: Draft, key: str, when: datetime | None, said: str) -> None:
    if said.lstrip().startswith(("<environment_context>", "# AGENTS.md")):
        draft.loss.add("step", "it is the program's own, neither the user's nor the agent's")
    else:
        draft.hear(key, when, said)


def _tell_agent(draft: Draft, step: Mapping[str, Any], key: str, when: datetime | None, said: str) -> None:
    thought, extra = words(step.get("reasoning_content")), mapping(step.get("extra"))
    parts = {name: found for name in _THOUGHT_PARTS if (found := text(extra.get(name))) is not None}
    own = text(extra.get("event_id"))
    if own is not None and "reasoning_content" in step:
        draft.add("reasoning_step", own, when, {"content": thought, **parts}, _own_extra(extra))
    else:
        draft.think(f"{key}/reasoning", when, thought, thinking=True)
    if said.strip() != thought.strip():
        draft.think(key, when, said)
    calls = [_call(call, f"{key}/{place}", when) for place, call in enumerate(mappings(step.get("tool_calls")), 1)]
    _join(draft, calls, step)
    for call, fields in zip(calls, mappings(step.get("tool_calls")), strict=True):
        _tell_call(draft, call, fields)


def _call(fields: Mapping[str, Any], key: str, when: datetime | None) -> Call:
    identity = text(fields.get("tool_call_id")) or key
    return Call(identity, text(fields.get("function_name")) or "tool", mapping(fields.get("arguments")), when)


def _join(draft: Draft, calls: list[Call], step: Mapping[str, Any]) -> None:
    for result in mappings(mapping(step.get("observation")).get("results")):
        source = text(result.get("source_call_id"))
        if source is None and len(calls) == 1:
            source = calls[0].key
        call = next((call for call in calls if call.key == source and call.result is None), None)
        if call is not None:
            call.result = _result(result)
        elif "content" in result:
            draft.loss.add("observation", "it belongs to no call")
    _count_refs(draft, step)


def _result(fields: Mapping[str, Any]) -> Result:
    extra = mapping(fields.get("extra"))
    duration = number(extra.get("duration_ms"))
    return Result(
        words(fields.get("content")),
        exit_code=whole(extra.get("exit_code")),
        duration_ms=round(duration) if duration is not None and duration >= 0 else None,
    )


def _tell_call(draft: Draft, call: Call, fields: Mapping[str, Any]) -> None:
    if call.tool in _OWN_TOOLS:
        _tell_own(draft, call, mapping(fields.get("extra")))
    else:
        tell(draft, call)


def _tell_own(draft: Draft, call: Call, extra: Mapping[str, Any]) -> None:
    """An event of a trace that was written in this format: as it was, and nothing derived from it again."""
    kind: Any = call.tool
    data = {name: plain(value) for name, value in {**call.arguments, **extra}.items() if name != "extra"}
    for name in ("failed_tests", "selection"):
        if isinstance(data.get(name), list):
            data[name] = tuple(data[name])
    if kind == "terminal_command":
        result = call.result or Result()
        data |= {"output": result.output, "exit_code": result.exit_code, "duration_ms": result.duration_ms}
    draft.add(kind, call.key, call.when, data, _own_extra(extra))


def _own_extra(extra: Mapping[str, Any]) -> dict[str, Any]:
    """The event's own ``extra``."""
    return {str(name): value for name, value in mapping(extra.get("extra")).items()}


def _count_refs(draft: Draft, step: Mapping[str, Any]) -> None:
    for result in mappings(mapping(step.get("observation")).get("results")):
        count = len(list(mappings(result.get("subagent_trajectory_ref"))))
        if count:
            draft.loss.add("trajectory of a sub-agent", "it is in a file of its own", count)
