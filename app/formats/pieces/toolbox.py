"""Tools by their usual names: what a call of one is, where a format leaves that to the agent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.formats.pieces.applypatch import read_patch
from app.formats.pieces.calls import Call
from app.formats.pieces.draft import Draft
from app.formats.pieces.edits import FileEdit, replaced, written
from app.formats.pieces.values import sequence, text, words

_SHELL = re.compile(r"^(?:bash|shell|sh|terminal|exec|exec_command|shell_command|execute_bash|execute_command|run_terminal_cmd|"
                    r"run_shell_command|run_command|run_bash|run_in_terminal|execute_ipython_cell|"
                    r"run_ipython)$", re.IGNORECASE)  # fmt: skip
_OPENED = re.compile(r"^(?:read|read_file|view|view_file|open|open_file|notebookread)$", re.IGNORECASE)
_SEARCHED = re.compile(
    r"^(?:grep|glob|ls|search|search_\w+|find_file|find_files|list_\w+|codebase_search|file_search)$", re.IGNORECASE
)
_EDITORS = re.compile(r"^(?:str_replace_editor|str_replace_based_edit_tool|file_editor|text_editor)$", re.IGNORECASE)
_EDITED = re.compile(
    r"^(?:edit|edit_file|replace|multiedit|str_replace|write|write_file|create_file|create|insert)$", re.IGNORECASE
)
_PATCHED = re.compile(r"^apply_patch$", re.IGNORECASE)
_THOUGHT = re.compile(r"^(?:think|finish|task_tracker|todowrite|update_plan|exitplanmode)$", re.IGNORECASE)
_CONFIRMED = re.compile(r"\A\s*(?:The file \S[^\n]{0,1000}? has been (?:edited|updated|created|modified|written)|"
                        r"File (?:created|written|updated|edited) successfully|Text replaced|Replaced \d+ occurrence|"
                        r"Successfully (?:created|overwrote|modified|wrote|edited|replaced|updated)|Success\.|"
                        r"Exit code: 0\n(?:[^\n]*\n)?Output:\nSuccess\.)")  # fmt: skip
_PATHS = ("path", "file_path", "filePath", "absolute_path", "notebook_path", "filename", "file")
_OLD, _NEW = ("old_str", "old_string", "oldString", "search"), ("new_str", "new_string", "newString", "replace")
_CONTENT = ("file_text", "content", "contents", "text")


def tell(draft: Draft, call: Call) -> None:
    """Make of a call what its tool is known for; a tool that is not known is counted."""
    path = _first(call.arguments, _PATHS)
    command = _first(call.arguments, ("command", "cmd", "code", "input"))
    if _SHELL.match(call.tool) and command is not None:
        draft.run(call, command, cwd=_first(call.arguments, ("cwd", "workdir", "working_dir", "directory")), **_kept(call))
    elif path is not None and (_OPENED.match(call.tool) or (_EDITORS.match(call.tool) and command == "view")):
        draft.open(call, path)
    elif _EDITORS.match(call.tool) or _EDITED.match(call.tool) or _PATCHED.match(call.tool):
        _tell_edit(draft, call, path)
    elif _SEARCHED.match(call.tool):
        draft.use(call)
    elif _THOUGHT.match(call.tool):
        draft.think(call.key, call.when, _thought(call.arguments), tool=call.tool)
    else:
        draft.loss.add(f"call of {call.tool}", "a trace has no place for it")


def is_confirmed(output: str) -> bool:
    """Whether the tool says, in its own fixed words, that it changed the file."""
    return _CONFIRMED.match(output) is not None


def _tell_edit(draft: Draft, call: Call, path: str | None) -> None:
    edits = _edits(call, path)
    if edits and call.result is not None and call.result.is_error is not True and is_confirmed(call.result.output):
        draft.edit(call, edits)
    else:
        # what it did to the file is not certain
        draft.use(call)


def _edits(call: Call, path: str | None) -> list[FileEdit] | None:
    if _PATCHED.match(call.tool):
        return read_patch(_first(call.arguments, ("input", "patch", "patch_text", "diff")) or "")
    if path is None:
        return None
    old, new = _first(call.arguments, _OLD), _first(call.arguments, _NEW)
    if old and new is not None:
        return [replaced(path, [(old, new)])]
    content = _first(call.arguments, _CONTENT)
    is_whole = call.arguments.get("command") == "create" or re.match(r"^(?:write|create)", call.tool, re.IGNORECASE)
    return [written(path, content)] if content is not None and is_whole else None


def _kept(call: Call) -> dict[str, Any]:
    return {"language": "python"} if "ipython" in call.tool.lower() else {}


def _thought(arguments: Mapping[str, Any]) -> str:
    said = _first(arguments, ("thought", "message", "plan", "summary", "explanation"))
    if said is not None:
        return said
    tasks = sequence(arguments.get("task_list")) or sequence(arguments.get("todos")) or sequence(arguments.get("plan"))
    titles = (task.get("title") or task.get("content") or task.get("step") for task in tasks if isinstance(task, dict))
    return "\n".join(f"- {words(title)}" for title in titles)


def _first(arguments: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(arguments.get(name))) is not None), None)
