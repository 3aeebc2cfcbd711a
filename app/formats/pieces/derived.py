"""What a command in a terminal shows besides itself: how a test run ended, and which commit was made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.formats.pieces.shell import Part, parts_of
from app.models.commands import split_command
from app.rules.outputs import failing_names, parse_counts, without_colours
from app.rules.repeatable import is_test_run

_COMMITTED = re.compile(r"^\[[^\]\n]{1,200}? (?P<sha>[0-9a-f]{7,64})\] (?P<message>[^\n]+)$", re.MULTILINE)
_FULL_HASH = re.compile(r"^[0-9a-f]{40}$|^[0-9a-f]{64}$", re.MULTILINE)
_SAYS_HASH = (("git", "rev-parse", "HEAD"), ("git", "log", "-1", "--format=%H"), ("git", "log", "-1", "--pretty=%H"),
              ("git", "log", "-1", "--pretty=format:%H"), ("git", "log", "-1", "--format=format:%H"))  # fmt: skip
_SEARCHED_CHARACTERS = 64 * 1024
_SUMMARY_LINES = 40
_WRAPPERS = (("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("hatch", "run"), ("pdm", "run"))
_OTHER_RUNNERS = frozenset({"tox", "nox", "jest", "vitest", "mocha", "phpunit", "rspec", "ctest"})
_WITH_TEST = frozenset({"npm", "yarn", "pnpm", "cargo", "mvn", "gradle", "make", "dotnet", "bun", "deno", "mix", "swift"})


@dataclass(frozen=True)
class TestRunSeen:
    """A test run, as the terminal showed it."""

    __test__ = False

    command: str
    passed: bool
    summary: str
    num_passed: int | None
    num_failed: int | None
    failed_tests: tuple[str, ...]
    framework: str | None


@dataclass(frozen=True)
class CommitSeen:
    """A commit, as the terminal showed it."""

    sha: str
    message: str


def seen_test_run(command: str, output: str, exit_code: int | None) -> TestRunSeen | None:
    """How the only test run of a command ended, if its output says so in a summary that can be read."""
    runs = [(part, argv) for part in parts_of(command) if (argv := _test_argv(part)) is not None]
    counts = parse_counts(output)
    if len(runs) != 1 or counts is None or not (counts.passed or counts.failed or counts.errors):
        return None
    part, argv = runs[0]
    is_plain = parts_of(command) == (part,)
    names = failing_names(output)
    counted = not counts.failed and not counts.errors
    return TestRunSeen(
        command=" ".join(map(_quoted, part.words)),
        # of several commands the exit code is the last one's
        passed=exit_code == 0 if is_plain and exit_code is not None else counted,
        summary=_summary(output),
        num_passed=counts.passed,
        num_failed=counts.failed,
        failed_tests=names,
        framework=_framework(argv),
    )


def seen_commit(command: str, output: str, exit_code: int | None) -> CommitSeen | None:
    """The only commit of a command, if its output names the hash."""
    if exit_code not in (None, 0):
        return None
    parts = parts_of(command)
    places = [place for place, part in enumerate(parts) if _git_words(part)[1:2] == ("commit",)]
    if not places and "<<" in command and len(re.findall(r"\bgit commit\b", command)) == 1:
        return _from_bracket(output)
    if len(places) != 1:
        return None
    return _from_bracket(output) or _from_log(parts, places[0], output)


def _from_bracket(output: str) -> CommitSeen | None:
    """``[branch 0123abc] Subject``, as git writes it."""
    found = list(_COMMITTED.finditer(without_colours(output[:_SEARCHED_CHARACTERS])))
    return CommitSeen(found[0]["sha"], found[0]["message"].strip()) if len(found) == 1 else None


def _from_log(parts: tuple[Part, ...], place: int, output: str) -> CommitSeen | None:
    """The hash that a command behind a quiet commit prints, with the message that the commit was given."""
    asked = any(_git_words(part) in _SAYS_HASH and part.before == "&&" for part in parts[place + 1 :])
    hashes = _FULL_HASH.findall(output[-_SEARCHED_CHARACTERS:])
    message = _message(parts[place].words)
    return CommitSeen(hashes[0], message) if asked and len(hashes) == 1 and message is not None else None


def _message(words: tuple[str, ...]) -> str | None:
    for place, word in enumerate(words[:-1]):
        if word == "--message" or re.fullmatch(r"-[a-z]*m", word):
            return words[place + 1]
    return None


def _git_words(part: Part) -> tuple[str, ...]:
    """A git command without the options in front of its verb."""
    words = list(part.words)
    if not words or words[0] != "git":
        return ()
    rest = words[1:]
    while rest and rest[0].startswith("-"):
        rest = rest[2:] if rest[0] in ("-c", "-C") else rest[1:]
    return ("git", *rest)


def _test_argv(part: Part) -> tuple[str, ...] | None:
    """The arguments of a test run, without what stands in front of its program."""
    try:
        argv = split_command(" ".join(map(_quoted, part.words))).argv
    except ValueError:
        return None
    for wrapper in _WRAPPERS:
        if argv[: len(wrapper)] == wrapper:
            argv = argv[len(wrapper) :]
    if argv[:1] == ("timeout",):
        argv = argv[2:]
    if not argv:
        return None
    name = argv[0].rsplit("/", 1)[-1]
    is_other = name in _OTHER_RUNNERS or (name in _WITH_TEST and any(word.startswith("test") for word in argv[1:3]))
    is_other = is_other or argv[:2] in (("go", "test"), ("npx", "jest"), ("npx", "vitest"), ("node", "--test"))
    return argv if is_other or is_test_run(argv, None) else None


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./-]+", word) else "'" + word.replace("'", "'\"'\"'") + "'"


def _summary(output: str) -> str:
    """The last line that holds counts; unittest takes two."""
    lines = [line for line in without_colours(output).strip().split("\n") if line.strip()][-_SUMMARY_LINES:]
    for start in range(len(lines) - 1, -1, -1):
        if parse_counts("\n".join(lines[start:])) is not None:
            found = lines[start:]
            return found[0].strip() if parse_counts(found[0]) is not None else "\n".join(found)
    return ""


def _framework(argv: tuple[str, ...]) -> str | None:
    names = ("pytest", "unittest", "jest", "vitest", "mocha", "phpunit", "rspec")
    return next((name for name in names if name in (word.rsplit("/", 1)[-1] for word in argv[:3])), None)
