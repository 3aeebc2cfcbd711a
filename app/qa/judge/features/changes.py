"""What an edit changed: lines, tests and assertions, as its unified diff tells."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

FileKind = Literal["source", "test", "document"]

_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|__tests__|spec|specs|testing)/|(?:^|/)(?:test_[^/]*|conftest\.py|[^/]*[_.-](?:test|tests|spec)\.\w+|[^/]*Tests?\.(?:java|kt|cs))$"
)
_DOCUMENT_PATH = re.compile(
    r"(?:^|/)docs?/|\.(?:md|rst|adoc)$|(?:^|/)(?:LICENSE|NOTICE|AUTHORS|CHANGELOG|CHANGES|README)[^/]*$|(?<!requirements)\.txt$",
    re.IGNORECASE,
)
_SCRATCH_NAME = re.compile(r"(?:repro|debug|scratch|tmp|demo|try|check)[^/]*\Z", re.IGNORECASE)
_ASSERTION = re.compile(r"\bassert\w*\b|\bexpect\s*\(|\bpytest\.raises\b|\.should\b")
_TEST_DEFINITION = re.compile(r"^\s*(?:async\s+)?def\s+test\w*|^\s*(?:it|test)\s*\(|^\s*func\s+Test\w+|#\[test\]|@Test\b")
_WEAKENING = re.compile(
    r"pytest\.(?:mark\.)?(?:skip|xfail)|unittest\.skip|\bskipTest\s*\(|\b(?:it|test|describe)\.skip\b|\bx(?:it|describe)\s*\(|assert\s+True\b|\|\|\s*true\b|@(?:Disabled|Ignore)\b|t\.Skip\("
)


@dataclass(frozen=True)
class Change:
    """The lines of a diff, without their marks; blank lines left out."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    creates: bool
    deletes: bool

    @property
    def net_assertions(self) -> int:
        """Assertions added less assertions removed."""
        return _count(_ASSERTION, self.added) - _count(_ASSERTION, self.removed)

    @property
    def net_tests(self) -> int:
        """Tests added less tests removed."""
        return _count(_TEST_DEFINITION, self.added) - _count(_TEST_DEFINITION, self.removed)

    @property
    def weakenings(self) -> int:
        """Lines added that switch a test off or make it pass whatever happens."""
        return _count(_WEAKENING, self.added)


def read_diff(diff: str) -> Change:
    """The changed lines of a unified diff. A line that looks like a file header is one,
    unless its hunk still has room for it."""
    lines: dict[str, list[str]] = {"+": [], "-": []}
    hunk = _HunkRoom()
    creates = deletes = False
    for line in diff.split("\n"):
        mark = line[:1]
        if hunk.open and mark in ("+", "-", " ", ""):
            hunk.take(mark)
        elif line.startswith("@@"):
            hunk.start(line)
        elif line.startswith(("--- ", "+++ ", "new file mode", "deleted file mode")):
            creates = creates or line.startswith(("--- /dev/null", "new file mode"))
            deletes = deletes or line.startswith(("+++ /dev/null", "deleted file mode"))
            continue
        if mark in lines and line[1:].strip():
            lines[mark].append(line[1:].rstrip())
    return Change(tuple(lines["+"]), tuple(lines["-"]), creates or hunk.from_nothing, deletes)


def kind_of_file(path: str) -> FileKind:
    """Whether a path looks like a test, a document or source code."""
    if _TEST_PATH.search(path):
        return "test"
    return "document" if _DOCUMENT_PATH.search(path) else "source"


def is_scratch_name(path: str) -> bool:
    """Whether the file's name says that it is there for trying something out."""
    return _SCRATCH_NAME.match(path.rsplit("/", 1)[-1]) is not None


class _HunkRoom:
    """How many lines the current hunk still has, by its header."""

    _HEADER = re.compile(r"@@ -([0-9]{1,9})(?:,([0-9]{1,9}))? \+([0-9]{1,9})(?:,([0-9]{1,9}))? @@")

    def __init__(self) -> None:
        self._old = self._new = 0
        self.from_nothing = False

    @property
    def open(self) -> bool:
        return self._old > 0 or self._new > 0

    def start(self, line: str) -> None:
        match = self._HEADER.match(line)
        if match is not None:
            self._old, self._new = int(match[2] or 1), int(match[4] or 1)
            self.from_nothing = self.from_nothing or (match[1] == "0" and self._old == 0)

    def take(self, mark: str) -> None:
        self._old -= mark != "+"
        self._new -= mark != "-"


def _count(pattern: re.Pattern[str], lines: tuple[str, ...]) -> int:
    return sum(pattern.search(line) is not None for line in lines)
