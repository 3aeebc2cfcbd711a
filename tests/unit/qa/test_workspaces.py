"""Which trees are tested, and with whose tests."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from app.qa.base import Tree
from app.qa.trees import TreeError
from app.qa.workspaces import TestedTrees, Workspaces, trees_to_test
from tests.builders import a_trace, an_edit, events
from tests.replaying import MemoryTree

BASE = {"till.py": b"old\n", "tests/test_a.py": b"old test\n", "tests/test_b.py": b"other\n", "tests/data.txt": b"old data\n"}
FINAL = {**BASE, "till.py": b"new\n"}


def contents(tree: Tree | None) -> dict[str, bytes]:
    assert tree is not None
    return {file.path: file.content.read() for file in tree.files()}


def trees(
    final: Mapping[str, bytes] | None, tests: Mapping[str, bytes] | None = None, base: Mapping[str, bytes] | None = BASE
) -> TestedTrees:
    """The trees of a session that began with ``base`` and ended with ``final``."""
    given = Workspaces(
        base=MemoryTree(base) if base is not None else None,
        final=MemoryTree(final) if final is not None else None,
        tests=MemoryTree(tests) if tests is not None else None,
        origin="here",
    )
    return trees_to_test(a_trace(), given)


def test_the_tests_of_the_end_are_run_on_both_trees() -> None:
    found = trees({**FINAL, "tests/test_a.py": b"new test\n"})

    assert contents(found.after) == {**FINAL, "tests/test_a.py": b"new test\n"}
    assert contents(found.before) == {**BASE, "tests/test_a.py": b"new test\n"}


def test_without_changed_tests_there_is_no_guard() -> None:
    found = trees(FINAL)

    assert (found.guard, found.changed_tests) == (None, frozenset())


def test_a_new_test_needs_no_guard() -> None:
    found = trees({**FINAL, "tests/test_new.py": b"new\n"})

    assert (found.guard, found.changed_tests) == (None, frozenset())


@pytest.mark.parametrize("new", [{"tests/test_a.py": b"weaker\n"}, {}])
def test_where_a_test_was_changed_or_removed_the_new_code_is_run_with_the_old_tests(new: dict[str, bytes]) -> None:
    final = {path: content for path, content in FINAL.items() if path != "tests/test_a.py"} | new

    found = trees(final)

    assert found.changed_tests == {"tests/test_a.py"}
    assert contents(found.guard) == {**BASE, "till.py": b"new\n"}
    assert contents(found.base) == BASE


@pytest.mark.parametrize(
    "path",
    ["tests/conftest.py", "conftest.py", "pytest.ini", "tox.ini", "tests/helper.py", "tests/data.txt", "tests/__init__.py"],
)
def test_a_change_to_what_tests_rest_on_changes_all_of_them(path: str) -> None:
    found = trees({**FINAL, path: b"changed\n"})

    assert found.changed_tests == {"tests/test_a.py", "tests/test_b.py", "tests/data.txt"}
    assert contents(found.guard) == {**BASE, "till.py": b"new\n"}


def test_trusted_tests_are_laid_over_the_tests_from_before() -> None:
    final = {**FINAL, "tests/test_a.py": b"weaker\n", "tests/conftest.py": b"hooks\n", "tests/data.txt": b"bent\n"}
    trusted = {"tests/test_a.py": b"trusted\n"}

    found = trees(final, trusted)

    assert contents(found.before) == {**BASE, "tests/test_a.py": b"trusted\n"}
    assert contents(found.after) == {**BASE, "till.py": b"new\n", "tests/test_a.py": b"trusted\n"}
    assert found.guard is None
    assert found.tests_from == "the trace's tests artifact"


def test_trusted_tests_are_laid_over_the_end_where_nothing_is_known_of_before() -> None:
    found = trees(FINAL, {"tests/test_a.py": b"trusted\n"}, base=None)

    assert contents(found.after) == {**FINAL, "tests/test_a.py": b"trusted\n"}
    assert (found.before, found.guard) == (None, None)


def test_without_a_tree_from_before_only_the_end_is_tested() -> None:
    found = trees(FINAL, base=None)

    assert contents(found.after) == FINAL
    assert (found.before, found.base, found.guard, found.changed_tests) == (None, None, None, frozenset())


def test_without_a_final_tree_the_recorded_edits_lead_there() -> None:
    edit = an_edit("till.py", "@@ -1 +1 @@\n-old\n+new\n")

    found = trees_to_test(a_trace(events=events(edit)), Workspaces(base=MemoryTree(BASE), origin="here"))

    assert contents(found.after) == FINAL
    assert found.trees_from == "here, with 1 recorded edits applied"


def test_without_any_tree_the_problem_is_named() -> None:
    with pytest.raises(TreeError, match="nothing was uploaded"):
        trees_to_test(a_trace(), Workspaces(problem="nothing was uploaded"))
