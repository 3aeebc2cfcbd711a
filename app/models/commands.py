"""``TestCommand``: a command that can be run without a shell.

The command is split into arguments as a POSIX shell would split it, and run as those arguments. What only a shell could do
(operators, redirections, substitutions, several lines, ``sh -c``) is refused; the same characters inside quotes are ordinary.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

MAX_COMMAND_CHARACTERS = 8192
_OPERATORS = frozenset(";|&<>()")
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh", "fish", "csh", "tcsh", "ash", "busybox", "cmd", "cmd.exe",
                     "powershell", "powershell.exe", "pwsh", "pwsh.exe", "eval", "exec", "source"})  # fmt: skip
_WRAPPERS = frozenset({"env", "nohup", "time", "timeout", "nice", "xargs", "sudo", "su", "doas", "setsid", "stdbuf"})
_ASSIGNMENT = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=(.*)$", re.DOTALL)


@dataclass(frozen=True)
class SplitCommand:
    """A command ready to be executed."""

    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()
    """``NAME=value`` words that stood before the command, in order."""


def split_command(text: str) -> SplitCommand:
    """Split a command into its arguments.

    Raises:
        ValueError: the command is empty, too long, ends inside quotes, or needs a shell. Where it needs a shell the message
            holds ``dangerous patterns``.
    """
    if not text.strip():
        raise ValueError("the command is empty")
    if len(text) > MAX_COMMAND_CHARACTERS:
        raise ValueError(f"the command is longer than {MAX_COMMAND_CHARACTERS} characters")
    found = _shell_syntax(text)
    if found is not None:
        raise ValueError(f"the command contains dangerous patterns: {found}; it is run without a shell")
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"the command cannot be split into arguments: {error}") from None
    env, argv = _split_assignments(words)
    if not argv:
        raise ValueError("the command names no program")
    shell = _shell_word(argv)
    if shell is not None:
        raise ValueError(f"the command contains dangerous patterns: it starts a shell ({shell}); name the program itself")
    return SplitCommand(argv=tuple(argv), env=tuple(env))


def _shell_syntax(text: str) -> str | None:
    """The first thing in ``text`` that only a shell could carry out."""
    quote = ""
    escaped = False
    for position, character in enumerate(text):
        following = text[position + 1 : position + 2]
        if character in "\n\r\x00":
            return "a line break or NUL"
        if escaped:
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif quote:
            if character == quote:
                quote = ""
            elif quote == '"' and (character == "`" or (character == "$" and following in ("(", "{"))):
                return "a command substitution"
        elif character in "'\"":
            quote = character
        elif character == "`" or (character == "$" and following in ("(", "{")):
            return "a command substitution"
        elif character in _OPERATORS:
            return f"an unquoted '{character}'"
    return None


def _split_assignments(words: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    env: list[tuple[str, str]] = []
    for index, word in enumerate(words):
        match = _ASSIGNMENT.match(word)
        if match is None:
            return env, words[index:]
        env.append((match[1], match[2]))
    return env, []


def _shell_word(argv: list[str]) -> str | None:
    """The shell that the command starts, looking through ``env`` and its like."""
    for index, word in enumerate(argv):
        name = re.split(r"[/\\]", word)[-1].lower()
        if name in _SHELLS and (index == 0 or argv[0] != word):
            return name
        if name not in _WRAPPERS and not (index and (word.startswith("-") or "=" in word or word[:1].isdigit())):
            return None
    return None


def _validate(text: str) -> str:
    try:
        split_command(text)
    except ValueError as error:
        raise PydanticCustomError("dangerous_command", "Invalid test_command: {reason}", {"reason": str(error)}) from None
    return text


TestCommand = Annotated[str, AfterValidator(_validate)]
"""A command that ``split_command`` accepts."""
