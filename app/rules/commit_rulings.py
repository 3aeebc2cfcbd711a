"""Is a commit's diff what the edits made? Compared by what the files hold afterwards, not by how the diff is written.

A commit need not hold everything that was edited, and may hold a file as it was at an earlier moment. Its id cannot be
recomputed without the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.models.events import Commit
from app.models.replay import Check, ClaimStatus
from app.rules.diffs import DiffError
from app.rules.edit_rulings import normalised_name
from app.rules.history import FileVersion, Gap, History, Mark
from app.rules.ledger import noted, sha256_of
from app.rules.patches import FilePatch, LostContentError, apply_patch, split_patch

_PATHS_SHOWN = 10


@dataclass(frozen=True)
class CommitRuling:
    """What became of a commit's claim."""

    status: ClaimStatus
    reason: str
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class _Part:
    """One file of a commit: what it holds after it by the commit's own diff."""

    path: str
    content: bytes | None
    problem: str | None = None
    """Why that is not known."""
    is_contradiction: bool = False
    """The diff does not fit what it says it starts from."""


class CommitRuler:
    """Takes the commits of a session in order, beside the history of its files."""

    def __init__(self, history: History, commit_before: str | None) -> None:
        self._history = history
        self._last_commit = commit_before
        self._committed: dict[str, FileVersion | None] = {}

    def foresee(self, event: Commit) -> None:
        """Note what a commit's diff says of its files, so that a hash which speaks of it is understood before the commit."""
        for part in self._parts(event):
            self._commit(part)

    def rule(self, mark: Mark, event: Commit) -> CommitRuling:
        """What becomes of the next commit's claim."""
        data = event.data
        sha = Check(what="sha", claimed=data.sha, found=None, agrees=None)
        if not data.diff or not data.diff.strip():
            return CommitRuling(
                "unverifiable", "it holds no diff, and its id cannot be recomputed without the repository", (sha,)
            )
        parts = list(self._parts(event))
        for part in parts:
            self._commit(part)
        self._last_commit = data.sha
        unknown = next((part for part in parts if part.problem is not None and not part.is_contradiction), None)
        if unknown is not None:
            return CommitRuling("unverifiable", f"its diff of {unknown.path} {unknown.problem}", (sha,))
        wrong = [part for part in parts if part.is_contradiction or not self._agrees(part)]
        check = _check([part.path for part in parts], [part.path for part in wrong])
        if not wrong:
            for part in parts:
                self._settle(part, mark)
            words = f"{len(parts)} file{'s' * (len(parts) != 1)}"
            return CommitRuling("confirmed", f"its diff of {words} is what the edits made", (check, sha))
        return self._ruled_out(mark, wrong, (check, sha))

    def end(self) -> list[str]:
        """The committed files that do not hold at the end what the last commit says."""
        return sorted(
            path for path, version in self._committed.items() if _content(version) != self._history.state(path).content
        )

    def _ruled_out(self, mark: Mark, wrong: list[_Part], checks: tuple[Check, ...]) -> CommitRuling:
        excuses = [self._excuse(part) for part in wrong]
        excuse = next((excuse for excuse in excuses if excuse is not None), None)
        if excuse is not None and all(excuses):
            return CommitRuling("unverifiable", excuse, checks)
        blamed = next(part for part, excuse in zip(wrong, excuses, strict=True) if excuse is None)
        for part in wrong:
            state = self._history.state(part.path)
            if not part.is_contradiction:
                is_executable = state.version is not None and state.version.executable
                found = None if part.content is None else FileVersion(part.content, is_executable)
                self._history.gaps.append(Gap(part.path, state.known_at, mark, found, is_known=True))
                state.doubt = state.doubt or mark
        words = blamed.problem if blamed.is_contradiction else "is not what the edits made of it"
        return CommitRuling("refuted", f"its diff of {blamed.path} {words}", checks)

    def _excuse(self, part: _Part) -> str | None:
        state = self._history.state(part.path)
        if part.is_contradiction:
            return None
        if state.doubt is not None:
            return f"rests on {state.doubt.name}, after which it is not known what {part.path} held"
        change = self._history.change_since(state.known_at)
        return f"{change.name} may have changed {part.path} in a way that no edit records" if change is not None else None

    def _agrees(self, part: _Part) -> bool:
        return sha256_of(part.content) in self._history.state(part.path).seen

    def _settle(self, part: _Part, mark: Mark) -> None:
        state = self._history.state(part.path)
        if part.content == state.content:
            state.become(state.version, known_at=mark.index)

    def _parts(self, event: Commit) -> Iterator[_Part]:
        try:
            patches = split_patch(event.data.diff or "")
        except DiffError as error:
            yield _Part("", None, f"cannot be read: {error}")
            return
        is_redacted = bool(noted(event.data.extra, "redacted")) or "[REDACTED:" in (event.data.diff or "")
        for patch in patches:
            yield from self._part(patch, event.data.parent_sha, is_redacted=is_redacted)

    def _part(self, patch: FilePatch, parent: str | None, *, is_redacted: bool) -> Iterator[_Part]:
        path, source = normalised_name(patch.path), normalised_name(patch.old_path or patch.path)
        if path is None or source is None:
            yield _Part(patch.path or "", None, "names no file of the repository")
            return
        if {path, source} & self._history.unreadable:
            yield _Part(path, None, "is of a file too large to be held")
            return
        try:
            content = apply_patch(_content(self._before(source)), patch)
        except LostContentError as error:
            yield _Part(path, None, f"cannot be compared: {error}")
            return
        except DiffError as error:
            starts_here = parent is not None and _same_commit(parent, self._last_commit) and not is_redacted
            where = "does not fit the commit that it stands on" if starts_here else "does not start from what is known"
            yield _Part(path, None, f"{where}: {error}", is_contradiction=starts_here)
            return
        if is_redacted and not self._agrees(_Part(path, content)):
            yield _Part(path, None, "holds places where secrets were replaced")
            return
        yield _Part(path, content)
        if patch.is_rename and source != path:
            yield _Part(source, None)

    def _before(self, path: str) -> FileVersion | None:
        return self._committed[path] if path in self._committed else self._history.base(path)

    def _commit(self, part: _Part) -> None:
        if part.problem is None:
            self._history.remember(part.content)
            self._committed[part.path] = None if part.content is None else FileVersion(part.content)


def _content(version: FileVersion | None) -> bytes | None:
    return version.content if version is not None else None


def _same_commit(one: str, other: str | None) -> bool:
    return other is not None and min(len(one), len(other)) >= 4 and (one.startswith(other) or other.startswith(one))


def _check(paths: list[str], wrong: list[str]) -> Check:
    found = [path for path in paths if path not in wrong]
    return Check(what="diff", claimed=[*paths[:_PATHS_SHOWN]], found=[*found[:_PATHS_SHOWN]], agrees=not wrong)
