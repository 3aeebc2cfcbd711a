"""Replays of sessions, with test runs that end as the test says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.models.qa import ImageRef, TestRun
from app.models.trace import Repo
from app.qa.base import RunResult, RunSpec
from app.qa.run_cache import FileRunCache
from tests.builders import NOON, a_thought, an_edit, an_event
from tests.fakes import ScriptedSandbox
from tests.replaying import (
    COMMAND,
    ScriptedSuites,
    a_change,
    a_command,
    a_result,
    a_run,
    a_terminal_run,
    replayed,
    statuses,
)

BASE = {"a.py": b"bug\nbug\n", "b.py": b"x\n"}
ONE, NONE = b"ok\nbug\n", b"ok\nok\n"
SESSION = (
    a_terminal_run(0, 2),
    a_result(0, 2),
    a_change("a.py", BASE["a.py"], ONE),
    a_terminal_run(1, 1),
    a_result(1, 1),
    a_change("a.py", ONE, NONE),
    a_terminal_run(2, 0),
    a_result(2, 0),
)


class KnownImage(ScriptedSandbox):
    """A sandbox whose image can be told from others."""

    def image(self, name: str | None = None) -> ImageRef:
        return ImageRef(name="scripted", digest="sha256:1")


def test_an_honest_session_is_confirmed_and_no_tree_is_tested_twice() -> None:
    suites = ScriptedSuites()

    result = replayed(*SESSION, base=BASE, final={**BASE, "a.py": NONE}, suites=suites)

    assert statuses(result) == "c" * 9
    assert [(files["a.py"], command) for files, command in suites.runs] == [
        (BASE["a.py"], COMMAND),
        (ONE, COMMAND),
        (NONE, COMMAND),
    ]
    assert (result.replay.runs_executed, result.replay.runs_from_cache) == (3, 3)
    assert result.replay.outcome == "completed"
    assert result.replay.counts.confirmed == 9
    assert [end.equal for end in result.replay.ends] == [True]
    assert result.replay.tree_before != result.replay.tree_after
    assert [edit.outcome for edit in result.replay.edits] == ["applied", "applied"]


def changed(at: int, **data: Any) -> tuple[dict[str, Any], ...]:
    """The session with one event altered."""
    session = list(SESSION)
    session[at] = {**session[at], "data": {**session[at]["data"], **data}}
    return tuple(session)


@pytest.mark.parametrize(
    ("at", "data"),
    [
        (1, {"num_failed": 1}),
        (4, {"num_passed": 2}),
        (4, {"summary": "2 passed in 0.1s"}),
        (7, {"tests_passed": False}),
        (4, {"failed_tests": ["test_0"]}),
        (3, {"output": SESSION[0]["data"]["output"]}),
        (6, {"exit_code": 1}),
        (2, {"hash_before": "0" * 64}),
        (2, {"hash_after": "0" * 64}),
        (5, {"hash_before": "0" * 64}),
        (5, {"hash_after": "0" * 64}),
    ],
)
def test_one_altered_event_is_refuted_and_no_other(at: int, data: dict[str, Any]) -> None:
    result = replayed(*changed(at, **data), base=BASE)

    assert statuses(result) == "c" * at + "r" + "c" * (7 - at)
    assert result.claims[at].evidence


def test_of_a_dropped_edit_the_next_one_is_refuted_and_the_others_are_confirmed() -> None:
    third = b"ok\nok\nok\n"
    more = (a_change("a.py", NONE, third), a_result(3, 0))

    result = replayed(*SESSION[:2], *SESSION[3:], *more, base=BASE, final={**BASE, "a.py": third})

    assert statuses(result) == "cccc" + "r" + "cccc" + "c"
    assert "a.py as event 5 shows it, which no event records" in result.claims[2].reason


def test_without_later_evidence_the_runs_themselves_are_refuted() -> None:
    assert statuses(replayed(*SESSION[:5], *SESSION[6:], base=BASE)) == "ccccc" + "rr"


def test_a_final_workspace_shows_what_was_dropped() -> None:
    result = replayed(*SESSION[:5], *SESSION[6:], base=BASE, final={**BASE, "a.py": NONE})

    assert statuses(result) == "ccccc" + "cc" + "r"
    assert result.claims[-1].kind == "final_workspace"
    assert result.claims[-1].seq is None
    assert result.replay.ends[0].differing == ("a.py",)


def test_a_false_claim_beside_a_gap_is_not_confirmed_by_it() -> None:
    session = list(SESSION[:5] + SESSION[6:])
    session[6] = a_result(7, 0)

    assert statuses(replayed(*session, base=BASE, final={**BASE, "a.py": NONE})) == "ccccc" + "cu" + "r"


def test_an_edit_whose_effect_is_there_already_is_not_taken_for_one_that_came_too_early() -> None:
    deleted, made_again = a_change("c.py", b"c\n", None), a_change("c.py", None, b"c\n")

    assert statuses(replayed(deleted, made_again, base=BASE, final={**BASE, "c.py": b"c\n"})) == "rcc"


def test_two_swapped_edits_are_told() -> None:
    near = [b"bug\nbug\n", b"ok\nbug\n", b"fine\nbug\n"]

    result = replayed(a_change("a.py", near[1], near[2]), a_change("a.py", near[0], near[1]), a_result(1, 1), base=BASE)

    assert statuses(result) == "rcc"


@pytest.mark.parametrize("extra", ["__pycache__/a.cpython-311.pyc", ".pytest_cache/x", "node_modules/x/y.js"])
def test_what_tools_leave_behind_is_no_difference(extra: str) -> None:
    assert statuses(replayed(base=BASE, final={**BASE, extra: b""})) == "c"


@pytest.mark.parametrize("final", [{**BASE, "new.py": b""}, {"a.py": BASE["a.py"]}, {**BASE, "b.py": b"y\n"}])
def test_other_differences_at_the_end_are_refuted(final: Mapping[str, bytes]) -> None:
    assert statuses(replayed(base=BASE, final=final)) == "r"


def test_a_name_that_is_no_text_is_told_all_the_same() -> None:
    result = replayed(base={**BASE, "caf\udce9.py": b""}, final=BASE)

    assert result.replay.ends[0].differing == ("caf�.py",)
    assert result.model_dump_json()


def test_a_difference_behind_a_command_that_changes_files_is_nobodys_lie() -> None:
    stash = a_command("git stash")

    result = replayed(stash, a_result(2, 0), base=BASE, final={**BASE, "a.py": NONE})

    assert statuses(result) == "uuu"
    assert "event 1 may have changed" in result.claims[1].reason


def test_and_a_run_that_ends_as_claimed_clears_the_doubt() -> None:
    assert statuses(replayed(a_command("git stash"), a_result(0, 2), a_result(2, 0), base=BASE)) == "ucr"


def test_a_test_that_fails_now_and_then_refutes_nothing() -> None:
    suites = ScriptedSuites()
    suites.answer = lambda files, command: a_run({"a.py": b"ok" if len(suites.runs) % 2 else b"bug"})

    result = replayed(a_result(0, 1), base=BASE, suites=suites)

    assert statuses(result) == "u"
    assert "do not end alike" in result.claims[0].reason


@pytest.mark.parametrize("outcome", ["timed_out", "out_of_memory", "could_not_run", "unbelievable"])
def test_a_run_that_came_to_nothing_shows_nothing(outcome: Any) -> None:
    suites = ScriptedSuites(lambda files, command: TestRun(tree="replay", outcome=outcome, reason="because"))

    result = replayed(a_result(9, 0), a_terminal_run(9, 0), base=BASE, suites=suites)

    assert statuses(result) == "uu"
    assert "because" in result.claims[0].reason
    assert len(suites.runs) == 1


@pytest.mark.parametrize(
    "command", ["pytest | tail", "sh -c pytest", "pytest > out", "pytest tests/test_*.py", "'", "a [REDACTED:email]"]
)
def test_a_command_that_is_not_run_makes_no_claim_false(command: str) -> None:
    suites = ScriptedSuites()

    result = replayed(a_result(9, 0, command), a_terminal_run(9, 0, command), base=BASE, suites=suites)

    assert statuses(result) == "uu"
    assert suites.runs == []


def test_a_selection_is_run_as_it_was() -> None:
    suites = ScriptedSuites()

    replayed(a_result(0, 2, "pytest 'test_a.py::test_x[y]'", selection="test_a.py"), base=BASE, suites=suites)

    assert [command for _, command in suites.runs] == ["pytest 'test_a.py::test_x[y]'"]


def test_the_traces_own_command_is_a_test_run_in_a_terminal_too() -> None:
    repo = Repo(test_command="make check")

    assert statuses(replayed(a_terminal_run(0, 2, "make check"), base=BASE, repo=repo)) == "c"
    assert statuses(replayed(a_terminal_run(0, 2, "make all"), base=BASE, repo=repo)) == "u"
    assert statuses(replayed(a_terminal_run(0, 2, "make all"), base=BASE, repo=repo, test_command="make all")) == "c"


def test_a_run_in_another_folder_is_not_compared() -> None:
    session = (a_terminal_run(0, 2, cwd="/repo"), a_terminal_run(9, 0, cwd="/repo/sub"))

    assert statuses(replayed(*session, base=BASE)) == "cu"


def test_other_commands_are_run_when_asked_for() -> None:
    session = (
        a_command("cat a.py", "bug\nbug\n"),
        a_command("cat b.py", "y\n"),
        a_command("ls", "z\n"),
        a_command("python x.py"),
    )
    sandbox = ScriptedSandbox()

    def cat(spec: RunSpec, files: dict[str, bytes]) -> RunResult:
        content = files.get(spec.argv[-1], b"")
        return RunResult("exited", exit_code=0, output_head=content, output_bytes=len(content))

    sandbox.answer = cat

    assert statuses(replayed(*session, base=BASE, sandbox=sandbox)) == "uuuu"
    assert sandbox.runs == []
    result = replayed(*session, base=BASE, sandbox=sandbox, replay_commands=True)
    assert statuses(result) == "cruu"
    assert [spec.argv for spec, _ in sandbox.runs] == [("cat", "a.py"), ("cat", "b.py"), ("ls",)]
    assert "not sent" in result.claims[2].reason


def test_without_a_workspace_nothing_can_be_replayed() -> None:
    result = replayed(a_thought(), *SESSION, base=None)

    assert result.replay.outcome == "not_possible"
    assert statuses(result) == "u" * 8


def test_the_budget_ends_a_replay_and_says_so() -> None:
    moments = iter(range(1000))

    result = replayed(*SESSION, base=BASE, clock=lambda: NOON + timedelta(seconds=next(moments)), budget_s=2)

    assert statuses(result) == "ccc" + "uu" + "c" + "uu"
    assert {claim.reason for claim in result.claims if claim.status == "unverifiable"} == {"the time budget was over"}
    assert result.replay.outcome == "partial"
    assert result.replay.reason == "the time budget of 2 s was over; 4 runs had no time"


def test_what_was_left_out_is_said() -> None:
    result = replayed(base=BASE, left_out="commits were left out")

    assert (result.replay.outcome, result.replay.reason) == ("partial", "commits were left out")


def test_an_interrupted_replay_goes_on_where_it_was(tmp_path: Path) -> None:
    suites = ScriptedSuites()

    def crash(files: dict[str, bytes], command: str) -> TestRun:
        if files["a.py"] == NONE:
            raise RuntimeError("as if the process had ended here")
        return a_run(files)

    suites.answer = crash
    with pytest.raises(RuntimeError):
        replayed(*SESSION, base=BASE, suites=suites, sandbox=KnownImage(), cache=FileRunCache(tmp_path))
    again = ScriptedSuites()

    result = replayed(*SESSION, base=BASE, suites=again, sandbox=KnownImage(), cache=FileRunCache(tmp_path))

    assert [files["a.py"] for files, _ in again.runs] == [NONE]
    assert statuses(result) == "c" * 8
    assert result.replay.runs_from_cache == 5


def test_only_runs_that_completed_are_kept(tmp_path: Path) -> None:
    away = ScriptedSuites(lambda files, command: TestRun(tree="replay", outcome="could_not_run", reason="no engine"))
    replayed(*SESSION, base=BASE, suites=away, sandbox=KnownImage(), cache=FileRunCache(tmp_path))

    result = replayed(*SESSION, base=BASE, sandbox=KnownImage(), cache=FileRunCache(tmp_path))

    assert statuses(result) == "c" * 8
    assert result.replay.runs_executed == 3


def test_without_a_known_image_nothing_is_kept(tmp_path: Path) -> None:
    replayed(*SESSION, base=BASE, cache=FileRunCache(tmp_path))

    assert list(tmp_path.iterdir()) == []


def test_a_commit_shows_what_was_dropped() -> None:
    diff = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n-bug\n-bug\n+ok\n+ok\n"
    commit = an_event("commit", sha="c1d2e3f", message="x", parent_sha="8f0f4d5", diff=diff)

    honest = replayed(*SESSION, commit, base=BASE)
    dropped = replayed(*SESSION[:5], *SESSION[6:], commit, base=BASE)

    assert statuses(honest) == "c" * 9
    assert [(end.against, end.equal) for end in honest.replay.ends] == [("commit_after", True)]
    assert statuses(dropped) == "ccccc" + "cc" + "r"
    assert [(end.against, end.equal) for end in dropped.replay.ends] == [("commit_after", False)]


def test_what_rests_on_an_edit_that_does_not_fit_is_not_blamed() -> None:
    result = replayed(an_edit("a.py", "@@ -1 +1 @@\n-q\n+w\n"), a_result(9, 0), base=BASE)

    assert statuses(result) == "ru"
    assert "rests on event 1" in result.claims[1].reason


def test_the_list_of_claims_is_the_same_each_time() -> None:
    results = [replayed(*SESSION, base=BASE, final=BASE) for _ in range(2)]

    assert results[0] == results[1]
    assert [claim.seq for claim in results[0].claims] == [*range(1, 9), None]
