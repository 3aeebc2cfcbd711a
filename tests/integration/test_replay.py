"""Replays for real: the bundled sessions as they are and with one lie each, in real containers."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.cli.demo import SAMPLE_REPO, SESSIONS
from app.models.base import STORED
from app.models.replay import ReplayResult
from app.models.trace import TRACE
from app.qa.base import TreeFile
from app.qa.replay import Replayer, ReplayTask
from app.qa.run_cache import FileRunCache
from app.qa.sandbox.docker_sandbox import DockerSandbox
from app.qa.trees import FolderTree
from app.qa.workspaces import Workspaces
from app.utils.clock import utc_now

pytestmark = pytest.mark.docker
Session = dict[str, Any]


class SampleTree:
    """The sample without its recordings."""

    def files(self) -> Iterator[TreeFile]:
        return (file for file in FolderTree(SAMPLE_REPO).files() if not file.path.startswith("sessions/"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> FileRunCache:
    """What was run for one test is known to the next."""
    return FileRunCache(tmp_path_factory.mktemp("runs"))


def load(name: str) -> Session:
    session: Session = json.loads((SAMPLE_REPO / "sessions" / f"{name}.json").read_text(encoding="utf-8"))
    for seq, event in enumerate(session["events"], 1):
        event["seq"] = seq
    return {**session, "created_at": session["start_time"], "request_sha256": "0" * 64}


@pytest.fixture
def replayer(sandbox: DockerSandbox, runs: FileRunCache) -> Replayer:
    return Replayer(sandbox, None, runs, utc_now, budget_s=600)


def replay(replayer: Replayer, session: Session, *, replay_commands: bool = False) -> ReplayResult:
    trace = TRACE.validate_json(json.dumps(session), context=STORED)
    return replayer.replay(ReplayTask(trace, Workspaces(base=SampleTree()), replay_commands=replay_commands))


def refuted(result: ReplayResult) -> list[str | None]:
    return [claim.event_id for claim in result.claims if claim.status == "refuted"]


def confirmed(result: ReplayResult) -> set[str | None]:
    return {claim.event_id for claim in result.claims if claim.status == "confirmed"}


def place(session: Session, event_id: str) -> int:
    return next(at for at, event in enumerate(session["events"]) if event["event_id"] == event_id)


def altered(session: Session, event_id: str, **data: Any) -> Session:
    """The session with one event that says something else."""
    other = copy.deepcopy(session)
    other["events"][place(session, event_id)]["data"].update(data)
    return other


def without(session: Session, event_id: str) -> Session:
    return {**session, "events": [event for event in session["events"] if event["event_id"] != event_id]}


def swapped(session: Session, one: str, other: str) -> Session:
    events = list(session["events"])
    first, second = place(session, one), place(session, other)
    events[first], events[second] = events[second], events[first]
    return {**session, "events": events}


@pytest.mark.parametrize("name", SESSIONS)
def test_an_honest_session_is_confirmed_wherever_it_can_be_checked(replayer: Replayer, name: str) -> None:
    session = load(name)

    result = replay(replayer, session, replay_commands=True)

    assert result.replay.outcome == "completed"
    assert [(end.against, end.equal) for end in result.replay.ends] == [("commit_after", True)]
    assert refuted(result) == []
    never_run = {claim.event_id for claim in result.claims if claim.status == "unverifiable"}
    assert all("it is not run again" in claim.reason for claim in result.claims if claim.event_id in never_run)
    kinds = {event["event_id"]: event for event in session["events"]}
    assert {kinds[str(event_id)]["event_type"] for event_id in never_run} <= {"terminal_command"}
    assert not any("pytest" in kinds[str(event_id)]["data"]["command"] for event_id in never_run)


def test_a_second_replay_runs_nothing(replayer: Replayer) -> None:
    first = replay(replayer, load("thoughtful-fix"))

    second = replay(replayer, load("thoughtful-fix"))

    assert second.replay.runs_executed == 0
    assert second.claims == first.claims


LIES = {
    "a test count": lambda session: altered(session, "e15", num_passed=35),
    "a failing test": lambda session: altered(session, "e15", failed_tests=["tests/test_memo.py::test_other"]),
    "a summary": lambda session: altered(session, "e28", summary="38 passed in 0.06s"),
    "an outcome": lambda session: altered(session, "e03", tests_passed=True),
    "an exit status": lambda session: altered(session, "e14", exit_code=0),
    "an output from another run": lambda session: altered(
        session, "e14", output=session["events"][place(session, "e02")]["data"]["output"]
    ),
    "a hash before": lambda session: altered(session, "e21", hash_before="0" * 64),
    "a hash after": lambda session: altered(session, "e13", hash_after="0" * 64),
    "a snapshot": lambda session: altered(session, "e13", snapshot_after="something else\n"),
}
BLAMED = dict(zip(LIES, ["e15", "e15", "e28", "e03", "e14", "e14", "e21", "e13", "e13"], strict=True))


@pytest.mark.parametrize("lie", LIES)
def test_one_lie_is_refuted_where_it_stands_and_all_else_confirmed(replayer: Replayer, lie: str) -> None:
    honest = load("thoughtful-fix")

    result = replay(replayer, LIES[lie](honest))

    assert refuted(result) == [BLAMED[lie]]
    assert confirmed(result) == confirmed(replay(replayer, honest)) - {BLAMED[lie]}


@pytest.mark.parametrize(
    ("name", "dropped", "blamed"),
    [
        ("thoughtful-fix", "e13", "e20"),
        ("thoughtful-fix", "e20", "e21"),
        ("thoughtful-fix", "e21", "e32"),
        ("thoughtful-fix", "e25", "e32"),
        ("failed-attempt", "e07", "e23"),
        ("failed-attempt", "e10", "e14"),
        ("failed-attempt", "e14", "e28"),
        ("failed-attempt", "e18", "e22"),
        ("careless-success", "e02", "e07"),
    ],
)
def test_a_dropped_edit_is_blamed_on_the_next_event_that_shows_it_and_all_else_confirmed(
    replayer: Replayer, name: str, dropped: str, blamed: str
) -> None:
    honest = load(name)

    result = replay(replayer, without(honest, dropped))

    assert refuted(result) == [blamed]
    assert confirmed(result) == confirmed(replay(replayer, honest)) - {dropped, blamed}


@pytest.mark.parametrize(
    ("name", "one", "other", "blamed"),
    [("thoughtful-fix", "e20", "e21", "e21"), ("failed-attempt", "e10", "e14", "e14"), ("failed-attempt", "e18", "e22", "e22")],
)
def test_of_two_swapped_edits_the_one_that_came_too_early_is_refuted(
    replayer: Replayer, name: str, one: str, other: str, blamed: str
) -> None:
    honest = load(name)

    result = replay(replayer, swapped(honest, one, other))

    assert refuted(result) == [blamed]
    between = {event["event_id"] for event in honest["events"][place(honest, one) : place(honest, other)]}
    assert confirmed(replay(replayer, honest)) - between - {blamed} <= confirmed(result)
    assert one in confirmed(result)


def test_other_runners_than_pytest_are_compared_too(sandbox: DockerSandbox, tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import unittest\n\nclass TestA(unittest.TestCase):\n    def test_b(self):\n        self.assertEqual(1, 2)\n\n"
        "    def test_c(self):\n        pass\n"
    )
    command = "python -m unittest -v"
    data = {"tests_passed": False, "test_command": command, "summary": "Ran 2 tests in 0.001s\n\nFAILED (failures=1)"}
    honest = {**data, "num_passed": 1, "num_failed": 1, "failed_tests": ["test_b (test_a.TestA.test_b)"]}
    false = {**honest, "num_passed": 2, "num_failed": 0}
    session = load("careless-success")
    stamp = session["start_time"]
    session["events"] = [
        {"event_type": "test_result", "timestamp": stamp, "event_id": name, "data": data}
        for name, data in (("honest", honest), ("false", false))
    ]
    trace = TRACE.validate_json(json.dumps(session), context=STORED)
    replayer = Replayer(sandbox, None, FileRunCache(tmp_path / "runs"), utc_now, budget_s=600)

    result = replayer.replay(ReplayTask(trace, Workspaces(base=FolderTree(tmp_path))))

    assert (confirmed(result), refuted(result)) == ({"honest"}, ["false"])
