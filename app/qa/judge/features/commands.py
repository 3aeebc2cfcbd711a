"""Reading a command line: does it run tests, read, run something else, or only tidy up? Which tests does it choose?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice, takewhile
from typing import Literal

CommandKind = Literal["test", "read", "probe", "other"]
Words = tuple[str, ...]

MAX_COMMAND_CHARACTERS = 8192
"""So much of a command line is looked at."""
MAX_SIMPLE_COMMANDS = 200
"""So many simple commands of a line are looked at, and so many texts that are fed to it from below."""
MAX_WORDS = 2000
"""So many words and operators of a line are looked at."""


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
_REDIRECTS = frozenset("<>&")
_WRITE_WHAT_THEY_READ = _READERS | _TIDYING
_RUNNERS = _words("bundle hatch pdm pipenv poetry rye uv")
_ASKS_ONLY = frozenset({"--version", "--help", "-h", "-V", "--collect-only", "--co"})
_PYTHON = re.compile(r"(?:python|pypy)[\d.]*\Z")
_QUIET = re.compile(
    r"(?:-[vqslx]+|-r\w*|--(?:verbose|quiet|silent|tb=.*|color=.*|no-header|no-summary|showlocals|exitfirst|durations=.*))\Z"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_OPERATOR = re.compile(r"[|&;()\n]+\Z")
_TOKEN = re.compile(
    r"""[ \t\r]*+(?:(?P<mark>[|&;()<>\n]++)|(?P<word>(?:[^ \t\r|&;()<>\n'"\\]++|'[^']*+'|"(?:[^"\\]++|\\.)*+"|\\.)++)|\Z)""",
    re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*+)'|"((?:[^"\\]++|\\.)*+)"|\\(.)""", re.DOTALL)
_ESCAPED_IN_QUOTES = re.compile(r"""\\(["\\])""")
_HEREDOC = re.compile(r"(?<!<)<<-?[ \t]*(['\"]?)(\w+)\1")
_SINGLE_TEST = re.compile(r"::\S+|(?:^|\s)(?:-k|-t|-run|--run|--filter|--grep|--tests|-Dtest)(?:[\s=]|$)")
_WHOLE = frozenset({".", "./...", "...", "test", "tests", "tests/", "test/", "run"})


@dataclass(frozen=True)
class Heredoc:
    """Text that stands below a command line and is fed to it."""

    programs: frozenset[str]
    """The programs of the command line."""
    body: str


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple command: a program and its words."""

    words: Words
    """With redirections, assignments and the programs that only start another."""
    bare: Words
    """Without assignments and programs that only start another."""
    name: str
    """The name of the program; empty where there is none."""

    @property
    def starters(self) -> Words:
        """What stands before the program: assignments, and programs that only start another."""
        return self.words[: len(self.words) - len(self.bare)]


@dataclass(frozen=True)
class Line:
    """A command line, taken apart once for all who look at it."""

    text: str
    """As much of it as is looked at."""

    @cached_property
    def pipelines(self) -> tuple[tuple[Simple, ...], ...]:
        """Its pipelines, each as its simple commands. Comments are left out."""
        return tuple(tuple(map(_simple, pipeline)) for pipeline in _pipelines(self._parts[0]))

    @cached_property
    def heredocs(self) -> tuple[Heredoc, ...]:
        """What is fed to it from below."""
        return self._parts[1]

    @cached_property
    def _parts(self) -> tuple[str, tuple[Heredoc, ...]]:
        return _split_heredocs(self.text)

    @property
    def simple_commands(self) -> Iterator[Simple]:
        """Every simple command, in order."""
        return (simple for pipeline in self.pipelines for simple in pipeline)


@dataclass(frozen=True)
class Command:
    """What a command line does, as far as its words tell."""

    kind: CommandKind
    selection: str = ""
    """Of a test command: the command without flags that only change how it reports."""
    words: Words = ()


def read_line(text: str) -> Line:
    """A command line to be looked at: of a long one the beginning."""
    return Line(text[:MAX_COMMAND_CHARACTERS])


def read_command(text: str) -> Command:
    """Classify a command line. Where it does several things, tests count first, then probes, then reading."""
    return command_of(read_line(text))


def command_of(line: Line) -> Command:
    """What ``read_command`` says of a line."""
    segments = list(_segments(line))
    words = tuple(word for segment, _ in segments for word in segment)
    kinds = [(_kind(bare), bare) for _, bare in segments if bare]
    for wanted in ("test", "probe", "read"):
        for kind, bare in kinds:
            if kind == wanted:
                return Command(kind, _selection(bare) if kind == "test" else "", words)
    return Command("other", "", words)


def test_selection(text: str) -> str:
    """The selection of a command that is known to have run tests."""
    found = read_command(text)
    return found.selection or " ".join(_without_reporting(tuple(text[:MAX_COMMAND_CHARACTERS].split())))


def commits(line: Line) -> bool:
    """Whether a command line makes a commit."""
    return "commit" in line.text and any(git_call(bare)[:1] == ("commit",) for _, bare in _segments(line))


def git_call(words: Words) -> Words:
    """What git is asked to do: its subcommand and what follows; empty where the program is not git."""
    if program(words) != "git":
        return ()
    return words[_past_options(words, 1, _GIT_OPTIONS_WITH_A_VALUE) :]


def names_single_test(selection: str) -> bool:
    """Whether the selection picks tests by name rather than by file or folder."""
    return _SINGLE_TEST.search(selection) is not None


def is_bare(selection: str) -> bool:
    """Whether the selection is the test command and nothing narrower."""
    name, *rest = selection.split() or [""]
    whole = _TEST_SUBCOMMANDS.get(name, frozenset()) | ({"discover"} if name == "unittest" else frozenset())
    return all(word in _WHOLE or word in whole for word in rest)


def program(words: Words) -> str:
    """The name of the program that a simple command starts with; empty where there is none."""
    return _name(words[0]) if words else ""


def family_of(name: str) -> str:
    """The name of a program without a version: ``python`` for ``python3.11``."""
    return name.rstrip("0123456789.")


def split_words(text: str) -> Iterator[tuple[str, bool]]:
    """The words and operators of a command line as a POSIX shell would split them, each with whether it is an operator.

    Raises:
        ValueError: a quote never ends.
    """
    position = 0
    while match := _TOKEN.match(text, position):
        position = match.end()
        if match["mark"]:
            yield match["mark"], True
        elif match["word"]:
            yield _unquoted(match["word"]), False
        else:
            return
    raise ValueError("a quote never ends")


def _unquoted(word: str) -> str:
    return _QUOTED.sub(_content, word) if "'" in word or '"' in word or "\\" in word else word


def _content(quoted: re.Match[str]) -> str:
    single, double, escaped = quoted.groups()
    return _ESCAPED_IN_QUOTES.sub(r"\1", double) if double is not None else single or escaped or ""


def _pipelines(text: str) -> list[list[Words]]:
    """The pipelines of a command line, as far as it is looked at, each as the words of its simple commands."""
    try:
        return _grouped(split_words(text))
    except ValueError:
        return _grouped((word, True) for word in text.split())


def _grouped(tokens: Iterator[tuple[str, bool]]) -> list[list[Words]]:
    found: list[list[Words]] = []
    current: list[str] = []
    joins = False
    left = MAX_SIMPLE_COMMANDS
    for word, may_separate in chain(islice(tokens, MAX_WORDS), [(";", True)]):
        if not may_separate or _OPERATOR.match(word) is None:
            current.append(word)
            continue
        if current and not current[0].startswith("#"):
            if joins and found:
                found[-1].append(tuple(current))
            else:
                found.append([tuple(current)])
            left -= 1
        if not left:
            break
        current, joins = [], word in ("|", "|&")
    return found


def _split_heredocs(text: str) -> tuple[str, tuple[Heredoc, ...]]:
    """A command line without what is fed to it from below, and that."""
    if "<<" not in text:
        return text, ()
    kept: list[str] = []
    found: list[Heredoc] = []
    lines = iter(text.split("\n"))
    for line in lines:
        marks = list(islice(_HEREDOC.finditer(line), MAX_SIMPLE_COMMANDS - len(found)))
        if marks:
            line = _HEREDOC.sub("", line)
            fed = frozenset(_simple(words).name for pipeline in _pipelines(line) for words in pipeline)
            found += [Heredoc(fed, _body(lines, mark[2])) for mark in marks]
        kept.append(line)
    return "\n".join(kept), tuple(found)


def _body(lines: Iterator[str], end: str) -> str:
    return "\n".join(takewhile(lambda below: below.strip() != end, lines))


def _simple(words: Words) -> Simple:
    bare = unwrap(words)
    return Simple(words, bare, program(bare))


def _segments(line: Line) -> Iterator[tuple[Words, Words]]:
    """The words of each simple command without redirections, and of the command itself. One that writes a file by redirection
    is left out: it neither reads nor tests."""
    for simple in line.simple_commands:
        if not any(word[:1] in _REDIRECTS for word in simple.words):
            yield simple.words, simple.bare
        elif segment := _without_redirections(simple.words):
            yield segment, unwrap(segment)


def _without_redirections(words: Words) -> Words:
    kept: list[str] = []
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
        elif word and _REDIRECTS.issuperset(word):
            target = words[index + 1] if index + 1 < len(words) else ""
            if ">" in word and "&" not in word and target != "/dev/null" and kept and _name(kept[0]) in _WRITE_WHAT_THEY_READ:
                return ()
            skip = True
            if kept and kept[-1] in ("1", "2"):
                kept.pop()
        else:
            kept.append(word)
    return tuple(kept)


def unwrap(words: Words) -> Words:
    """The command itself, without assignments and programs that only start another."""
    start = 0
    while start < len(words):
        inner = _past_starter(words, start)
        if inner == start:
            break
        start = inner
    return words[start:]


def _past_starter(words: Words, at: int) -> int:
    """Where the command begins that the program at a place only starts; the place itself where it does not."""
    name, following = _name(words[at]), words[at + 1 : at + 2]
    if name in _WITH_OPTIONS and following:
        return _past_options(words, at + 1, _OPTIONS_WITH_A_VALUE)
    if _ASSIGNMENT.match(words[at]) or (name in _WRAPPERS and following):
        return at + (2 if name == "coverage" and following == ("run",) else 1)
    if name == "timeout":
        return _past_options(words, at + 1, _OPTIONS_WITH_A_VALUE) + 1
    if name in _RUNNERS and following in (("run",), ("exec",)):
        return _past_options(words, at + 2, _OPTIONS_WITH_A_VALUE)
    if _PYTHON.match(name):
        if "-m" in words[at + 1 : at + 6]:
            return words.index("-m", at) + 1
        return at + (program(following) == "manage.py")
    return at


def _past_options(words: Words, at: int, with_a_value: frozenset[str]) -> int:
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in with_a_value else 1
    return at


def _name(word: str) -> str:
    return word.replace("\\", "/").rsplit("/", 1)[-1].lower().removesuffix(".exe") if word != "." else word


def _kind(words: Words) -> CommandKind:
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


def _runs_tests(name: str, rest: Words) -> bool:
    if name in _TEST_PROGRAMS:
        return True
    if name in _SCRIPT_RUNNERS:
        script = rest[1:2] if rest[:1] == ("run",) else rest[:1]
        return bool(script) and (script[0] == "test" or script[0].startswith("test:"))
    return bool(_TEST_SUBCOMMANDS.get(name, set()).intersection(rest))


def _selection(words: Words) -> str:
    return " ".join([_name(words[0]), *_without_reporting(words[1:])])


def _without_reporting(words: Words) -> list[str]:
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
