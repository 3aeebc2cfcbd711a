"""Replay: a session carried out again, from the workspace it began with, claim by claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.errors import CorruptError
from app.models.commands import SplitCommand
from app.models.events import CodeEdit, Commit, Event, TerminalCommand
from app.models.replay import Check, Claim, ClaimCounts, ClaimKind, ClaimStatus, EndComparison, Replay, ReplayResult
from app.models.trace import Trace
from app.qa.base import Sandbox, Tree
from app.qa.held import HeldSandbox
from app.qa.images import in_image
from app.qa.replay_runs import Runs, SuiteRunner
from app.qa.run_cache import RunCache
from app.qa.session_walk import SessionWalk
from app.qa.suites import Suites
from app.qa.trees import TreeError, travels
from app.qa.workspaces import Workspaces
from app.qa.worktree import FileDigest, Inventory, take_inventory, tree_hash
from app.rules.commit_rulings import CommitRuler
from app.rules.edit_rulings import EditRuler, touched_paths
from app.rules.history import Gap, History, Mark, mark_of
from app.rules.repeatable import kind_of
from app.utils.clock import Clock

_PATHS_SHOWN = 20
_LEFT_BY_TOOLS = frozenset({".coverage", ".eggs", ".git", ".hypothesis", ".idea", ".mypy_cache", ".nox", ".pytest_cache",
                            ".ruff_cache", ".tox", ".venv", ".vscode", "__pycache__", "node_modules", "venv"})  # fmt: skip
_KINDS: dict[str, ClaimKind] = {
    "code_edit": "edit",
    "test_result": "test_run",
    "terminal_command": "command",
    "commit": "commit",
}


@dataclass(frozen=True)
class ReplayTask:
    """A session to be replayed."""

    trace: Trace
    workspaces: Workspaces
    test_command: str | None = None
    """Instead of the trace's own."""
    replay_commands: bool = False
    left_out: str | None = None
    """What of the session is not here, and why."""


class Replayer:
    """Replays sessions. What was run once is not run again while the cache holds it."""

    def __init__(self, sandbox: Sandbox, suites: SuiteRunner | None, cache: RunCache, clock: Clock, budget_s: float) -> None:
        """Without ``suites`` tests, like everything else, are run in the ``sandbox``."""
        self._sandbox = sandbox
        self._suites = suites
        self._cache = cache
        self._clock = clock
        self._budget_s = budget_s

    def replay(self, task: ReplayTask) -> ReplayResult:
        """The replay with its claims. Whatever stands in the way is part of the answer."""
        started = self._clock()
        trace, base = task.trace, task.workspaces.base
        if base is None:
            reason = task.workspaces.problem or "the workspace that the session began with was not given"
            return _not_possible(trace, reason)
        sandbox = in_image(self._sandbox, task.workspaces)
        try:
            # one place from the first run to the last: starting another one takes longer than most runs
            with sandbox.sessions(1) as (session, *_):
                result = self._replay(task, base, HeldSandbox(sandbox, session))
        except (TreeError, CorruptError) as error:
            return _not_possible(trace, str(error))
        duration_s = (self._clock() - started).total_seconds()
        return result.model_copy(update={"replay": result.replay.model_copy(update={"duration_s": duration_s})})

    def _replay(self, task: ReplayTask, base: Tree, sandbox: Sandbox) -> ReplayResult:
        trace, wanted = task.trace, _touched(task.trace.events)
        inventory = take_inventory(base, wanted)
        final = take_inventory(task.workspaces.final, wanted) if task.workspaces.final is not None else None
        known = [version.content for version in final.contents.values()] if final is not None else []
        history = History(inventory.contents, known, inventory.too_large)
        edits, commits = EditRuler(history), CommitRuler(history, trace.repo.commit_before)
        _foresee(trace, edits, final, wanted, history)
        runs = Runs(sandbox, self._suites or Suites(sandbox), self._cache, self._clock, self._budget_s)
        walk = SessionWalk(
            base,
            inventory,
            history,
            edits,
            commits,
            runs,
            _suite(task),
            _root(trace.events),
            replay_commands=task.replay_commands,
        )
        before = walk.tree_hash()
        for index, event in enumerate(trace.events):
            walk.take(index, event)
        ends = _ends(trace, walk, final, history, commits)
        claims = (*walk.claims(), *_final_claims(ends))
        reasons = [task.left_out, _over(runs, self._budget_s)]
        replay = Replay(
            outcome="partial" if any(reasons) else "completed",
            reason="; ".join(reason for reason in reasons if reason) or None,
            counts=_counted(claims),
            edits=walk.edits(),
            ends=ends,
            tree_before=before,
            tree_after=tree_hash(walk.digests()),
            runs_executed=runs.executed,
            runs_from_cache=runs.from_cache,
        )
        return ReplayResult(trace_id=trace.trace_id, replay=replay, claims=claims)


def _not_possible(trace: Trace, reason: str) -> ReplayResult:
    claims = tuple(
        Claim(
            seq=event.seq,
            event_id=event.event_id,
            kind=_KINDS[event.event_type],
            status="unverifiable",
            reason=f"not replayed: {reason}",
        )
        for event in trace.events
        if event.event_type in _KINDS
    )
    replay = Replay(outcome="not_possible", reason=reason, counts=_counted(claims))
    return ReplayResult(trace_id=trace.trace_id, replay=replay, claims=claims)


def _counted(claims: Sequence[Claim]) -> ClaimCounts:
    counts = Counter(claim.status for claim in claims)
    return ClaimCounts(confirmed=counts["confirmed"], refuted=counts["refuted"], unverifiable=counts["unverifiable"])


def _over(runs: Runs, budget_s: float) -> str | None:
    if not runs.left_out:
        return None
    return f"the time budget of {budget_s:g} s was over; {runs.left_out} run{'s' * (runs.left_out != 1)} had no time"


def _touched(events: Sequence[Event]) -> frozenset[str]:
    """Every file that an edit or a commit names."""
    found: set[str] = set()
    for event in events:
        if isinstance(event, CodeEdit):
            found |= touched_paths(event.data.diff, event.data.file_path)
        elif isinstance(event, Commit):
            found |= touched_paths(event.data.diff or "")
    return frozenset(found)


def _foresee(trace: Trace, edits: EditRuler, final: Inventory | None, wanted: frozenset[str], history: History) -> None:
    """Have hashes understood that speak of what commits and the end of the session show."""
    scout = CommitRuler(history, trace.repo.commit_before)
    for event in trace.events:
        if isinstance(event, Commit):
            scout.foresee(event)
    if final is not None:
        for path in wanted:
            edits.expect(path, _content_of(final.digests, path))
    for index in reversed(range(len(trace.events))):
        event = trace.events[index]
        if isinstance(event, CodeEdit):
            edits.foresee(mark_of(index, event), event)


def _suite(task: ReplayTask) -> SplitCommand | None:
    text = task.test_command or task.trace.repo.test_command
    return kind_of(text).split if text is not None else None


def _root(events: Sequence[Event]) -> str | None:
    """The folder that commands were run in, as far as they say: the one that all others lie in."""
    folders = {event.data.cwd for event in events if isinstance(event, TerminalCommand) and event.data.cwd}
    return min(folders, key=lambda folder: (len(folder), folder)) if folders else None


def _ends(
    trace: Trace, walk: SessionWalk, final: Inventory | None, history: History, commits: CommitRuler
) -> tuple[EndComparison, ...]:
    """Where the session ends, beside where it says it ends. To be asked for before the claims: it shows gaps."""
    ends = []
    if final is not None:
        ends.append(_final_end(walk.digests(), final, history, len(trace.events)))
    committed = [event for event in trace.events if isinstance(event, Commit) and event.data.diff]
    if committed and _is_commit_after(trace, committed[-1]):
        differing = commits.end()
        words = f"differing: {_names(differing)}" if differing else "every committed file is as the commit's diff says"
        shown = _shown(differing)
        ends.append(EndComparison(against="commit_after", equal=not differing, reason=words, differing=shown))
    return tuple(ends)


def differing_paths(replayed: Mapping[str, FileDigest], final: Mapping[str, FileDigest]) -> list[str]:
    """The files that are not the same in both trees, but for what tools leave behind beside the code."""
    paths = sorted(replayed.keys() | final.keys())
    return [path for path in paths if _content_of(replayed, path) != _content_of(final, path) and _counts(path, replayed)]


def _counts(path: str, replayed: Mapping[str, FileDigest]) -> bool:
    return travels(path) and (path in replayed or _LEFT_BY_TOOLS.isdisjoint(path.split("/")))


def _content_of(digests: Mapping[str, FileDigest], path: str) -> str | None:
    found = digests.get(path)
    return found.sha256 if found is not None else None


def _final_end(replayed: Mapping[str, FileDigest], final: Inventory, history: History, end: int) -> EndComparison:
    differing = differing_paths(replayed, final.digests)
    if not differing:
        return EndComparison(against="final_workspace", equal=True, reason="the replay ends where the session does")
    shown = _shown(differing)
    excuse = _excuse(differing, history)
    if excuse is not None:
        return EndComparison(against="final_workspace", equal=None, reason=excuse, differing=shown)
    mark = Mark(end, label="the final workspace")
    for path in differing:
        is_known = path in final.contents or path not in final.digests
        history.gaps.append(Gap(path, history.state(path).known_at, mark, final.contents.get(path), is_known=is_known))
    return EndComparison(against="final_workspace", equal=False, reason=f"differing: {_names(differing)}", differing=shown)


def _excuse(differing: list[str], history: History) -> str | None:
    """Why a difference at the end contradicts nothing."""
    doubts = [history.state(path).doubt for path in differing]
    if all(doubts) and doubts[0] is not None:
        return f"rests on {doubts[0].name}, after which it is not known what {differing[0]} held"
    changes = [history.change_since(history.state(path).known_at) for path in differing]
    if all(changes) and changes[0] is not None:
        return f"{changes[0].name} may have changed {differing[0]} in a way that no edit records"
    return None


def _final_claims(ends: Sequence[EndComparison]) -> Iterator[Claim]:
    statuses: dict[bool | None, ClaimStatus] = {True: "confirmed", False: "refuted", None: "unverifiable"}
    for end in ends:
        if end.against == "final_workspace":
            check = Check(what="differing", claimed=[], found=[*end.differing], agrees=end.equal)
            status = statuses[end.equal]
            yield Claim(seq=None, event_id=None, kind="final_workspace", status=status, reason=end.reason, evidence=(check,))


def _is_commit_after(trace: Trace, commit: Commit) -> bool:
    expected = trace.repo.commit_after
    return expected is not None and (commit.data.sha.startswith(expected) or expected.startswith(commit.data.sha))


def _shown(paths: Sequence[str]) -> tuple[str, ...]:
    """The first paths, as text: a folder of the operator's may hold names that are none."""
    return tuple(path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for path in paths[:_PATHS_SHOWN])


def _names(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(_shown(paths)[:3]) + more
