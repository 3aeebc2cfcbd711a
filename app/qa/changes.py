"""What differs between two trees, found without holding either of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from app.qa.base import Tree, TreeFile, read_tree
from app.rules.suspicions import ChangedFile
from app.rules.syntax import MAX_SOURCE_BYTES
from app.rules.testfiles import is_test_file

_PIECE_BYTES = 1 << 18
_RECORDS = frozenset({".git", ".hg", ".svn", "__pycache__"})
_OF_TOOLS = frozenset(
    {".venv", "venv", "node_modules", "vendor", ".tox", ".nox", ".cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
)


@dataclass(frozen=True)
class ChangeLimits:
    """How much of the changed files is brought into memory. What exceeds it counts by its name alone."""

    file_bytes: int = MAX_SOURCE_BYTES
    total_bytes: int = 4 * 1024 * 1024
    """Of the changed files, before and after together."""
    tests_bytes: int = 2 * 1024 * 1024
    """Of the test files that did not change."""
    files: int = 2000


@dataclass(frozen=True)
class _Seen:
    digest: bytes
    size_bytes: int


def changed_files(base: Tree, final: Tree, limits: ChangeLimits = ChangeLimits()) -> tuple[ChangedFile, ...]:
    """The files that are not the same in both trees; and, unchanged, as many of the test files as there is room for.

    Raises:
        TreeError: a tree cannot be read.
        CorruptError: a stored archive is damaged.
    """
    old, new = _seen(base), _seen(final)
    differing = (path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    changed = sorted(differing, key=lambda path: (_is_of_tools(path), path))[: limits.files]
    whole = _within(changed, old, new, limits.file_bytes, limits.total_bytes)
    tests = sorted(path for path in old.keys() & new.keys() if old[path] == new[path] and is_test_file(path))
    tests = _within(tests, {}, new, limits.file_bytes, limits.tests_bytes)
    before = read_tree(base, whole, limits.file_bytes)
    after = read_tree(final, [*whole, *tests], limits.file_bytes)
    parts = set(changed) - set(whole)
    return (
        *(ChangedFile(path, before.get(path), after.get(path)) for path in whole),
        *(ChangedFile(path, _mark(path, old), _mark(path, new), is_whole=False) for path in sorted(parts)),
        *(ChangedFile(path, after.get(path), after.get(path)) for path in tests),
    )


def _seen(tree: Tree) -> dict[str, _Seen]:
    return {file.path: _Seen(_digest(file), file.size_bytes) for file in tree.files() if not _is_record(file.path)}


def _is_record(path: str) -> bool:
    """Version control and bytecode: they change with everything, and do not travel."""
    return not _RECORDS.isdisjoint(path.split("/")[:-1]) or path.endswith((".pyc", ".pyo"))


def _is_of_tools(path: str) -> bool:
    """What tools put in place: looked at where there is room left."""
    return not _OF_TOOLS.isdisjoint(path.split("/")[:-1])


def _digest(file: TreeFile) -> bytes:
    digest = hashlib.sha256()
    left = file.size_bytes
    while left > 0 and (piece := file.content.read(min(left, _PIECE_BYTES))):
        digest.update(piece)
        left -= len(piece)
    return digest.digest()


def _within(
    paths: list[str], old: Mapping[str, _Seen], new: Mapping[str, _Seen], file_bytes: int, total_bytes: int
) -> list[str]:
    """Those of which no side is too large, as many as there is room for."""
    chosen = []
    for path in paths:
        sizes = [side[path].size_bytes for side in (old, new) if path in side]
        if max(sizes) <= file_bytes and sum(sizes) <= total_bytes:
            total_bytes -= sum(sizes)
            chosen.append(path)
    return chosen


def _mark(path: str, side: Mapping[str, _Seen]) -> bytes | None:
    """Something for a content that is not looked into; nothing where there is no file."""
    return b"" if path in side else None
