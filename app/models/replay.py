"""The replay of a session: what each event claims, beside what came of carrying it out again."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from app.models.base import Sha256, Value
from app.models.commands import TestCommand

ClaimStatus = Literal["confirmed", "refuted", "unverifiable"]
ClaimKind = Literal["edit", "test_run", "command", "commit", "final_workspace"]
ReplayOutcome = Literal["completed", "partial", "not_possible"]
EditOutcome = Literal["applied", "picked_up", "not_applied"]
"""``picked_up``: the diff does not say what the file became, but other evidence does."""


class Check(Value):
    """One thing that an event says, beside what was found."""

    what: str
    claimed: JsonValue
    found: JsonValue
    agrees: bool | None
    """``null``: the two cannot be compared."""


class Claim(Value):
    """What one event claims, and whether it is so."""

    seq: int | None
    """The event; ``null`` for what the trace claims as a whole."""
    event_id: str | None
    kind: ClaimKind
    status: ClaimStatus
    reason: str
    """Why, in one line."""
    evidence: tuple[Check, ...] = ()


class ReplayedEdit(Value):
    """What became of a file by one edit."""

    seq: int | None
    event_id: str | None
    file_path: str
    outcome: EditOutcome
    sha256_after: Sha256 | None = None
    """Of the file as the replay has it after this event; ``null`` where it is not there."""


class EndComparison(Value):
    """Where the session ends, beside where it says it ends."""

    against: Literal["final_workspace", "commit_after"]
    equal: bool | None
    """``null``: it could not be established."""
    reason: str
    differing: tuple[str, ...] = ()
    """The first paths that differ."""


class ClaimCounts(Value):
    """How many claims came out how."""

    confirmed: int = 0
    refuted: int = 0
    unverifiable: int = 0


class Replay(Value):
    """The session, carried out again from the workspace that it began with."""

    outcome: ReplayOutcome
    """``partial``: something was left out, and ``reason`` says what."""
    reason: str | None = None
    counts: ClaimCounts = ClaimCounts()
    edits: tuple[ReplayedEdit, ...] = ()
    ends: tuple[EndComparison, ...] = ()
    tree_before: Sha256 | None = None
    """Hash of the workspace, over paths, modes and contents."""
    tree_after: Sha256 | None = None
    runs_executed: int = 0
    """Runs in the sandbox."""
    runs_from_cache: int = 0
    """Runs whose tree and command had been run before."""
    duration_s: float | None = None


class ReplayResult(Value):
    """A replay with the claims that it settles."""

    trace_id: str
    replay: Replay
    claims: tuple[Claim, ...]


class ReplayRequest(Value):
    """How a session is to be replayed; what is left out comes from the trace and the settings."""

    test_command: TestCommand | None = None
    """A command in a terminal counts as a test run where it is this one, instead of the trace's own."""
    replay_commands: bool = False
    """Run other commands again, too, where they are safe and repeatable."""
