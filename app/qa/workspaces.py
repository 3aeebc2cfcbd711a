"""What is known of the code that a trace speaks of, and the trees that are tested."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.models.events import CodeEdit
from app.models.trace import Trace
from app.qa.base import Tree, read_tree
from app.qa.trees import ChangedTree, LaidOverTree, MixedTree, TreeError
from app.rules.diffs import DiffError, apply_diff
from app.rules.testfiles import is_test_file, is_test_module

_MAX_EDITED_FILE_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 1 << 18


@dataclass(frozen=True)
class Workspaces:
    """What is known of the code that a trace speaks of."""

    base: Tree | None = None
    """From before the fix."""
    final: Tree | None = None
    """From after the fix, where it was given rather than to be derived from the edits."""
    tests: Tree | None = None
    """Trusted tests; where given, the only authority."""
    origin: str = "nowhere"
    """Where the trees come from, in words."""
    problem: str | None = None
    """Why there is none, where there is none."""
    image: str | None = None
    """The image that has what the code needs; the sandbox's own where it is left out."""
    image_problem: str | None = None
    """Why the image that the trace asks for cannot be had, where it cannot."""


@dataclass(frozen=True)
class TestedTrees:
    """The trees that are tested."""

    __test__ = False

    before: Tree | None
    after: Tree
    final: Tree
    """What the session made of it, as it stands."""
    base: Tree | None
    """All as it was before; the judge of which tests there are to run."""
    guard: Tree | None
    """The code after the fix with the tests from before it; where the session changed or removed tests."""
    changed_tests: frozenset[str]
    """The test files from before that the session changed or removed."""
    tests_from: str
    trees_from: str


def trees_to_test(trace: Trace, given: Workspaces, named: frozenset[str] = frozenset()) -> TestedTrees:
    """The trees to test. ``named`` are files that count as tests because the test command rests on them.

    Raises:
        TreeError: there is none, or the recorded edits do not lead from one to the other.
    """
    if given.base is None and given.final is None:
        raise TreeError(given.problem or "no workspace was given")
    final, origin = given.final, given.origin

    def is_test(path: str) -> bool:
        return path in named or is_test_file(path)

    if final is None:
        assert given.base is not None  # noqa: S101 -- one of the two is there
        edits = [event for event in trace.events if isinstance(event, CodeEdit)]
        final = ChangedTree(given.base, _apply_edits(given.base, edits))
        origin = f"{origin}, with {len(edits)} recorded edits applied"
    if given.tests is not None:
        return _with_trusted_tests(given.base, final, given.tests, origin, is_test)
    if given.base is None:
        return TestedTrees(None, final, final, None, None, frozenset(), "the tree after the fix", origin)
    before = MixedTree(code=given.base, tests=final, is_test=is_test)
    changed = _changed_tests(given.base, final, is_test)
    guard = MixedTree(code=final, tests=given.base, is_test=is_test) if changed else None
    return TestedTrees(before, final, final, given.base, guard, changed, "the tree after the fix", origin)


def _with_trusted_tests(
    base: Tree | None, final: Tree, tests: Tree, origin: str, is_test: Callable[[str], bool]
) -> TestedTrees:
    """The trusted tests over the tests from before: what the session did to tests and their settings plays no part."""
    if base is None:
        return TestedTrees(
            None, LaidOverTree(final, tests), final, None, None, frozenset(), "the trace's tests artifact", origin
        )
    before = LaidOverTree(base, tests)
    after = LaidOverTree(MixedTree(code=final, tests=base, is_test=is_test), tests)
    return TestedTrees(before, after, final, before, None, frozenset(), "the trace's tests artifact", origin)


def _changed_tests(base: Tree, final: Tree, is_test: Callable[[str], bool]) -> frozenset[str]:
    """Test files from before that the session changed or removed; all of them where it touched what others rest on, such as
    a ``conftest.py``, settings, or a helper."""
    old, new = _hashes(base, is_test), _hashes(final, is_test)
    touched = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    if any(not is_test_module(path) for path in touched):
        return frozenset(old)
    return frozenset(touched & old.keys())


def _hashes(tree: Tree, is_chosen: Callable[[str], bool]) -> dict[str, bytes]:
    hashes: dict[str, bytes] = {}
    for file in tree.files():
        if is_chosen(file.path):
            digest = hashlib.sha256()
            left = file.size_bytes
            while left > 0 and (piece := file.content.read(min(left, _PIECE_BYTES))):
                digest.update(piece)
                left -= len(piece)
            hashes[file.path] = digest.digest()
    return hashes


def _apply_edits(base: Tree, edits: Sequence[CodeEdit]) -> dict[str, bytes | None]:
    try:
        contents: dict[str, bytes | None] = dict(
            read_tree(base, (edit.data.file_path for edit in edits), _MAX_EDITED_FILE_BYTES)
        )
    except ValueError as error:
        raise TreeError(str(error)) from error
    for number, edit in enumerate(edits, 1):
        path = edit.data.file_path
        try:
            contents[path] = apply_diff(contents.get(path), edit.data.diff)
        except DiffError as error:
            raise TreeError(f"edit {number} (event {edit.event_id}) does not apply to {path}: {error}") from error
    return contents
