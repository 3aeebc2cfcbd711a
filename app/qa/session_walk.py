"""The walk through a session: every event in reading order, on the tree as the events before it left it.

A run that contradicts its event refutes it only where it is known what the tree held: not while a file is in doubt, not behind
a command that may have changed files, and not within a gap that a later event shows. In a gap it is confirmed where it ends as
claimed with the file as that event shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from app.models.commands import SplitCommand
from app.models.events import (
    CodeEdit,
    Commit,
    Event,
    FileClose,
    FileOpen,
    ReasoningStep,
    TerminalCommand,
    TerminalCommandData,
    TestResult,
)
from app.models.qa import TestRun
from app.models.replay import Check, Claim, ClaimKind, ClaimStatus, ReplayedEdit
from app.qa.base import RunResult, Tree
from app.qa.replay_runs import Runs
from app.qa.worktree import FileDigest, Inventory, OverlaidTree, digests_with, tree_hash
from app.rules.commit_rulings import CommitRuler
from app.rules.edit_rulings import EditRuler, EditRuling, in_words
from app.rules.history import BEFORE_EVERYTHING, Gap, History, Mark, mark_of
from app.rules.ledger import check_command, check_test_command, check_test_result, describe_checks, status_of
from app.rules.repeatable import changes_files, is_test_run, kind_of, repeatable

OVER = "the time budget was over"
_REDACTED = "[REDACTED:"
_MAX_OTHER_TREES = 64
"""Most contradictions that are looked at again in the light of later events: each holds on to its tree."""
_WORDS = {
    "died": "ended before its tests were over",
    "timed_out": "ran out of time",
    "out_of_memory": "ran out of memory",
    "could_not_run": "could not be made",
    "unbelievable": "cannot be believed",
}


@dataclass(frozen=True)
class _Test:
    """A test run that an event claims, ready to be made on a tree."""

    text: str
    command: SplitCommand
    check: Callable[[TestRun], tuple[Check, ...]]
    tree: OverlaidTree
    """Of the time of the event."""


@dataclass(frozen=True)
class _Draft:
    """A claim, before it is known what later events show."""

    mark: Mark
    kind: ClaimKind
    status: ClaimStatus
    reason: str
    evidence: tuple[Check, ...] = ()
    doubt: str | None = None
    """Why a contradiction shows nothing."""
    edit: EditRuling | None = None
    test: _Test | None = None
    """What contradicts the event, to be made again where the tree turns out to have been another."""


class SessionWalk:
    """Takes the events of one session, one after the other."""

    def __init__(
        self,
        base: Tree,
        inventory: Inventory,
        history: History,
        edits: EditRuler,
        commits: CommitRuler,
        runs: Runs,
        suite: SplitCommand | None,
        root: str | None,
        *,
        replay_commands: bool,
    ) -> None:
        """``suite`` is the trace's own test command, ``root`` the folder that the session took for its workspace."""
        self._base = base
        self._inventory = inventory
        self._history = history
        self._edits = edits
        self._commits = commits
        self._runs = runs
        self._suite = suite
        self._root = root
        self._replay_commands = replay_commands
        self._drafts: list[_Draft] = []
        self._agreed_at = BEFORE_EVERYTHING
        self._contradictions = 0
        self._tree: tuple[OverlaidTree, str] | None = None

    def take(self, index: int, event: Event) -> None:
        """Carry out the next event."""
        mark = mark_of(index, event)
        match event:
            case CodeEdit():
                self._edit(mark, event)
            case TestResult():
                self._test_result(mark, event)
            case TerminalCommand():
                self._command(mark, event.data)
            case Commit():
                ruling = self._commits.rule(mark, event)
                self._drafts.append(_Draft(mark, "commit", ruling.status, ruling.reason, ruling.checks))
            case FileOpen() | FileClose() | ReasoningStep():
                pass
            case _:
                assert_never(event)

    def claims(self) -> tuple[Claim, ...]:
        """Every claim, in reading order, once the last event has been taken."""
        return tuple(self._claim(draft) for draft in self._drafts)

    def edits(self) -> tuple[ReplayedEdit, ...]:
        """What became of each edit."""
        return tuple(
            ReplayedEdit(
                seq=draft.mark.seq,
                event_id=draft.mark.event_id,
                file_path=draft.edit.path,
                outcome=draft.edit.outcome,
                sha256_after=draft.edit.sha256_after,
            )
            for draft in self._drafts
            if draft.edit is not None
        )

    def digests(self) -> dict[str, FileDigest]:
        """Every file as it is now, by its hash."""
        return digests_with(self._inventory.digests, self._history.overlay())

    def tree_hash(self) -> str:
        """The hash of the tree as it is now."""
        return self._now()[1]

    def _now(self) -> tuple[OverlaidTree, str]:
        if self._tree is None:
            self._tree = OverlaidTree(self._base, self._history.overlay()), tree_hash(self.digests())
        return self._tree

    def _edit(self, mark: Mark, event: CodeEdit) -> None:
        self._tree = None
        ruling = self._edits.rule(mark, event)
        self._drafts.append(_Draft(mark, "edit", ruling.status, ruling.reason, ruling.checks, edit=ruling))

    def _test_result(self, mark: Mark, event: TestResult) -> None:
        data = event.data
        kind = kind_of(data.test_command)
        if kind.split is None or _REDACTED in data.test_command:
            self._leave(mark, "test_run", kind.problem or "secrets were replaced in its command")
            return
        self._test(mark, "test_run", data.test_command, kind.split, lambda run: check_test_result(data, run))

    def _command(self, mark: Mark, data: TerminalCommandData) -> None:
        kind = kind_of(data.command)
        if changes_files(data.command):
            self._history.last_change = mark
            self._leave(mark, "command", "it changes files, and is not run again")
        elif kind.split is None or _REDACTED in data.command:
            self._leave(mark, "command", kind.problem or "secrets were replaced in it")
        elif is_test_run(kind.split.argv, self._suite.argv if self._suite is not None else None):
            if self._is_elsewhere(data.cwd):
                self._leave(mark, "command", "it was run in another folder")
            else:
                self._test(mark, "command", data.command, kind.split, lambda run: check_test_command(data, run))
        else:
            self._other_command(mark, data, kind.split)

    def _other_command(self, mark: Mark, data: TerminalCommandData, command: SplitCommand) -> None:
        how = repeatable(command.argv) if not self._is_elsewhere(data.cwd) else None
        if how is None or not self._replay_commands:
            words = "it is not among the commands that are safe to repeat" if how is None else "nobody asked for it"
            self._leave(mark, "command", f"it is not run again: {words}")
            return
        result = self._runs.command(self._now()[0], command)
        if result is None or result.kind != "exited":
            self._leave(mark, "command", OVER if result is None else f"its run did not end: {result.reason or result.kind}")
            return
        checks = check_command(data, result.exit_code, _whole_output(result))
        self._settle(mark, "command", checks, None if how == "exactly" else "it may rest on files that were not sent")

    def _test(
        self, mark: Mark, kind: ClaimKind, text: str, command: SplitCommand, check: Callable[[TestRun], tuple[Check, ...]]
    ) -> None:
        tree, digest = self._now()
        run = self._runs.test(tree, digest, text, command)
        if run is None:
            self._leave(mark, kind, OVER)
            return
        if run.outcome != "completed":
            self._leave(mark, kind, f"its run {_WORDS[run.outcome]}: {run.reason}")
            return
        checks = check(run)
        test = None
        if status_of(checks) == "refuted":
            test = self._kept(_Test(text, command, check, tree))
            again = self._runs.test(tree, digest, text, command, attempt=1)
            if again is not None and again.outcome == "completed" and status_of(check(again)) != "refuted":
                self._leave(mark, kind, "its tests do not end alike each time on the tree of its time", checks)
                return
        self._settle(mark, kind, checks, None, test)

    def _kept(self, test: _Test) -> _Test | None:
        self._contradictions += 1
        return test if self._contradictions <= _MAX_OTHER_TREES else None

    def _settle(
        self, mark: Mark, kind: ClaimKind, checks: tuple[Check, ...], doubt: str | None, test: _Test | None = None
    ) -> None:
        """Note what a run shows, with what stands against its showing anything."""
        status = status_of(checks)
        doubt = doubt or self._doubt()
        if status == "confirmed":
            self._agreed_at = mark.index
        words = describe_checks(checks)
        reason = {
            "confirmed": f"run again on the tree of its time: the same {words}",
            "refuted": f"run again on the tree of its time: {words}",
            "unverifiable": words,
        }
        self._drafts.append(_Draft(mark, kind, status, reason[status], checks, doubt, test=test))

    def _leave(self, mark: Mark, kind: ClaimKind, reason: str, checks: Sequence[Check] = ()) -> None:
        self._drafts.append(_Draft(mark, kind, "unverifiable", reason, tuple(checks)))

    def _doubt(self) -> str | None:
        """Why the tree may not be what it was in the session."""
        found = self._history.doubt()
        if found is not None:
            return f"rests on {found[1].name}, after which it is not known what {found[0]} held"
        change = self._history.change_since(self._agreed_at)
        return f"{change.name} may have changed files in a way that no edit records" if change is not None else None

    def _is_elsewhere(self, cwd: str | None) -> bool:
        return cwd not in (None, "", ".", "./") and cwd != self._root

    def _claim(self, draft: _Draft) -> Claim:
        if draft.edit is not None:
            draft = replace(draft, reason=in_words(draft.edit, self._edits.late.get(draft.mark.index)).reason)
        elif draft.status == "refuted" and draft.doubt is not None:
            draft = replace(draft, status="unverifiable", reason=f"{draft.doubt}; {draft.reason}")
        elif draft.status == "refuted" and draft.kind in ("test_run", "command"):
            draft = self._beside_gaps(draft)
        return Claim(
            seq=draft.mark.seq,
            event_id=draft.mark.event_id,
            kind=draft.kind,
            status=draft.status,
            reason=draft.reason,
            evidence=draft.evidence,
        )

    def _beside_gaps(self, draft: _Draft) -> _Draft:
        """A contradiction in the light of what later events show: the tree may have been another."""
        gaps = self._history.gaps_at(draft.mark.index)
        if not gaps:
            return draft
        names = ", ".join(dict.fromkeys(f"{gap.path} as {gap.shown_by.name} shows it" for gap in gaps))
        checks = self._on_other_tree(draft.test, gaps) if draft.test is not None else None
        if checks is not None and status_of(checks) == "confirmed":
            reason = f"run again with {names}, which no event records: the same {describe_checks(checks)}"
            return replace(draft, status="confirmed", reason=reason, evidence=checks)
        return replace(draft, status="unverifiable", reason=f"it may rest on {names}, which no event records; {draft.reason}")

    def _on_other_tree(self, test: _Test, gaps: Sequence[Gap]) -> tuple[Check, ...] | None:
        """The comparison on the tree with the gaps filled; ``None`` where it could not be made."""
        overlay = {**test.tree.overlay, **{gap.path: gap.found for gap in gaps if gap.is_known}}
        digest = tree_hash(digests_with(self._inventory.digests, overlay))
        run = self._runs.test(OverlaidTree(self._base, overlay), digest, test.text, test.command)
        return test.check(run) if run is not None and run.outcome == "completed" else None


def _whole_output(result: RunResult) -> str | None:
    if result.output_bytes > len(result.output_head) + len(result.output_tail):
        return None
    return (result.output_head + result.output_tail).decode("utf-8", "replace")
