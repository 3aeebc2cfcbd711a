"""Reading a command line: does it run tests, read, run something else, or only tidy up? Which tests does it choose?"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

CommandKind = Literal["test", "read", "probe", "other"]

MAX_COMMAND_CHARACTERS = 8192


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEST_PROGRAMS = _words("ctest jest mocha nose2 nosetests nox phpunit py.test pytest rspec tox unittest vitest")
_TEST_SUBCOMMANDS = {
    "go": {"test"}, "cargo": {"test", "nextest"}, "dotnet": {"test"}, "make": {"test", "check"}, "mvn": {"test", "verify"},
    "mvnw": {"test", "verify"}, "gradle": {"test", "check"}, "gradlew": {"test", "check"}, "manage.py": {"test"},
}  # fmt: skip
_SCRIPT_RUNNERS = frozenset({"npm", "yarn", "pnpm", "bun"})
_READERS = _words(
    """
    ag awk basename bat cat cmp column cut diff dirname egrep fd fgrep file find grep head jq less ls more nl od
    readlink realpath rg sed sort stat strings tac tail tree uniq wc xxd zcat
    """
)
_GIT_READERS = _words(
    """
    blame branch cat-file describe diff grep log ls-files ls-tree rev-parse shortlog show status
    """
)
_GIT_OPTIONS_WITH_A_VALUE = _words("-C -c --git-dir --work-tree --namespace")
_TIDYING = _words(
    """
    . : alias apt apt-get brew cd chmod chown clear code conda cp date deactivate echo env exit export false git
    history kill ln mkdir mv nano open pip pip3 popd printf pushd pwd read rm rmdir set sleep source tee touch true
    type uname unset vi vim wait whereis which whoami
    """
)
_INSTALLING = frozenset({"install", "ci", "add", "sync", "lock", "init"})
_WRAPPERS = _words("-m bunx command coverage exec nohup npx time")
_WITH_OPTIONS = _words("doas env nice stdbuf sudo xvfb-run")
_OPTIONS_WITH_A_VALUE = _words("-g -n -u --group --user")
_RUNNERS = _words("bundle hatch pdm pipenv poetry rye uv")
_ASKS_ONLY = frozenset({"--version", "--help", "-h", "-V", "--collect-only", "--co"})
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*\Z")
_QUIET = re.compile(
    r"(?:-[vqslx]+|-r\w*|--(?:verbose|quiet|silent|tb=.*|color=.*|no-header|no-summary|showlocals|exitfirst|durations=.*))\Z"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OPERATOR = re.compile(r"[|&;()\n]+\Z")
_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)(\w+)\1")
_SINGLE_TEST = re.compile(r"::\S+|(?:^|\s)(?:-k|-t|-run|--run|--filter|--grep|--tests|-Dtest)(?:[\s=]|$)")
_WHOLE = frozenset({".", "./...", "...", "test", "tests", "tests/", "test/", "run"})


@dataclass(frozen=True)
class Heredoc:
    """Text that stands below a command line and is fed to it."""

    line: str
    """The command line, without the mark."""
    body: str


@dataclass(frozen=True)
class Command:
    """What a command line does, as far as its words tell."""

    kind: CommandKind
    selection: str = ""
    """Of a test command: the command without flags that only change how it reports."""
    words: tuple[str, ...] = ()


def read_command(text: str) -> Command:
    """Classify a command line. Where it does several things, tests count first, then probes, then reading."""
    segments = _segments(text)
    words = tuple(word for segment in segments for word in segment)
    kinds = [(_kind(bare), bare) for bare in map(unwrap, segments) if bare]
    for wanted in ("test", "probe", "read"):
        for kind, bare in kinds:
            if kind == wanted:
                return Command(kind, _selection(bare) if kind == "test" else "", words)
    return Command("other", "", words)


def test_selection(text: str) -> str:
    """The selection of a command that is known to have run tests."""
    found = read_command(text)
    return found.selection or " ".join(_without_reporting(tuple(text.split())))


def commits(text: str) -> bool:
    """Whether a command line makes a commit."""
    return any(git_call(unwrap(words))[:1] == ("commit",) for words in _segments(text)) if "commit" in text else False


def git_call(words: tuple[str, ...]) -> tuple[str, ...]:
    """What git is asked to do: its subcommand and what follows; empty where the program is not git."""
    if program(words) != "git":
        return ()
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in _GIT_OPTIONS_WITH_A_VALUE else rest[1:]
    return rest


def names_single_test(selection: str) -> bool:
    """Whether the selection picks tests by name rather than by file or folder."""
    return _SINGLE_TEST.search(selection) is not None


def is_bare(selection: str) -> bool:
    """Whether the selection is the test command and nothing narrower."""
    return all(word in _WHOLE for word in selection.split()[1:])


def pipelines(text: str) -> list[list[tuple[str, ...]]]:
    """The pipelines of a command line, each as its simple commands with their words and redirections. Comments are left out."""
    found: list[list[tuple[str, ...]]] = []
    current: list[str] = []
    joins = False
    for word in [*_split(text), ";"]:
        if _OPERATOR.match(word) is None:
            current.append(word)
            continue
        if current and not current[0].startswith("#"):
            if joins and found:
                found[-1].append(tuple(current))
            else:
                found.append([tuple(current)])
        current, joins = [], word in ("|", "|&")
    return found


def split_heredocs(text: str) -> tuple[str, tuple[Heredoc, ...]]:
    """A command line without what is fed to it from below, and that."""
    kept: list[str] = []
    found: list[Heredoc] = []
    lines = iter(text.split("\n"))
    for line in lines:
        match = _HEREDOC.search(line)
        if match is not None:
            line = line[: match.start()] + line[match.end() :]
            end = match[2]
            found.append(Heredoc(line, "\n".join(takewhile(lambda below, end=end: below.strip() != end, lines))))  # type: ignore[misc]
        kept.append(line)
    return "\n".join(kept), tuple(found)


def program(words: tuple[str, ...]) -> str:
    """The name of the program that a simple command starts with; empty where there is none."""
    return _name(words[0]) if words else ""


def program_family(words: tuple[str, ...]) -> str:
    """The name of the program without a version: ``python`` for ``python3.11``."""
    return program(words).rstrip("0123456789.")


def _segments(text: str) -> list[tuple[str, ...]]:
    """The simple commands of a command line. One that writes a file by redirection is left out: it neither reads nor tests."""
    segments = [_without_redirections(list(words)) for pipeline in pipelines(text) for words in pipeline]
    return [segment for segment in segments if segment]


def _split(text: str) -> list[str]:
    shown, _ = split_heredocs(text[:MAX_COMMAND_CHARACTERS])
    lexer = shlex.shlex(shown, posix=True, punctuation_chars="|&;()<>\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # a quote that never ends
        return re.split(r"\s+", shown.strip())


def _without_redirections(words: list[str]) -> tuple[str, ...]:
    kept: list[str] = []
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif set(word) <= set("<>&") and word:
            target = words[index + 1] if index + 1 < len(words) else ""
            if ">" in word and "&" not in word and target != "/dev/null" and kept and _name(kept[0]) in _READERS | _TIDYING:
                return ()
            skip = True
            if kept and kept[-1] in ("1", "2"):
                kept.pop()
        else:
            kept.append(word)
    return tuple(kept)


def unwrap(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command itself, without assignments and programs that only start another."""
    while words:
        name = _name(words[0])
        if name in _WITH_OPTIONS and len(words) > 1:
            words = _after_options(words[1:])
        elif _ASSIGNMENT.match(words[0]) or (name in _WRAPPERS and len(words) > 1):
            words = words[1:]
            words = words[1:] if name == "coverage" and words[:1] == ("run",) else words
        elif name == "timeout":
            words = _after_options(words[1:])[1:]
        elif name in _RUNNERS and words[1:2] in (("run",), ("exec",)):
            words = _after_options(words[2:])
        elif _PYTHON.match(name) and "-m" in words[1:6]:
            words = words[words.index("-m") + 1 :]
        elif _PYTHON.match(name) and _name(words[1] if len(words) > 1 else "") == "manage.py":
            words = words[1:]
        else:
            return words
    return ()


def _after_options(words: tuple[str, ...]) -> tuple[str, ...]:
    while words and words[0].startswith("-"):
        words = words[2:] if words[0] in _OPTIONS_WITH_A_VALUE else words[1:]
    return words


def _name(word: str) -> str:
    return word.replace("\\", "/").rsplit("/", 1)[-1].lower().removesuffix(".exe") if word != "." else word


def _kind(words: tuple[str, ...]) -> CommandKind:
    name, rest = _name(words[0]), words[1:]
    if _runs_tests(name, rest):
        return "other" if _ASKS_ONLY.intersection(rest) else "test"
    if name == "git":
        return "read" if _GIT_READERS.intersection(git_call(words)[:1]) else "other"
    if name == "sed" and any(word.startswith(("-i", "--in-place")) for word in rest):
        return "other"
    if name in _READERS:
        return "read"
    if name in _TIDYING or _INSTALLING.intersection(rest[:1]) or _ASKS_ONLY.intersection(rest):
        return "other"
    return "probe"


def _runs_tests(name: str, rest: tuple[str, ...]) -> bool:
    if name in _TEST_PROGRAMS:
        return True
    if name in _SCRIPT_RUNNERS:
        script = rest[1:2] if rest[:1] == ("run",) else rest[:1]
        return bool(script) and (script[0] == "test" or script[0].startswith("test:"))
    return bool(_TEST_SUBCOMMANDS.get(name, set()).intersection(rest))


def _selection(words: tuple[str, ...]) -> str:
    return " ".join([_name(words[0]), *_without_reporting(words[1:])])


def _without_reporting(words: tuple[str, ...]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in ("--tb", "--color", "--durations"):
            skip = True
        elif _QUIET.match(word) is None:
            kept.append(word)
    return kept
