"""Is an edit what it says it is? The rules of blame, and how a replay goes on after an edit that is not.

An edit is refuted where it contradicts what the events before it made of its file. Whatever follows is not blamed for that: an
edit of a file in doubt is confirmed where a hash proves its beginning and its end, and unverifiable otherwise. So of two edits
that were swapped the one that came too early is refuted, and of an edit that was dropped, the next one of the same file.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from app.models.events import CodeEdit, CodeEditData
from app.models.replay import Check, ClaimStatus, EditOutcome
from app.rules.diffs import DiffError
from app.rules.history import FileState, FileVersion, Gap, History, Mark
from app.rules.ledger import EditAttempt, attempt_edit, describe_checks, excuse_of, sha256_of, snapshot_bytes
from app.rules.patches import FilePatch, split_patch, undo_patch
from app.utils.paths import normalise_path


@dataclass(frozen=True)
class EditRuling:
    """What became of an edit."""

    status: ClaimStatus
    reason: str
    checks: tuple[Check, ...]
    outcome: EditOutcome
    path: str
    """The file's name after the edit."""
    sha256_after: str | None


@dataclass(frozen=True)
class _Edit:
    """An edit, read."""

    mark: Mark
    data: CodeEditData
    patch: FilePatch
    source: str
    """The file that it changes."""
    target: str
    """What the file is called afterwards."""


class EditRuler:
    """Takes the edits of a session in order."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._early: dict[str, list[_Edit]] = {}
        self.late: dict[int, Mark] = {}
        """Refuted edits by their place, with the event behind which they do fit."""
        self._coming: dict[str, str | None] = {}
        self._expected: dict[int, str | None] = {}

    def expect(self, path: str, sha256: str | None) -> None:
        """Note what a file holds at the end of the session (``None``: it is not there)."""
        self._coming[path] = sha256

    def foresee(self, mark: Mark, event: CodeEdit) -> None:
        """Note what an edit says that its file held before, where it is known what it held after. To be told the last edit
        first, so that what is known of the end reaches back as far as it goes."""
        path = event.data.file_path
        if path in self._coming:
            self._expected[mark.index] = self._coming.pop(path)
        with suppress(DiffError):
            edit = self._read(mark, event.data)
            self._history.remember(self._content_before(edit))
            if event.data.hash_before is not None or edit.patch.creates:
                self._coming[edit.source] = event.data.hash_before

    def rule(self, mark: Mark, event: CodeEdit) -> EditRuling:
        """What becomes of the next edit."""
        data = event.data
        if data.file_path in self._history.unreadable:
            return self._unreadable(mark, data)
        try:
            edit = self._read(mark, data)
        except DiffError as error:
            edit = _Edit(mark, data, FilePatch(data.diff), data.file_path, data.file_path)
            checks = (Check(what="diff", claimed="fits", found=str(error), agrees=False),)
            return self._contradicted(edit, EditAttempt(checks, fits=False, problem=str(error)))
        attempt = attempt_edit(self._history.state(edit.source).content, data, edit.patch)
        return self._accepted(edit, attempt) if attempt.agrees else self._contradicted(edit, attempt)

    def _read(self, mark: Mark, data: CodeEditData) -> _Edit:
        parts = split_patch(data.diff)
        if len(parts) > 1:
            raise DiffError("it is a diff of several files")
        patch = parts[0] if parts else FilePatch(data.diff)
        source, target = _names(patch, data.file_path)
        return _Edit(mark, data, patch, source, target)

    def _accepted(self, edit: _Edit, attempt: EditAttempt) -> EditRuling:
        doubt = self._history.state(edit.source).doubt
        is_proven = doubt is None or attempt.is_proven
        self._become(edit, attempt.after, known_at=edit.mark.index if is_proven else None, doubt=None if is_proven else doubt)
        is_proven = self._apply_early(edit.target, edit.mark) or is_proven
        if doubt is not None and not is_proven:
            return self._ruling(edit, "unverifiable", _rests_on(edit.source, doubt), attempt, "applied")
        return self._ruling(edit, "confirmed", _agreement(attempt), attempt, "applied")

    def _contradicted(self, edit: _Edit, here: EditAttempt) -> EditRuling:
        history, state = self._history, self._history.state(edit.source)
        excuse = excuse_of(edit.data) or ("it does not hold what the file became" if here.is_lost else None)
        change = history.change_since(state.known_at)
        is_settled = here.fits and here.holds("hash_after") is True
        elsewhere = self._elsewhere(edit)
        if elsewhere is not None and (state.doubt is not None or change is not None):
            return self._picked_up(edit, elsewhere)
        if excuse is not None:
            status, reason = _unverifiable(excuse)
        elif is_settled or (state.doubt is None and change is None):
            status, reason = "refuted", describe_checks(here.checks)
        elif state.doubt is not None:
            status, reason = _unverifiable(_rests_on(edit.source, state.doubt))
        else:
            assert change is not None  # noqa: S101 -- the case before this one
            status, reason = _unverifiable(f"{change.name} may have changed {edit.source} in a way that no edit records")
        if status == "refuted" and not is_settled:
            self._note_gap(edit, here, state)
        outcome = self._go_on(edit, here, elsewhere, status)
        return self._ruling(edit, status, reason, here, outcome)

    def _note_gap(self, edit: _Edit, here: EditAttempt, state: FileState) -> None:
        """The file was not as the event found it: something happened that no event records, or this comes too early."""
        if here.fits and here.holds("hash_before") is not False:
            return
        found = self._content_before(edit)
        version = FileVersion(found, self._is_executable(edit.source)) if found is not None else None
        self._history.gaps.append(Gap(edit.source, state.known_at, edit.mark, version, is_known=version is not None))
        if edit.data.hash_before is not None or not here.fits:
            self._early.setdefault(edit.source, []).append(edit)

    def _elsewhere(self, edit: _Edit) -> EditAttempt | None:
        """The edit, tried on the content whose hash it names; ``None`` where that is not known or does not prove it."""
        content = self._content_before(edit)
        if content is None:
            return None
        attempt = attempt_edit(content, edit.data, edit.patch)
        return attempt if attempt.agrees else None

    def _content_before(self, edit: _Edit) -> bytes | None:
        """What the event says the file held: known by its hash, or by undoing the edit on what it says it made."""
        claimed = edit.data.hash_before
        content = self._history.known(claimed)
        after = snapshot_bytes(edit.data) or self._history.known(edit.data.hash_after)
        if content is None and claimed is not None and after is not None:
            try:
                undone = undo_patch(after, edit.patch)
            except DiffError:
                return None
            content = undone if sha256_of(undone) == claimed else None
        return content

    def _picked_up(self, edit: _Edit, attempt: EditAttempt) -> EditRuling:
        """The file was in doubt; now a hash says what it held, and that is known."""
        self._become(edit, attempt.after, known_at=edit.mark.index)
        self._apply_early(edit.target, edit.mark)
        return self._ruling(
            edit, "confirmed", f"{_agreement(attempt)}; the file is known again by its hash", attempt, "picked_up"
        )

    def _go_on(self, edit: _Edit, here: EditAttempt, elsewhere: EditAttempt | None, status: ClaimStatus) -> EditOutcome:
        """Give the file the content that the best evidence speaks for."""
        state = self._history.state(edit.source)
        if here.fits and here.holds("hash_after"):
            self._become(edit, here.after, known_at=edit.mark.index)
            return "applied"
        doubt = edit.mark if status == "refuted" or state.doubt is None else state.doubt
        brought = snapshot_bytes(edit.data)
        content = brought if brought is not None else self._history.known(edit.data.hash_after)
        if content is None and elsewhere is not None:
            content = elsewhere.after
        if content is not None:
            is_hashed = status != "refuted" and sha256_of(content) == edit.data.hash_after
            self._become(edit, content, known_at=edit.mark.index if is_hashed else None, doubt=None if is_hashed else doubt)
            return "picked_up"
        if here.fits:
            self._become(edit, here.after, doubt=doubt)
            return "applied"
        state.doubt = doubt
        return "not_applied"

    def _apply_early(self, path: str, mark: Mark) -> bool:
        """Apply the edits that came too early and fit now. Returns whether there was one."""
        waiting = self._early.pop(path, [])
        for edit in list(waiting):
            attempt = attempt_edit(self._history.state(path).content, edit.data, edit.patch)
            if attempt.agrees and self._leads_on(path, mark, attempt.after):
                waiting.remove(edit)
                self._become(edit, attempt.after, known_at=mark.index)
                self.late[edit.mark.index] = mark
        is_applied = any(late is mark for late in self.late.values())
        if waiting:
            self._early[path] = waiting
        return is_applied

    def _leads_on(self, path: str, mark: Mark, after: bytes | None) -> bool:
        """Whether another content of the file agrees better with what is to come than the one that it has."""
        if mark.index not in self._expected:
            return True
        expected = self._expected[mark.index]
        return sha256_of(after) == expected or sha256_of(self._history.state(path).content) != expected

    def _is_executable(self, path: str) -> bool:
        version = self._history.state(path).version
        return version is not None and version.executable

    def _become(self, edit: _Edit, content: bytes | None, *, known_at: int | None = None, doubt: Mark | None = None) -> None:
        history = self._history
        is_executable = self._is_executable(edit.source) if edit.patch.executable is None else edit.patch.executable
        version = None if content is None else FileVersion(content, is_executable)
        history.remember(content)
        if edit.target != edit.source and not edit.patch.is_copy:
            history.state(edit.source).become(None, known_at=known_at, doubt=doubt)
        history.state(edit.target).become(version, known_at=known_at, doubt=doubt)

    def _ruling(self, edit: _Edit, status: ClaimStatus, reason: str, attempt: EditAttempt, outcome: EditOutcome) -> EditRuling:
        after = self._history.state(edit.target).version
        sha256 = after.sha256 if after is not None else None
        return EditRuling(status, reason, attempt.checks, outcome, edit.target, sha256)

    def _unreadable(self, mark: Mark, data: CodeEditData) -> EditRuling:
        state = self._history.state(data.file_path)
        state.doubt = state.doubt or mark
        return EditRuling("unverifiable", "the file is too large to be held", (), "not_applied", data.file_path, None)


def touched_paths(diff: str, file_path: str | None = None) -> set[str]:
    """Every file that a diff names, and the one that its event names."""
    paths = set() if file_path is None else {file_path}
    try:
        parts = split_patch(diff)
    except DiffError:
        return paths
    return paths | {
        path for part in parts for name in (part.old_path, part.new_path) if (path := normalised_name(name)) is not None
    }


def in_words(ruling: EditRuling, late: Mark | None) -> EditRuling:
    """The ruling, with the event behind which the edit does fit."""
    return ruling if late is None else replace(ruling, reason=f"{ruling.reason}; it does fit after {late.name}")


def _names(patch: FilePatch, file_path: str) -> tuple[str, str]:
    """What the file is called before and after; the event's own name for it counts unless the patch renames it."""
    old, new = normalised_name(patch.old_path), normalised_name(patch.new_path)
    if (patch.is_rename or patch.is_copy) and old is not None and new is not None and file_path in (old, new):
        return old, new
    return file_path, file_path


def normalised_name(name: str | None) -> str | None:
    """The name of a file as paths are stored; ``None`` where it is none inside the repository."""
    try:
        return normalise_path(name) if name else None
    except ValueError:
        return None


def _agreement(attempt: EditAttempt) -> str:
    proven = [check.what for check in attempt.checks if check.agrees and check.what != "diff"]
    return f"the diff fits, with {' and '.join(proven)}" if proven else "the diff fits"


def _rests_on(path: str, doubt: Mark) -> str:
    return f"rests on {doubt.name}, after which it is not known what {path} held"


def _unverifiable(reason: str) -> tuple[ClaimStatus, str]:
    return "unverifiable", reason
