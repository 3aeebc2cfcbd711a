"""Finding what a trace speaks of: its artifacts, or the operator's repository."""

from __future__ import annotations

from pathlib import Path

from app.models.events import CodeEdit
from app.models.trace import ArtifactRef, Trace
from app.qa.base import Tree
from app.qa.trees import ArchiveTree, FolderTree, TreeError, commit_tree
from app.qa.workspaces import Workspaces
from app.storage.base import ArtifactStore
from app.utils.archives import ArchiveLimits
from app.utils.paths import normalise_path


class WorkspaceFinder:
    """Gathers the trees of a trace."""

    def __init__(self, artifacts: ArtifactStore, repos_dir: Path | None, limits: ArchiveLimits) -> None:
        self._artifacts = artifacts
        self._repos_dir = repos_dir
        self._limits = limits

    def find(self, trace: Trace) -> Workspaces:
        """The trees that are known. What was uploaded with the trace comes before the operator's repository."""
        edited = frozenset(event.data.file_path for event in trace.events if isinstance(event, CodeEdit))
        final = self._tree(trace.artifacts.get("final_workspace"), known_paths=edited)
        base: Tree | None = self._tree(trace.artifacts.get("workspace"), known_paths=edited)
        given = [name for name, tree in (("workspace", base), ("final_workspace", final)) if tree is not None]
        origin = f"the trace's {' and '.join(given)} artifact{'s' * (len(given) > 1)}" if given else "nowhere"
        problem = None
        if base is None:
            try:
                base, origin = self._configured(trace) or (None, origin)
            except TreeError as error:
                problem = str(error)
        if base is None and final is None and problem is None:
            problem = f"no workspace was uploaded, and no repository is configured under the name {trace.repo.name!r}"
        return Workspaces(base=base, final=final, tests=self._tests(trace, base), origin=origin, problem=problem)

    def _tests(self, trace: Trace, base: Tree | None) -> Tree | None:
        ref = trace.artifacts.get("tests")
        if ref is None:
            return None
        # "tests/…" alone in an archive is the folder of the repository, not a wrapper around it
        folders = frozenset(file.path.partition("/")[0] for file in base.files() if "/" in file.path) if base else frozenset()
        return self._tree(ref, keep_folders=folders | {"tests", "test"})

    def _tree(
        self,
        ref: ArtifactRef | None,
        keep_folders: frozenset[str] = frozenset(),
        known_paths: frozenset[str] = frozenset(),
    ) -> ArchiveTree | None:
        if ref is None:
            return None
        return ArchiveTree(lambda: self._artifacts.open(ref.sha256), ref.size_bytes, self._limits, keep_folders, known_paths)

    def _configured(self, trace: Trace) -> tuple[Tree, str] | None:
        """The operator's repository of the trace's name: its commit from before the fix, or, without history, the folder."""
        folder = self._folder(trace.repo.name)
        if folder is None:
            return None
        if not (folder / ".git").exists():
            return FolderTree(folder), f"the configured folder {trace.repo.name}"
        commit = trace.repo.commit_before
        if commit is None:
            raise TreeError(f"the configured repository {trace.repo.name} is there, but the trace names no commit_before")
        return commit_tree(folder, commit, self._limits), f"the configured repository {trace.repo.name} at {commit}"

    def _folder(self, name: str | None) -> Path | None:
        if self._repos_dir is None or name is None:
            return None
        try:
            folder = (self._repos_dir / normalise_path(name)).resolve()
        except ValueError:
            return None
        inside = folder.is_relative_to(self._repos_dir.resolve())
        return folder if inside and folder != self._repos_dir.resolve() and folder.is_dir() else None
