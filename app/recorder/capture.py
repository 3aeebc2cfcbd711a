"""Turns what happened in a work tree into events: saves into edits, moves of HEAD into commits.

What a file holds is compared with what was told of it last. So it does not matter who noticed that something changed, or
when, or how often: the watcher, a command about to be run, or the first look after a recorder was killed all come to the same
edits.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.recorder.diffs import MAX_DIFF_CHARACTERS, FileContent, render_diff, says_how, without_content
from app.recorder.files import SeenFile, WorkTree, is_recorded
from app.recorder.known import KnownTree, known_now, load_known, save_known, told_hashes
from app.recorder.outbox import NewEvent, Outbox
from app.recorder.repository import ChangedFile, MadeCommit, makes_commit
from app.recorder.state import StateFolder, locked

SETTLE_S = 0.12
"""A save may be several steps, and the file missing or empty for a moment."""
MOST_COMMITTED_FILES = 500
_LANGUAGES = {"py": "python", "js": "javascript", "ts": "typescript", "go": "go", "rs": "rust", "java": "java", "c": "c",
              "h": "c", "cpp": "cpp", "rb": "ruby", "sh": "shell", "md": "markdown", "toml": "toml", "json": "json",
              "yml": "yaml", "yaml": "yaml", "html": "html", "css": "css", "sql": "sql"}  # fmt: skip
Found = Literal["at_start", "late", "in_commit"]
"""How an edit was found, where not by its save: in a tree that was changed when the recording began, after a time without a
watcher, or in a commit that holds the file as it was between two looks."""


@dataclass(frozen=True)
class _Commit:
    """A new commit, with what it makes of its files."""

    made: MadeCommit
    move: int
    files: Mapping[str, SeenFile | None]
    diff: str | None


@dataclass(frozen=True)
class Capture:
    """Looks at a work tree and writes down what changed."""

    folder: StateFolder
    tree: WorkTree
    outbox: Outbox
    settle_s: float = SETTLE_S

    def look(self, found: Found | None = None) -> int:
        """Write down what changed since the last look. Returns the number of events."""
        with locked(self.folder.lock("tree")):
            known = load_known(self.folder.tree, self.outbox)
            now = self._settled(known)
            reached = known_now(self.tree.repository, now)
            events = list(self._events(known, reached, found)) if _differ(known, reached) else []
            numbers = self.outbox.append(events)
            seq = numbers[-1] if numbers else known.seq
            if events or known.files != now or known.head != reached.head:
                save_known(self.folder.tree, replace(reached, seq=seq))
            return len(events)

    def _settled(self, known: KnownTree) -> dict[str, SeenFile]:
        now = self.tree.look(dict(known.files))
        if any(path not in now or now[path].stamp is None for path in _changed_paths(known.files, now)):
            time.sleep(self.settle_s)
            now = self.tree.look(dict(known.files))
        return now

    def _events(self, known: KnownTree, reached: KnownTree, found: Found | None) -> Iterator[NewEvent]:
        now = reached.files
        commits = list(self._new_commits(known, reached))
        told = self._told(known) if commits else {}
        files = dict(known.files)
        committed = {path for commit in commits for path in commit.files}
        # a new file may stand where a commit took a folder away, and is told behind it
        earlier = {path for path in _changed_paths(files, now) - committed if path in files}
        yield from self._edits(files, now, earlier, found)
        for commit in commits:
            # what nobody has seen a file hold was saved, committed, and saved again between two looks
            unseen = {path for path, seen in commit.files.items() if _sha256(seen) not in told.setdefault(path, {None})}
            between = {path for path in unseen if not _same(commit.files[path], now.get(path))}
            yield from self._edits(files, commit.files, unseen, found, between)
            for path in unseen:
                told[path].add(_sha256(commit.files[path]))
            yield _commit_event(commit)
        yield from self._edits(files, now, _changed_paths(files, now), found)

    def _edits(
        self,
        files: dict[str, SeenFile],
        now: Mapping[str, SeenFile | None],
        paths: set[str],
        found: Found | None,
        between: Collection[str] = (),
    ) -> Iterator[NewEvent]:
        """The edits that make ``files`` hold what they hold ``now``; deletions first, for a folder may need their place."""
        for path in sorted(paths, key=lambda path: (now.get(path) is not None, path)):
            before, after = files.get(path), now.get(path)
            how: Found | None = "in_commit" if path in between else found
            yield _edit_event(path, before, after, self.tree.content(before), self.tree.content(after), how)
            if after is None:
                files.pop(path, None)
            else:
                files[path] = after

    def _told(self, known: KnownTree) -> dict[str, set[str | None]]:
        """Everything that was told of each file, so far."""
        told: dict[str, set[str | None]] = {}
        for path, sha256 in told_hashes(self.outbox):
            told.setdefault(path, set()).add(sha256)
        for path, seen in known.files.items():
            told.setdefault(path, set()).add(seen.sha256)
        return told

    def _new_commits(self, known: KnownTree, reached: KnownTree) -> Iterator[_Commit]:
        repository = self.tree.repository
        if reached.moves:
            moves = list(enumerate(repository.moves()[: reached.moves], 1))[known.moves :]
            made = [(sha, number) for number, (sha, action) in moves if makes_commit(action)]
        else:
            made = [(sha, 0) for sha in repository.between(known.head, reached.head)] if reached.head is not None else []
        for sha, number in made:
            commit = repository.commit(sha)
            if commit is not None:
                yield self._read_commit(commit, number)

    def _read_commit(self, commit: MadeCommit, move: int) -> _Commit:
        changed = [
            file for file in self.tree.repository.changed(commit.parent, commit.sha) if is_recorded(file.path, is_tracked=True)
        ]
        if len(changed) > MOST_COMMITTED_FILES:
            return _Commit(commit, move, {}, None)
        files: dict[str, SeenFile | None] = {}
        parts: list[str] = []
        for file in changed:
            before, after = self._sides(file, commit)
            files[file.path] = after
            parts.append(render_diff(file.path, self.tree.content(before), self.tree.content(after)))
        diff = "".join(parts)
        return _Commit(commit, move, files, diff if len(diff) <= MAX_DIFF_CHARACTERS else "".join(map(without_content, parts)))

    def _sides(self, file: ChangedFile, commit: MadeCommit) -> tuple[SeenFile | None, SeenFile | None]:
        def at(sha: str | None, mode: str | None) -> SeenFile | None:
            if sha is None or mode is None:
                return None
            return self.tree.keep(self.tree.repository.content(sha, file.path), executable=mode == "100755")

        return at(commit.parent, file.before), at(commit.sha, file.after)


def _differ(known: KnownTree, reached: KnownTree) -> bool:
    return (known.head, known.moves) != (reached.head, reached.moves) or bool(_changed_paths(known.files, reached.files))


def _changed_paths(before: Mapping[str, SeenFile], after: Mapping[str, SeenFile]) -> set[str]:
    return {path for path in before.keys() | after.keys() if not _same(before.get(path), after.get(path))}


def _same(one: SeenFile | None, other: SeenFile | None) -> bool:
    return one is other or (one is not None and one.same_file(other))


def _sha256(seen: SeenFile | None) -> str | None:
    return seen.sha256 if seen is not None else None


def _edit_event(
    path: str,
    before: SeenFile | None,
    after: SeenFile | None,
    old: FileContent | None,
    new: FileContent | None,
    found: Found | None,
) -> dict[str, Any]:
    diff = render_diff(path, old, new)
    kept = after or before
    extra: dict[str, Any] = {"mode": new.mode if new is not None else None, "is_held": kept is not None and kept.is_held}
    if found is not None:
        extra["found"] = found
    if not says_how(diff):
        extra["cut"] = ["diff"]
    if any(seen is not None and seen.holds_secrets for seen in (before, after)):
        extra["redacted"] = ["diff"]
    event: dict[str, Any] = {"type": "file_edit", "file_path": path, "diff_unified": diff, "extra": extra}
    if before is not None:
        event["buffer_hash_before"] = before.sha256
    if after is not None:
        event["buffer_hash_after"] = after.sha256
    language = _LANGUAGES.get(path.rpartition(".")[2])
    return event | ({"language": language} if language else {})


def _commit_event(commit: _Commit) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": "commit",
        "sha": commit.made.sha,
        "message": commit.made.message,
        "extra": {"head_moves": commit.move},
    }
    if commit.made.parent is not None:
        event["parent_sha"] = commit.made.parent
    if commit.diff is not None:
        event["diff"] = commit.diff
    return event
