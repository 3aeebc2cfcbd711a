"""Trajectories of SWE-agent: what was typed into its interface, and what the interface answered."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from app.formats.base import ReadOptions, ReadSession
from app.formats.pieces.calls import Call, Result
from app.formats.pieces.draft import Draft
from app.formats.pieces.edits import replaced
from app.formats.pieces.places import folder_of
from app.formats.pieces.toolbox import is_confirmed
from app.formats.pieces.values import is_hash, mapping, mappings, milliseconds, text, words
from app.formats.source import Source

_LOOKS = ("open", "goto", "scroll_up", "scroll_down")
_TOOLS = ("edit", "create", "insert", "find_file", "search_file", "search_dir", "str_replace_editor", "filemap", "undo_edit",
          "view_image")  # fmt: skip
_SUBMITS = ("submit", "exit_cost", "exit_context", "exit_format", "exit_error", "exit_forfeit", "skip")
_PROMPT = re.compile(r"\n?\(Open file: (?P<open>[^\n]*)\)\n\(Current directory: (?P<folder>[^\n]*)\)\nbash-\$\s*\Z")
_PROMPT_CHARACTERS = 4096
_STEP_KEYS = {"action", "observation"}


class SweAgent:
    """``*.traj``."""

    name = "swe-agent"
    title = "a trajectory of SWE-agent"

    def recognises(self, source: Source) -> bool:
        """See ``Format``."""
        document = mapping(source.shape.records[0]) if source.shape.kind == "document" else {}
        steps, history = list(mappings(document.get("trajectory"))), list(mappings(document.get("history")))
        if "trajectory" in document:
            return (bool(steps) and steps[0].keys() >= _STEP_KEYS) or (not steps and bool(history))
        return bool(history) and any("action" in turn and turn.get("role") == "assistant" for turn in history)

    def read(self, source: Source, options: ReadOptions) -> Iterator[ReadSession]:
        """See ``Format``."""
        document = mapping(source.document)
        draft = _begin(Draft(self.name, options, agent_name="swe-agent"), document)
        steps = list(mappings(document.get("trajectory"))) or list(_steps_of(document))
        _tell_steps(draft, steps)
        yield draft.finish(source)


def _begin(draft: Draft, document: Mapping[str, Any]) -> Draft:
    info, config = mapping(document.get("info")), _object(document.get("replay_config"))
    repo = mapping(mapping(config.get("env")).get("repo"))
    draft.repo["url"] = text(repo.get("github_url"))
    if is_hash(repo.get("base_commit")):
        draft.repo["commit_before"] = repo["base_commit"]
    draft.bug_id = text(mapping(config.get("problem_statement")).get("id"))
    draft.model = text(mapping(mapping(config.get("agent")).get("model")).get("name"))
    draft.agent_version = text(info.get("swe_agent_version"))
    draft.notes["exit_status"] = text(info.get("exit_status"))
    draft.notes["environment"] = text(document.get("environment"))
    asked = (turn for turn in mappings(document.get("history")) if turn.get("role") == "user" and not turn.get("is_demo"))
    draft.hear("task", None, words(next(asked, {}).get("content")))
    for turn in mappings(document.get("history")):
        if turn.get("role") == "system" or turn.get("is_demo"):
            draft.loss.add("turn", "it is the program's own: a system prompt or a demonstration")
    draft.attach_patch(text(info.get("submission")) or "")
    return draft


def _object(value: Any) -> Mapping[str, Any]:
    """An object, also where it is written as JSON in a string."""
    try:
        return mapping(json.loads(value)) if isinstance(value, str) else mapping(value)
    except (ValueError, RecursionError):
        return {}


def _steps_of(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Pairs of an action and its answer, for a file that has the conversation alone."""
    turns = [turn for turn in mappings(document.get("history")) if not turn.get("is_demo")]
    for place, turn in enumerate(turns):
        if turn.get("role") != "assistant":
            continue
        answer = turns[place + 1] if place + 1 < len(turns) else {}
        is_answer = answer.get("role") in ("user", "tool")
        shown = words(answer.get("content")) if is_answer else None
        start = max(len(shown or "") - _PROMPT_CHARACTERS, 0)
        prompt = _PROMPT.search(shown or "", start)
        step = {"action": turn.get("action"), "thought": turn.get("thought"), "observation": shown}
        if prompt is not None and shown is not None:
            # file and directory are those that the action ended with
            state = {"working_dir": prompt["folder"], "open_file": prompt["open"]}
            step |= {"observation": shown[: prompt.start()], "state": state}
        yield step


def _tell_steps(draft: Draft, steps: list[Mapping[str, Any]]) -> None:
    states = [_object(step.get("state")) for step in steps]
    folders = [folder_of(text(state.get("working_dir"))) for state in states]
    draft.folder = next((folder for folder in folders if folder is not None), None)
    for place, step in enumerate(steps):
        # 0.x notes the state before an action (as JSON in a string), 1.x the one after it
        is_before = isinstance(step.get("state"), str) or place == 0
        state = states[place if is_before else place - 1]
        _tell_step(draft, step, state, f"step-{place + 1}", is_last=place == len(steps) - 1)


def _tell_step(draft: Draft, step: Mapping[str, Any], state: Mapping[str, Any], key: str, *, is_last: bool) -> None:
    draft.think(f"{key}/thought", None, (text(step.get("thought")) or "").strip())
    action, observation = (text(step.get("action")) or "").strip(), text(step.get("observation"))
    verb = action.split(None, 1)[0] if action else ""
    if not verb:
        draft.loss.add("step", "it has no action")
        return
    if verb in _SUBMITS:
        draft.loss.add(f"action {verb}", "it hands in the work: the artifact final.patch")
        return
    if observation is None and not is_last:
        draft.loss.add("action", "it has no answer")
        return
    result = None if observation is None else Result(observation, duration_ms=milliseconds(step.get("execution_time")))
    call = Call(key, verb if verb in (*_TOOLS, *_LOOKS) else "shell", {}, result=result)
    cwd = folder_of(text(state.get("working_dir")))
    if not _tell_file(draft, call, _words(action), state, cwd):
        draft.run(call, action, cwd=cwd, **({"tool": verb} if verb in _TOOLS or verb in _LOOKS else {}))


def _words(action: str) -> list[str]:
    try:
        return shlex.split(action)
    except ValueError:
        return []


def _tell_file(draft: Draft, call: Call, typed: list[str], state: Mapping[str, Any], cwd: str | None) -> bool:
    """Tell a look at a file, or a change whose both sides were typed. Returns whether it was one."""
    path = _path(call.tool, typed, state)
    if path is None or call.result is None:
        return False
    whole = path if path.startswith("/") or cwd is None else f"{cwd.rstrip('/')}/{path}"
    if call.tool in _LOOKS or typed[1:2] == ["view"]:
        if call.result.output.lstrip().startswith(("File ", "Error", "ERROR", "Usage")):
            return False
        draft.open(call, whole)
        return True
    pair = _pair(call.tool, typed)
    if pair is None or not is_confirmed(call.result.output):
        return False
    draft.edit(call, [replaced(whole, [pair])])
    return True


def _path(tool: str, typed: list[str], state: Mapping[str, Any]) -> str | None:
    if tool == "open":
        return typed[1] if len(typed) > 1 else None
    if tool == "str_replace_editor":
        return typed[2] if len(typed) > 2 else None
    opened = text(state.get("open_file"))
    return opened if opened and opened != "n/a" and tool in (*_LOOKS, "edit") else None


def _pair(tool: str, typed: list[str]) -> tuple[str, str] | None:
    """What was replaced by what."""
    if tool == "edit" and len(typed) in (3, 4) and typed[3:] in ([], ["False"]):
        return typed[1], typed[2]
    if tool == "str_replace_editor" and typed[1:2] == ["str_replace"]:
        named = dict(zip(typed[3::2], typed[4::2], strict=False))
        if "--old_str" in named and "--new_str" in named:
            return named["--old_str"], named["--new_str"]
    return None
