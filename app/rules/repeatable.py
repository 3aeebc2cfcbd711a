"""Which commands of a session can be carried out again, and which may have changed files that no edit records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.models.commands import MAX_COMMAND_CHARACTERS, SplitCommand, split_command

Repeatable = Literal["exactly", "if_equal"]
"""``if_equal``: another outcome shows nothing, because it may rest on files that were never sent."""

_PYTHON = re.compile(r"^(?:python|pypy)\d*(?:\.\d+)*$")
_TEST_MODULES = frozenset({"pytest", "py.test", "unittest"})
_READERS = frozenset({"cat", "head", "tail", "wc", "nl", "sort", "uniq", "cut", "grep", "egrep", "fgrep", "diff", "cmp", "sed",
                      "sha256sum", "sha1sum", "md5sum"})  # fmt: skip
_PLAIN = frozenset({"true", "false", "echo", "printf", "basename", "dirname"})
_REFUSED_OPTIONS = {
    "tail": ("-f", "-F", "--follow", "--retry"),
    "grep": ("-r", "-R", "--recursive", "--dereference-recursive", "-f", "--file"),
    "egrep": ("-r", "-R", "--recursive", "-f", "--file"),
    "fgrep": ("-r", "-R", "--recursive", "-f", "--file"),
    "sort": ("-o", "--output", "-R", "--random-sort", "-T", "--compress-program"),
    "diff": ("-r", "--recursive", "-l", "--paginate"),
    "sed": ("-i", "--in-place", "-f", "--file", "-s"),
}
_SED_PRINT = re.compile(r"^(?:\d+|\$)(?:,(?:\d+|\$))?p$")
_LS_OPTIONS = re.compile(r"^-[1aARFp]+$")
_GIT_CHANGES = frozenset({"am", "apply", "bisect", "checkout", "checkout-index", "cherry-pick", "clean", "merge", "mv",
                          "pull", "read-tree", "rebase", "reset", "restore", "revert", "rm", "stash", "switch",
                          "worktree"})  # fmt: skip
_CHANGES = frozenset({"2to3", "autoflake", "autopep8", "black", "clang-format", "code", "cp", "ed", "emacs", "gofmt",
                      "goimports", "install", "isort", "ln", "mv", "nano", "nvim", "patch", "pre-commit", "prettier",
                      "pyupgrade", "rm", "rmdir", "rsync", "rustfmt", "tar", "tee", "touch", "truncate", "unzip", "vi",
                      "vim", "yapf"})  # fmt: skip
_CHANGING_OPTIONS = {
    "sed": ("-i", "--in-place"),
    "perl": ("-i",),
    "ruff": ("format", "--fix"),
    "eslint": ("--fix",),
    "go": ("fmt", "generate"),
    "cargo": ("fmt", "fix"),
    "npx": ("prettier", "--fix"),
    "find": ("-delete", "-exec"),
    "pytest": ("--snapshot-update", "--inline-snapshot=fix", "--force-regen"),
}
_REDIRECTION = re.compile(r"(?<![0-9&>=-])[0-9]?>>?(?!&|\s*/dev/null)")
_QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"")
_EXPANSION = re.compile(r"[*?{$]|(?:^|\s)~|(?:^|\s)!")
"""Not ``[``: without a match a shell leaves ``test_a[x]`` as it stands."""
_SEPARATORS = re.compile(r"&&|\|\||[;|\n]")


@dataclass(frozen=True)
class CommandKind:
    """What can be done with a command of a session."""

    split: SplitCommand | None
    """``None``: it needs a shell, and is never run."""
    problem: str | None = None
    """Why it is never run."""


def kind_of(command: str) -> CommandKind:
    """Whether a command can be run without a shell at all."""
    expansion = _EXPANSION.search(_QUOTED.sub("", command[:MAX_COMMAND_CHARACTERS]))
    if expansion is not None:
        return CommandKind(None, f"it leaves '{expansion[0]}' to a shell to expand")
    try:
        return CommandKind(split_command(command))
    except ValueError as error:
        return CommandKind(None, str(error))


def is_test_run(argv: Sequence[str], suite: Sequence[str] | None) -> bool:
    """Whether a command runs tests: pytest, unittest, or whatever the trace calls its test command."""
    name = _name(argv[0])
    if name in ("pytest", "py.test"):
        return True
    if _PYTHON.match(name) and "-m" in argv[1:]:
        position = argv.index("-m")
        flags = all(word.startswith("-") for word in argv[1:position])
        return flags and len(argv) > position + 1 and argv[position + 1] in _TEST_MODULES
    return suite is not None and list(argv) == list(suite)


def repeatable(argv: Sequence[str]) -> Repeatable | None:
    """Whether a command that runs no tests may be run again and compared; ``None``: it is left alone.

    It has to read named files of the workspace and nothing else, and to say the same of them each time.
    """
    name, arguments = argv[0], list(argv[1:])
    if any(_leaves_workspace(word) for word in arguments):
        return None
    if name in _PLAIN:
        return "exactly"
    if name == "ls":
        options = [word for word in arguments if word.startswith("-")]
        return "if_equal" if all(_LS_OPTIONS.match(option) for option in options) else None
    if name not in _READERS or any(_is_option(word, _REFUSED_OPTIONS.get(name, ())) for word in arguments):
        return None
    if name == "sed":
        return "exactly" if _only_prints(arguments) else None
    named = [word for word in arguments if not word.startswith("-")]
    needed = 2 if name in ("grep", "egrep", "fgrep", "diff", "cmp") else 1
    return "exactly" if len(named) >= needed else None


def changes_files(command: str) -> bool:
    """Whether a command is one that changes files of the workspace, which no ``code_edit`` needs to record."""
    command = command[:MAX_COMMAND_CHARACTERS]
    if _REDIRECTION.search(_QUOTED.sub("", command)):
        return True
    return any(_changes(part.split()) for part in _SEPARATORS.split(_QUOTED.sub("''", command)))


def _changes(words: list[str]) -> bool:
    words = [word for word in words if not re.match(r"^[A-Za-z_]\w*=", word)]
    if words and words[0] in ("sudo", "time", "env", "command", "uv", "poetry", "pipenv") and len(words) > 1:
        words = words[2:] if words[1] == "run" else words[1:]
    if words and _PYTHON.match(_name(words[0])) and len(words) > 2 and words[1] == "-m":
        words = words[2:]
    if not words:
        return False
    name, arguments = _name(words[0]), words[1:]
    if name == "git":
        return _git_command(arguments) in _GIT_CHANGES
    if name in _CHANGES:
        return "--check" not in arguments
    return any(_is_option(word, _CHANGING_OPTIONS.get(name, ())) for word in arguments)


def _git_command(arguments: list[str]) -> str | None:
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        position += 2 if arguments[position] in ("-C", "-c") else 1
    return arguments[position] if position < len(arguments) else None


def _name(program: str) -> str:
    return program.rsplit("/", 1)[-1]


def _leaves_workspace(word: str) -> bool:
    value = word.partition("=")[2] if word.startswith("--") else word
    return value.startswith(("/", "~")) or ".." in value.split("/")


def _is_option(word: str, refused: Sequence[str]) -> bool:
    """Whether a word is one of the options, also with a value behind it or among other letters."""
    if word in refused or word.partition("=")[0] in refused:
        return True
    letters = [option[1] for option in refused if len(option) == 2 and option[0] == "-"]
    is_cluster = len(word) > 1 and word[0] == "-" and word[1] != "-"
    return is_cluster and any(letter in word[1:] for letter in letters)


def _only_prints(arguments: Sequence[str]) -> bool:
    named = [word for word in arguments if not word.startswith("-")]
    return "-n" in arguments and len(named) >= 2 and _SED_PRINT.match(named[0]) is not None
