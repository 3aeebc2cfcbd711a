"""The tree of a session at one moment: the workspace it began with, and over it the files that were changed since.

The workspace is read once from beginning to end; of files that nobody changes only the hash is kept.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from app.qa.base import Tree, TreeFile
from app.qa.trees import travels
from app.rules.history import FileVersion

MAX_TOUCHED_FILE_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True)
class FileDigest:
    """A file without its content."""

    sha256: str
    executable: bool


@dataclass(frozen=True)
class Inventory:
    """What a tree holds: every file by its hash, and the content of those that are wanted."""

    digests: Mapping[str, FileDigest]
    contents: Mapping[str, FileVersion]
    too_large: frozenset[str] = frozenset()
    """Wanted files that are too large to be held."""


def take_inventory(tree: Tree, wanted: Collection[str]) -> Inventory:
    """Read a tree once.

    Raises:
        TreeError: the tree cannot be read.
        CorruptError: a stored archive is damaged.
    """
    digests: dict[str, FileDigest] = {}
    contents: dict[str, FileVersion] = {}
    too_large: set[str] = set()
    for file in tree.files():
        if file.path in wanted and file.size_bytes <= MAX_TOUCHED_FILE_BYTES:
            version = FileVersion(file.content.read(file.size_bytes), file.executable)
            contents[file.path] = version
            digests[file.path] = FileDigest(version.sha256, file.executable)
            continue
        if file.path in wanted:
            too_large.add(file.path)
        digests[file.path] = FileDigest(_hash_of(file), file.executable)
    return Inventory(digests, contents, frozenset(too_large))


def _hash_of(file: TreeFile) -> str:
    digest, left = hashlib.sha256(), file.size_bytes
    while left > 0 and (block := file.content.read(min(left, _BLOCK_BYTES))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


@dataclass(frozen=True)
class OverlaidTree:
    """A tree with some files replaced, added or (``None``) taken away."""

    base: Tree
    overlay: Mapping[str, FileVersion | None] = field(default_factory=dict)

    def files(self) -> Iterator[TreeFile]:
        """See ``Tree.files``."""
        yield from (file for file in self.base.files() if file.path not in self.overlay)
        for path, version in sorted(self.overlay.items()):
            if version is not None:
                yield TreeFile(path, len(version.content), io.BytesIO(version.content), version.executable)


def digests_with(base: Mapping[str, FileDigest], overlay: Mapping[str, FileVersion | None]) -> dict[str, FileDigest]:
    """The files of a tree with an overlay, by their hashes."""
    found = {path: digest for path, digest in base.items() if path not in overlay}
    found.update({path: FileDigest(version.sha256, version.executable) for path, version in overlay.items() if version})
    return found


def tree_hash(digests: Mapping[str, FileDigest]) -> str:
    """SHA-256 over path, mode and content of every file that enters a container, in the order of their paths."""
    total = hashlib.sha256()
    for path in sorted(digests):
        if travels(path):
            digest = digests[path]
            total.update(f"{path}\0{'755' if digest.executable else '644'}\0{digest.sha256}\n".encode("utf-8", "surrogatepass"))
    return total.hexdigest()
