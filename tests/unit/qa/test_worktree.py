"""The tree of a session at one moment."""

from __future__ import annotations

from app.qa import worktree
from app.qa.worktree import OverlaidTree, digests_with, take_inventory, tree_hash
from app.rules.history import FileVersion
from tests.replaying import MemoryTree

BASE = MemoryTree({"a.py": b"a", "b.py": b"b", "run.sh": b"x"}, frozenset({"run.sh"}))


def test_an_inventory_holds_hashes_of_all_and_contents_of_the_wanted() -> None:
    found = take_inventory(BASE, {"run.sh", "nowhere"})

    assert set(found.digests) == {"a.py", "b.py", "run.sh"}
    assert found.contents == {"run.sh": FileVersion(b"x", executable=True)}


def test_a_file_too_large_to_be_held_is_named() -> None:
    large = MemoryTree({"a.bin": bytes(worktree.MAX_TOUCHED_FILE_BYTES + 1)})

    found = take_inventory(large, {"a.bin"})

    assert found.too_large == {"a.bin"}
    assert found.contents == {}
    assert set(found.digests) == {"a.bin"}


def test_the_hash_is_that_of_the_tree_however_it_came_about() -> None:
    overlay = {"a.py": FileVersion(b"new"), "b.py": None, "c.py": FileVersion(b"c", executable=True)}
    inventory = take_inventory(BASE, overlay)

    overlaid = OverlaidTree(BASE, overlay)

    assert tree_hash(digests_with(inventory.digests, overlay)) == tree_hash(take_inventory(overlaid, ()).digests)
    assert [(file.path, file.content.read(), file.executable) for file in overlaid.files()] == [
        ("run.sh", b"x", True),
        ("a.py", b"new", False),
        ("c.py", b"c", True),
    ]


def test_the_hash_knows_names_modes_and_contents() -> None:
    hashes = {
        tree_hash(take_inventory(tree, ()).digests)
        for tree in (
            MemoryTree({"a": b"x", "b": b"y"}),
            MemoryTree({"a": b"y", "b": b"x"}),
            MemoryTree({"a": b"x"}),
            MemoryTree({"a": b"x", "b": b"y"}, frozenset({"a"})),
            MemoryTree({"a": b"x", "c": b"y"}),
        )
    }

    assert len(hashes) == 5


def test_the_hash_knows_neither_order_nor_what_does_not_travel() -> None:
    one = take_inventory(MemoryTree({"a": b"x", "b": b"y", "__pycache__/a.pyc": b"1", ".git/HEAD": b"2"}), ())
    other = take_inventory(MemoryTree({"b": b"y", "a": b"x"}), ())

    assert tree_hash(one.digests) == tree_hash(other.digests)
