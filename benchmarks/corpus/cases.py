"""A case on disk: a tree from before a change, the change, the tests to go by, and what is expected of it.

FOLDER/NAME/case.json    title, test_command, fail_to_pass, pass_to_pass, pass_to_fail, fail_to_fail; expected node ids
FOLDER/NAME/base         the tree before, as a folder or as ``base.tar.gz``
FOLDER/NAME/final        the tree after, likewise; or fix.diff, which ``git apply`` takes
FOLDER/NAME/tests        trusted test files, likewise; none where the trees hold them
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.qa.base import Tree
from app.qa.trees import ArchiveTree, FolderTree
from app.utils.archives import ArchiveLimits

LIMITS = ArchiveLimits(max_files=50_000, max_bytes=1 << 30)
KINDS = ("fail_to_pass", "pass_to_pass", "pass_to_fail", "fail_to_fail")


@dataclass(frozen=True)
class Expected:
    """The tests that both trees report, by what a plain run of each says of them."""

    fail_to_pass: frozenset[str]
    pass_to_pass: frozenset[str]
    pass_to_fail: frozenset[str]
    fail_to_fail: frozenset[str]

    @property
    def count(self) -> int:
        """How many tests there are."""
        return sum(len(getattr(self, kind)) for kind in KINDS)


@dataclass(frozen=True)
class Case:
    """One change."""

    name: str
    title: str
    test_command: str
    base: Tree
    final: Tree
    tests: Tree | None
    expected: Expected
    folder: Path


def load_cases(folder: Path) -> list[Case]:
    """Every case in a folder, by name.

    Raises:
        ValueError: a case lacks something; the message names it.
    """
    return [load_case(path.parent) for path in sorted(folder.glob("*/case.json"))]


def load_case(folder: Path) -> Case:
    """One case.

    Raises:
        ValueError: it lacks something.
    """
    document: dict[str, Any] = json.loads((folder / "case.json").read_text())
    base = _tree(folder / "base")
    if base is None:
        raise ValueError(f"{folder.name} has neither base/ nor base.tar.gz")
    final = _tree(folder / "final") or _patched(folder, base)
    return Case(
        name=folder.name,
        title=document.get("title", folder.name),
        test_command=document["test_command"],
        base=base,
        final=final,
        tests=_tree(folder / "tests"),
        expected=expected_from(document),
        folder=folder,
    )


def expected_from(document: Mapping[str, Any]) -> Expected:
    """The expectation as it stands in a case's document."""
    return Expected(**{kind: frozenset(document.get(kind, ())) for kind in KINDS})


def pack(files: Mapping[str, bytes], target: Path) -> None:
    """Write files as an archive, the same bytes for the same files."""
    with tarfile.open(target, "w:gz", compresslevel=6) as archive:
        for path, content in sorted(files.items()):
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def _tree(path: Path) -> Tree | None:
    if path.is_dir():
        return FolderTree(path)
    archive = path.with_name(path.name + ".tar.gz")
    if not archive.is_file():
        return None
    with tarfile.open(archive) as packed:
        tops = frozenset(name.partition("/")[0] for name in packed.getnames())
    # no folder in it is a wrapper
    return ArchiveTree(lambda: archive.open("rb"), archive.stat().st_size, LIMITS, keep_folders=tops)


def _patched(folder: Path, base: Tree) -> Tree:
    """The tree that ``fix.diff`` makes of the base, kept beside it."""
    diff = folder / "fix.diff"
    if not diff.is_file():
        raise ValueError(f"{folder.name} has neither final/, final.tar.gz nor fix.diff")
    with tempfile.TemporaryDirectory() as work:
        for file in base.files():
            target = Path(work, file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content.read())
        done = subprocess.run(
            ["git", "-C", work, "apply", "--whitespace=nowarn", str(diff.resolve())],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ValueError(f"{folder.name}: fix.diff does not apply: {done.stderr.strip()}")
        files = {path.relative_to(work).as_posix(): path.read_bytes() for path in Path(work).rglob("*") if path.is_file()}
    pack(files, folder / "final.tar.gz")
    found = _tree(folder / "final")
    assert found is not None
    return found
