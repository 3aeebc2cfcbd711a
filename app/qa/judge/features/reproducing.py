"""F23, F25: could somebody else do it all again, from the same beginning to the same end?"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.qa.judge.features.commands import MAX_COMMAND_CHARACTERS, Line, Simple, family_of, git_call, read_line
from app.qa.judge.features.measure import NOT_APPLICABLE, Measure, measured
from app.qa.judge.features.session import Edit, Ran, Session
from app.rules.diffs import parse_diff


def replayable(session: Session) -> Measure:
    """F23: the mean of two shares: of commands that have an exit code, ask nothing of a person and name no place of one
    machine; of edits whose diff holds the lines that it announces."""
    if not session.commands and not session.edits:
        return NOT_APPLICABLE
    stuck = [command for command in session.commands if not _can_be_repeated(command)]
    broken = [edit for edit in session.edits if not _is_whole(edit)]
    pairs = ((len(stuck), len(session.commands)), (len(broken), len(session.edits)))
    shares = [1 - bad / total for bad, total in pairs if total]
    events = _in_order(stuck, broken) or _in_order(session.commands, session.edits)
    return measured(sum(shares) / len(shares), events)


def pinned(session: Session) -> Measure:
    """F25: how many of four are stated: the repository; the commit at the start; the test command; the commit, tree or patch
    at the end."""
    facts = session.facts
    return measured((facts.repository + facts.start_commit + facts.test_command + facts.end_state) / 4)


def _in_order(commands: Iterable[Ran], edits: Iterable[Edit]) -> list[str]:
    places = [*((one.position, one.event) for one in commands), *((one.position, one.event) for one in edits)]
    return [event for _, event in sorted(places)]


def _can_be_repeated(command: Ran) -> bool:
    is_stuck = command.exit_code is None or command.waits
    return not is_stuck and _OWN_PLACE.search(command.text[:MAX_COMMAND_CHARACTERS]) is None


def _is_whole(edit: Edit) -> bool:
    if not edit.diff.strip():
        return edit.has_snapshot
    try:
        parse_diff(edit.diff)
    except ValueError:  # it cannot be read, or holds half of a character
        return False
    return True


def is_interactive(text: str) -> bool:
    """Whether a command line waits for somebody at a keyboard."""
    return waits(read_line(text))


def waits(line: Line) -> bool:
    """What ``is_interactive`` says of a line."""
    fed = {name for heredoc in line.heredocs for name in heredoc.programs}
    calls = [(index, one) for pipeline in line.pipelines for index, one in enumerate(pipeline)]
    return any(_asks(one, is_fed=index > 0 or one.name in fed) for index, one in calls)


def _asks(one: Simple, *, is_fed: bool) -> bool:
    name, words, rest = one.name, one.bare, one.bare[1:]
    if name in _SCREENS:
        return True
    if family_of(name) in _PROMPTS:
        return not is_fed and not any(not word.startswith("-") or word in _ANSWERED for word in rest)
    if name == "git":
        call = git_call(words)
        return bool(_GIT_ASKS.intersection(call[:1])) and bool(_GIT_ASKING_OPTIONS.intersection(call))
    if name in ("docker", "podman"):
        return bool(re.search(r" -(?:it|ti)\b| --interactive\b", " ".join(words)))
    return name == "pdb" or "--pdb" in rest or (name == "tail" and "-f" in rest)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SCREENS = _words("emacs htop less man more nano top vi view vim nvim watch")
_PROMPTS = _words("bash bpython gdb ipython irb lldb mysql node psql pypy python sh sqlite zsh")
_ANSWERED = _words("-c -e --eval -V --version -h --help -")
_GIT_ASKS = _words("add checkout commit rebase reset restore stash")
_GIT_ASKING_OPTIONS = _words("-i -p --interactive --patch")
_OWN_PLACE = re.compile(
    r"(?<![\w.~])~(?:[\w.-]*/|(?=[ \t]*(?:\Z|[;&|\n])))|\$\{?HOME\b|(?<![\w.])/(?:home|Users)/[^/\s]|(?<![\w.])/root(?:/|\Z)"
    r"|(?<![A-Za-z])(?:[A-Z]:[\\/]\w|[a-z]:\\\w)|%USERPROFILE%|\$env:USERPROFILE"
)
"""Home folders and drives."""
