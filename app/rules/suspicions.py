"""What a look at the changed files alone shows that a person may want to know. Hints, never a verdict.

An honest fix may well do any of this; a cheat mostly does some of it. Nothing is run here, and no source is too hostile: what
cannot be parsed is said to be so.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.models.qa import Suspicion
from app.rules.source_reach import reach_of_other_source, reach_of_python
from app.rules.special_cases import Expectation, expectations_of, special_cases
from app.rules.syntax import Hint, UnreadableError, parse_python
from app.rules.testfiles import is_test_file, is_test_module
from app.rules.weakened_tests import weakened_other_tests, weakened_tests

MAX_SUSPICIONS = 100
MAX_OF_A_FILE = 12

_RUNNERS = frozenset({"pytest", "_pytest", "pluggy", "unittest", "nose2"})
_PLACES_OF_CODE = frozenset({"src", "lib"})
_NOT_SHADOWING = frozenset({"test", "this", "antigravity"})
_INFRASTRUCTURE = re.compile(
    r"(?:^|/)(?:conftest\.py|\.?pytest\.(?:ini|toml)|tox\.ini|noxfile\.py|\.coveragerc|\.gitlab-ci\.yml|\.travis\.yml|Jenkinsfile"
    r"|azure-pipelines\.yml|(?:jest|vitest|karma|cypress|playwright)\.config\.[cm]?[jt]s|\.mocharc\.\w+|phpunit\.xml(?:\.dist)?)$"
    r"|^\.(?:github/workflows|circleci|gitlab)/"
)
_SHARED_SETTINGS = re.compile(r"(?:^|/)(?:pyproject\.toml|setup\.cfg|setup\.py|package\.json)$")
_TALKS_OF_TESTS = re.compile(r"pytest|addopts|testpaths|filterwarnings|conftest|\"(?:test|jest|mocha|vitest)\"\s*:")
_START_UP = re.compile(r"(?:^|/)(?:sitecustomize|usercustomize)\.py$|\.pth$")
_METADATA = re.compile(r"\.(?:egg-info|dist-info)/")


@dataclass(frozen=True)
class ChangedFile:
    """A file before and after; ``None`` where there is none. A test file may be here unchanged: other files are compared with
    what it expects."""

    path: str
    before: bytes | None
    after: bytes | None
    is_whole: bool = True
    """Otherwise it is too large to be looked into, and only its name counts."""

    @property
    def is_changed(self) -> bool:
        """Whether there is a difference."""
        return self.before != self.after or not self.is_whole


def suspicions_of(files: Iterable[ChangedFile]) -> tuple[Suspicion, ...]:
    """Everything that stands out, file by file, in the order of the paths. Never raises, whatever the files hold."""
    every = sorted(files, key=lambda file: file.path)
    expected = [expectation for file in every for expectation in _expectations(file)]
    found: list[Suspicion] = []
    for file in every:
        if file.is_changed:
            hints = dict.fromkeys((*_by_name(file), *_by_content(file, expected)))
            found += [_suspicion(file.path, hint) for hint in list(hints)[:MAX_OF_A_FILE]]
    return tuple(found[:MAX_SUSPICIONS])


def _suspicion(path: str, hint: Hint) -> Suspicion:
    return Suspicion(kind=hint.kind, place=path if hint.line is None else f"{path}:{hint.line}", message=hint.message)


# --- what a file is called --------------------------------------------------------------------------------------------


def _by_name(file: ChangedFile) -> Iterator[Hint]:
    verb = "removed" if file.after is None else "added" if file.before is None else "changed"
    if _START_UP.search(file.path):
        yield Hint("start_up_hook", f"a file that Python runs at its start was {verb}; it did not travel")
    elif _METADATA.search(file.path):
        yield Hint(
            "installed_metadata", f"metadata of an installed package was {verb}, which can name plugins; it did not travel"
        )
    elif _INFRASTRUCTURE.search(file.path):
        yield Hint("test_infrastructure", f"settings or hooks of the tests were {verb}")
    elif is_test_file(file.path) and not is_test_module(file.path) and file.before is not None:
        yield Hint("test_infrastructure", f"something that tests use was {verb}")
    elif _SHARED_SETTINGS.search(file.path) and _settings_of_tests(file.before) != _settings_of_tests(file.after):
        yield Hint("test_infrastructure", "what the project's settings say of tests was changed")
    if file.before is None and file.path.endswith(".py"):
        name = _top_module(file.path)
        if name in _RUNNERS or (name in sys.stdlib_module_names and name not in _NOT_SHADOWING):
            yield Hint("shadowed_module", f"the project now has a module {name!r}, as Python or the test runner has")


def _top_module(path: str) -> str:
    parts = path.split("/")
    if parts[0] in _PLACES_OF_CODE and len(parts) > 1:
        del parts[0]
    return parts[0].removesuffix(".py")


def _settings_of_tests(content: bytes | None) -> list[str]:
    lines = (content or b"").decode("utf-8", "replace").splitlines()
    return [line.strip() for line in lines if _TALKS_OF_TESTS.search(line)]


# --- what a file holds ------------------------------------------------------------------------------------------------


def _by_content(file: ChangedFile, expected: Sequence[Expectation]) -> Iterable[Hint]:
    if not file.is_whole:
        return ()
    if is_test_file(file.path):
        return _of_tests(file)
    if file.after is None:
        return ()
    if not file.path.endswith(".py"):
        return _new(reach_of_other_source(file.path, file.before or b""), reach_of_other_source(file.path, file.after))
    return _new(_of_python(file.before or b"", expected), _of_python(file.after, expected))


def _of_python(source: bytes, expected: Sequence[Expectation]) -> list[Hint]:
    try:
        tree = parse_python(source)
    except UnreadableError as error:
        return [Hint("unreadable", str(error))]
    return [*reach_of_python(tree), *special_cases(tree, expected)]


def _new(before: Iterable[Hint], after: Iterable[Hint]) -> Iterator[Hint]:
    """What is found after, and was not there before."""
    known = Counter(hint.message for hint in before)
    for hint in after:
        known[hint.message] -= 1
        if known[hint.message] < 0:
            yield hint


def _of_tests(file: ChangedFile) -> Iterable[Hint]:
    if file.after is None:
        return (Hint("tests_weakened", "a file of tests was removed"),)
    if file.before is None:
        return ()
    if not file.path.endswith(".py"):
        return weakened_other_tests(file.before.decode("utf-8", "replace"), file.after.decode("utf-8", "replace"))
    try:
        return weakened_tests(parse_python(file.before), parse_python(file.after))
    except UnreadableError as error:
        return (Hint("unreadable", str(error)),)


def _expectations(file: ChangedFile) -> list[Expectation]:
    content = file.after if file.after is not None else file.before
    if content is None or not (file.is_whole and file.path.endswith(".py") and is_test_file(file.path)):
        return []
    try:
        return expectations_of(parse_python(content))
    except UnreadableError:
        return []
