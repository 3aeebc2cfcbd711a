"""Trajectories of mini-swe-agent: commands in fenced blocks, in tool calls, or in the items of the Responses API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.formats.base import ReadOptions, ReadSession
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft
from app.formats.pieces.places import folder_of
from app.formats.pieces.values import mapping, mappings, moment, sequence, short, text, whole, words
from app.formats.source import Source

_FENCES = ("```mswea_bash_command", "```bash", "```sh")
_RETURNED = re.compile(r"\A\s*(?:<exception>.*?</exception>\s*)?<returncode>(?P<code>-?\d{1,10})</returncode>", re.DOTALL)


class MiniSweAgent:
    """``*.traj.json``, and the bare list of messages of the tool's first versions."""

    name = "mini-swe-agent"
    title = "a trajectory of mini-swe-agent"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        document = source.shape.records[0] if source.shape.kind == "document" else None
        if isinstance(document, dict):
            return (text(document.get("trajectory_format")) or "").startswith("mini-swe-agent-")
        turns = list(mappings(document))
        said = [words(turn.get("content")) for turn in turns if turn.get("role") == "assistant"]
        answered = [words(turn.get("content")) for turn in turns if turn.get("role") in ("user", "tool")]
        return any(_blocks(words_of)[1] for words_of in said) and any(map(_RETURNED.match, answered))

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        document = source.document
        info = mapping(mapping(document).get("info"))
        messages = sequence(document) or sequence(mapping(document).get("messages"))
        draft = _begin(Draft(self.name, options, agent_name="mini-swe-agent"), info)
        _Conversation(draft, info).tell([message for message in messages if isinstance(message, dict)])
        yield draft.finish(source)


def _begin(draft: Draft, info: Mapping[str, Any]) -> Draft:
    config = mapping(info.get("config"))
    draft.agent_version = text(info.get("mini_version"))
    draft.model = text(mapping(config.get("model")).get("model_name"))
    draft.folder = folder_of(text(mapping(config.get("environment")).get("cwd")))
    draft.notes["exit_status"] = text(info.get("exit_status"))
    draft.attach_patch(text(info.get("submission")) or "")
    return draft


@dataclass
class _Turn:
    """A message of the agent, and the calls in it."""

    key: str
    when: datetime | None
    said: str
    calls: list[Call] = field(default_factory=list)


class _Conversation:
    """Takes the messages in order."""

    def __init__(self, draft: Draft, info: Mapping[str, Any]) -> None:
        self._draft = draft
        self._template = text(mapping(mapping(info.get("config")).get("agent")).get("instance_template")) or ""
        self._turns: list[_Turn] = []

    def tell(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Join answers to calls, then tell everything in order."""
        for number, message in enumerate(messages, 1):
            self._take(message, f"message-{number}")
        for turn in self._turns:
            self._draft.think(turn.key, turn.when, turn.said)
            for call in turn.calls:
                self._tell_call(call, is_last=turn is self._turns[-1])

    def _take(self, message: Mapping[str, Any], key: str) -> None:
        role, extra = message.get("role"), mapping(message.get("extra"))
        if role == "exit":
            self._draft.loss.add("message", "it tells that the session ended")
        elif role == "system":
            self._draft.loss.add("message", "it is the program's own, not the user's")
        elif role == "assistant" or message.get("object") == "response":
            self._turns.append(_turn(message, extra, key))
        elif self._draft.task is None and not self._turns:
            self._draft.hear(key, None, _task(words(message.get("content")), self._template))
        else:
            self._answer(message, extra)

    def _answer(self, message: Mapping[str, Any], extra: Mapping[str, Any]) -> None:
        waiting = [call for turn in self._turns[-1:] for call in turn.calls if call.result is None]
        named = text(message.get("tool_call_id")) or text(message.get("call_id"))
        call = next((call for call in waiting if named in (None, call.key)), None)
        result = _result(message, extra)
        if call is None or result is None:
            self._draft.loss.add("message", "it is the program's own, not the user's")
        else:
            call.result = result

    def _tell_call(self, call: Call, *, is_last: bool) -> None:
        if call.result is None and not is_last:
            self._draft.loss.add("command", "it has no answer")
            return
        notes = dict(call.result.raw) if call.result is not None else {}
        self._draft.run(call, text(call.arguments.get("command")) or "", cwd=self._draft.folder, **notes)


def _turn(message: Mapping[str, Any], extra: Mapping[str, Any], key: str) -> _Turn:
    when = moment(extra.get("timestamp")) or moment(mapping(extra.get("response")).get("created"))
    said, written = _said(message)
    actions = list(mappings(extra.get("actions"))) or written
    turn = _Turn(key, when, said)
    for number, action in enumerate(actions, 1):
        name = text(action.get("tool_call_id")) or (f"{key}/action" if number == 1 else f"{key}/action-{number}")
        turn.calls.append(Call(name, "bash", {"command": text(action.get("command"))}, when))
    return turn


def _said(message: Mapping[str, Any]) -> tuple[str, list[Mapping[str, Any]]]:
    """What the agent said besides its commands, and its commands as the message itself has them."""
    if message.get("object") == "response":
        items = list(mappings(message.get("output")))
        calls = [_action(item.get("call_id"), item.get("arguments")) for item in items if item.get("type") == "function_call"]
        return "\n".join(words(item.get("content")) for item in items if item.get("type") == "message"), calls
    content = words(message.get("content"))
    called = [
        _action(call.get("id"), mapping(call.get("function")).get("arguments")) for call in mappings(message.get("tool_calls"))
    ]
    rest, blocks = _blocks(content)
    if called or len(blocks) != 1:
        return content, called
    return rest, [{"command": blocks[0]}]


def _blocks(content: str) -> tuple[str, list[str]]:
    """A text without its fenced commands, and the commands."""
    rest: list[str] = []
    blocks: list[str] = []
    block: list[str] | None = None
    for line in content.split("\n"):
        if block is None and line.rstrip() in _FENCES:
            block = []
        elif block is None:
            rest.append(line)
        elif line.rstrip() == "```":
            blocks.append("\n".join(block))
            block = None
        else:
            block.append(line)
    return "\n".join(rest).strip(), blocks


def _action(identity: Any, arguments: Any) -> Mapping[str, Any]:
    try:
        found = mapping(json.loads(arguments)) if isinstance(arguments, str) else mapping(arguments)
    except (ValueError, RecursionError):
        found = {}
    return {"tool_call_id": identity, "command": found.get("command")}


def _result(message: Mapping[str, Any], extra: Mapping[str, Any]) -> Result | None:
    """The answer to a command; ``None`` where the message is none."""
    ended = moment(extra.get("timestamp"))
    notes: dict[str, Any] = {} if ended is None else {"ended_at": ended.isoformat()}
    if short(extra.get("exception_info")):
        notes["exception"] = short(extra.get("exception_info"))
    if "returncode" in extra or "raw_output" in extra:
        return Result(text(extra.get("raw_output")) or "", exit_code=whole(extra.get("returncode")), raw=notes)
    shown = words(message.get("content", message.get("output")))
    code = _RETURNED.match(shown)
    if code is None:
        return None
    _, opening, output = shown[code.end() :].partition("<output>")
    inside, closing, behind = output.rpartition("</output>")
    is_whole = opening and closing and not behind.strip()
    return Result(inside.removeprefix("\n") if is_whole else shown[code.end() :], exit_code=int(code["code"]), raw=notes)


def _task(said: str, template: str) -> str:
    """The task itself, where it can be told from the words that the program wraps it in."""
    before, marker, behind = template.partition("{{task}}")
    ending = behind.partition("{{")[0].partition("{%")[0].rstrip()
    if not marker or not ending.strip() or not said.startswith(before):
        return said
    end = said.find(ending, len(before))
    return said if end < 0 else said[len(before) : end].strip()
